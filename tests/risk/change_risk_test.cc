#include "auspex/risk/change_risk.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auspex/change/features.h"
#include "auspex/model/model.h"
#include "tests/change/scratch_repository.h"

namespace auspex::risk {
namespace {

using change::CommitId;
using change::ScratchRepository;
using change::git::Repository;

// Written by `git fast-import` in one go. Of each four commits one adds forty lines to the engine,
// and the next but one mends some of them; the others are small and are never mended.
class History {
 public:
  explicit History(int commits) {
    for (int i = 0; i < commits; ++i) Add(i);
  }
  void Into(const ScratchRepository& repository) const {
    repository.Git({"fast-import", "--quiet"}, stream_);
    repository.Git({"reset", "-q", "--hard"});
  }

 private:
  void Add(int i) {
    if (i % 4 == 1) {
      for (int k = 0; k < 40; ++k) engine_.push_back(fmt::format("int f{}_{} = g({});", i, k, k));
      Write(i, "engine: new mode", "b@example.com", "core/engine.c", engine_);
    } else if (i % 4 == 3) {
      for (int k = 0; k < 5; ++k)
        engine_[engine_.size() - 30 + static_cast<std::size_t>(k)] =
            fmt::format("int f{}_{} = safe(g({}));", i - 2, k, k);
      Write(i, "Fix crash in the engine", "a@example.com", "core/engine.c", engine_);
    } else {
      Write(i, "util: another helper", "a@example.com", fmt::format("util/u{}.c", i),
            {fmt::format("int u{} = {};", i, i)});
    }
  }
  void Write(int i, const std::string& message, const std::string& email, const std::string& path,
             const std::vector<std::string>& lines) {
    std::string content;
    for (const std::string& line : lines) content += line + "\n";
    const int at = 1'500'000'000 + i * 5 * 86'400;
    stream_ += fmt::format(
        "commit refs/heads/main\nauthor A <{0}> {1} +0000\ncommitter C <c@example.com> {1} +0000\n"
        "data {2}\n{3}\nM 100644 inline {4}\ndata {5}\n{6}\n",
        email, at, message.size(), message, path, content.size(), content);
  }

  std::vector<std::string> engine_;
  std::string stream_;
};

ChangeRisk MustLook(const std::string& repository, const std::string& range,
                    const std::string& cache) {
  auto risk = LookAtChange({.repository = repository, .range = range, .cache = cache});
  EXPECT_TRUE(risk.ok()) << risk.error().message;
  return *std::move(risk);
}

double LogOddsOf(const ChangeRisk& risk) { return risk.facts.known.at("change_log_odds"); }

TEST(LookAtChange, TellsOfAYoungRepositoryWhatTheChangeDoesAndNoMore) {
  const ScratchRepository repository;
  repository.Write(
      "package-lock.json",
      R"({"lockfileVersion":3,"packages":{"node_modules/react":{"version":"17.0.2"}}})");
  const std::string base = repository.Commit("first");
  repository.Write(
      "package-lock.json",
      R"({"lockfileVersion":3,"packages":{"node_modules/react":{"version":"18.2.0"}}})");
  repository.Write("db/migrate/20240101_add_users.sql", "CREATE TABLE users (id INT);\n");
  repository.Commit("users");
  const ScratchRepository cache;
  const ChangeRisk risk = MustLook(repository.path(), base + "..HEAD", cache.path() + "/c");
  EXPECT_EQ(risk.facts.commits, 1U);
  EXPECT_EQ(risk.facts.known.at("files_migration"), 1.0);
  EXPECT_EQ(risk.facts.known.at("deps_major"), 1.0);
  EXPECT_FALSE(risk.facts.known.contains("change_log_odds"));
  EXPECT_NE(risk.facts.model.find("is not known yet"), std::string::npos) << risk.facts.model;
  ASSERT_FALSE(risk.notes.empty());
  EXPECT_NE(risk.notes[0].find("react 17.0.2"), std::string::npos) << risk.notes[0];
}

TEST(LookAtChange, OfAServiceIsWhatItsFolderHasOfTheChange) {
  const ScratchRepository repository;
  repository.Write("services/shop/a.py", "x = 1\n");
  repository.Write("services/cart/b.py", "x = 1\n");
  repository.Write("lib/c.py", "x = 1\n");
  const std::string base = repository.Commit("first");
  repository.Write("services/cart/db/migrate/20240101_carts.sql", "CREATE TABLE carts (id INT);\n");
  repository.Commit("carts");
  repository.Write("services/cart/b.py", "x = 2\n");
  repository.Write("services/shop/a.py", "x = 2\ny = 1\n");
  repository.Write("lib/c.py", "x = 2\n");
  const std::string both = repository.Commit("everywhere");
  const auto look = [&](const std::string& service, const std::string& range) {
    return LookAtChange({.repository = repository.path(),
                         .range = range,
                         .services = {{"services/shop", "shop"}, {"services/cart", "cart"}},
                         .service = service,
                         .cache = {}});
  };
  const auto shop = look("shop", base + "..HEAD");
  ASSERT_TRUE(shop.ok()) << shop.error().message;
  EXPECT_EQ(shop->facts.commits, 1U);
  EXPECT_EQ(shop->facts.known.at("la"), 2.0);
  EXPECT_EQ(shop->facts.known.at("files_migration"), 0.0);
  EXPECT_EQ(shop->facts.known.at("services"), 3.0);  // shop, cart and the rest
  const auto cart = look("cart", base + "..HEAD");
  ASSERT_TRUE(cart.ok()) << cart.error().message;
  EXPECT_EQ(cart->facts.commits, 2U);
  EXPECT_EQ(cart->facts.known.at("files_migration"), 1.0);
  EXPECT_EQ(look("", base + "..HEAD")->facts.known.at("la"), 5.0);
  const auto nested = LookAtChange(
      {.repository = repository.path(),
       .range = base + "..HEAD",
       .services = {{"services", "all"}, {"services/shop", "shop"}, {"services/cart", "cart"}},
       .service = "all",
       .cache = {}});
  ASSERT_FALSE(nested.ok());  // each file there belongs to a service within
  EXPECT_EQ(nested.error().code, ErrorCode::kNoData);
  const auto none = look("shop", base + ".." + both + "~1");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::kNoData);
  EXPECT_NE(
      none.error().message.find("nothing of service shop changes; it lies below services/shop"),
      std::string::npos)
      << none.error().message;
  const auto mistyped = LookAtChange({.repository = repository.path(),
                                      .range = base + "..HEAD",
                                      .services = {{"services/shpo", "shop"}},
                                      .service = "shop",
                                      .cache = {}});
  ASSERT_FALSE(mistyped.ok());
  EXPECT_EQ(mistyped.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(mistyped.error().message.find("there is no folder 'services/shpo'"), std::string::npos);
  const auto unknown = look("pay", base + "..HEAD");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::kInvalidArgument);
}

TEST(LookAtChange, SaysWhatIsTakenOutAgain) {
  const ScratchRepository repository;
  repository.Commit("first");
  repository.Git({"checkout", "-q", "-b", "other"});
  repository.Write("a.py", "x = 1\n");
  repository.Commit("only here");
  repository.Git({"checkout", "-q", "main"});
  repository.Write("b.py", "x = 1\n");
  repository.Commit(std::string(70, 'x') + "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
  const ChangeRisk risk = MustLook(repository.path(), "other..main", {});
  EXPECT_EQ(risk.facts.model.substr(0, 37), "1 commit of other is not in it: deplo")
      << risk.facts.model;
  EXPECT_EQ(MustLook(repository.path(), "main~1..main", {}).facts.model.find("not in it"),
            std::string::npos);
}

TEST(LookAtChange, LearnsWhatHadToBeMendedAndWhatDidNot) {
  ScratchRepository repository;
  History(200).Into(repository);
  const ScratchRepository cache;
  const std::string base = repository.Git({"rev-parse", "HEAD"}).substr(0, 40);
  repository.As("a@example.com", "1600000000 +0000");
  repository.Write("util/new.c", "int n = 1;\n");
  repository.Commit("util: one more");
  const ChangeRisk harmless = MustLook(repository.path(), base + "..HEAD", cache.path() + "/c");
  repository.Git({"reset", "-q", "--hard", base});
  repository.As("b@example.com", "1600000000 +0000");
  std::string more = repository.Git({"show", "HEAD:core/engine.c"});
  for (int k = 0; k < 40; ++k) more += fmt::format("int x{} = g({});\n", k, k);
  repository.Write("core/engine.c", more);
  repository.Commit("engine: faster");
  const ChangeRisk risky = MustLook(repository.path(), base + "..HEAD", cache.path() + "/c");
  EXPECT_LT(LogOddsOf(harmless), 0.0);
  EXPECT_GT(LogOddsOf(risky), LogOddsOf(harmless) + 1.0);
  EXPECT_EQ(risky.facts.model, harmless.facts.model);
  EXPECT_NE(risky.facts.model.find("learned from"), std::string::npos) << risky.facts.model;
  ASSERT_FALSE(risky.facts.reasons.empty());
  EXPECT_EQ(risky.commits.size(), 1U);
}

TEST(LookAtChange, SaysWhatAPartOfItWouldBe) {
  ScratchRepository repository;
  History(200).Into(repository);
  const std::string base = repository.Git({"rev-parse", "HEAD"}).substr(0, 40);
  repository.As("a@example.com", "1600000000 +0000");
  repository.Write("util/new.c", "int n = 1;\n");
  repository.Commit("util: one more");
  repository.As("b@example.com", "1600000100 +0000");
  std::string more = repository.Git({"show", "HEAD:core/engine.c"});
  for (int k = 0; k < 40; ++k) more += fmt::format("int x{} = g({});\n", k, k);
  repository.Write("core/engine.c", more);
  const std::string risky = repository.Commit("engine: faster");
  const ScratchRepository cache;
  const ChangeRisk risk = MustLook(repository.path(), base + "..HEAD", cache.path() + "/c");
  ASSERT_EQ(risk.commits.size(), 2U);
  EXPECT_EQ(risk.commits[0].id, risky);
  const std::string action =
      "leave " + risky.substr(0, 10) + " \"engine: faster\" to a deployment of its own";
  bool found = false;
  for (const Alternative& one : risk.facts.alternatives) {
    if (one.action != action) continue;
    found = true;
    EXPECT_LT(one.known.at("change_log_odds"), LogOddsOf(risk));
  }
  EXPECT_TRUE(found);
}

TEST(LearnRepository, KnowsNothingOfWhatCameLater) {
  const ScratchRepository whole, half;
  History(200).Into(whole);
  History(140).Into(half);
  const auto learn = [](const ScratchRepository& scratch, const std::string& revision,
                        const std::string& cache) {
    const auto repository = Repository::Open(scratch.path());
    EXPECT_TRUE(repository.ok());
    const auto until = repository->Resolve(revision);
    EXPECT_TRUE(until.ok());
    auto learned = LearnRepository(*repository, *until, {}, cache, {});
    EXPECT_TRUE(learned.ok()) << learned.error().message;
    return *std::move(learned);
  };
  const ScratchRepository cache;
  const RepositoryModel all = learn(whole, "HEAD", cache.path() + "/a");
  // The model of all of it is kept there now, and must not be taken for what came before.
  const RepositoryModel then = learn(whole, "HEAD~60", cache.path() + "/a");
  const RepositoryModel truncated = learn(half, "HEAD", cache.path() + "/b");
  EXPECT_NE(all.says, then.says);
  EXPECT_EQ(then.says, truncated.says);
  ASSERT_NE(then.model, nullptr);
  model::Table rows;
  for (const FeatureSpec& spec : change::kChangeFeatures) rows.columns.emplace_back(spec.name);
  for (std::size_t i = 0; i < 3 * change::kFeatureCount; ++i)
    rows.values.push_back(static_cast<double>(i % 7));
  EXPECT_EQ(*then.model->Chances(rows), *truncated.model->Chances(rows));
}

TEST(LookAtChange, RefusesWhatItCannotRead) {
  const auto code = [](const std::string& repository, const std::string& range) {
    return LookAtChange({.repository = repository, .range = range, .cache = ""}).error().code;
  };
  EXPECT_EQ(code("/nowhere", ""), ErrorCode::kNotFound);
  const ScratchRepository repository;
  EXPECT_EQ(code(repository.path(), ""), ErrorCode::kNoData);
  repository.Commit("first");
  EXPECT_EQ(code(repository.path(), "nobody..HEAD"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(repository.path(), "HEAD..HEAD"), ErrorCode::kNoData);
}

}  // namespace
}  // namespace auspex::risk
