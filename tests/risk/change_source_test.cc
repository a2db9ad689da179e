#include "auspex/risk/change_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "tests/change/scratch_repository.h"

namespace auspex::risk {
namespace {

// A clone with tags v1 and shop/2.0, a ledger, and a program in the place of `auspex risk` that
// keeps what it was asked.
class World {
 public:
  World() {
    auto opened = storage::SqliteLedger::Open({.path = folder_.path() + "/ledger.db"});
    EXPECT_TRUE(opened.ok());
    ledger_ = *std::move(opened);
    clone_.Write("services/shop/cart.py", "x = 1\n");
    clone_.Commit("first");
    clone_.Git({"tag", "v1"});
    clone_.Write("services/shop/cart.py", "x = 2\n");
    second_ = clone_.Commit("second");
    clone_.Git({"tag", "shop/2.0"});
    Answers(kGood);
  }
  static constexpr const char* kGood =
      R"(echo 'reading the history: 1 of 9 commits' >&2
echo '{"change":{"range":"refs/tags/v1..refs/tags/shop/2.0","commits":3,"known":{"la":7}}}')";
  void Answers(const std::string& how) const {
    const std::string next = Program() + ".next";  // one that runs is not written over
    std::ofstream(next) << "#!/bin/sh\necho \"$@\" >> " << Asked() << "\n" << how << "\n";
    ::chmod(next.c_str(), 0755);
    std::filesystem::rename(next, Program());
  }
  void Ended(const std::string& id, const std::string& version, const char* decision,
             std::int64_t second) const {
    const WallTime at = FromMicros(1'767'225'600'000'000 + second * 1'000'000);
    storage::Batch batch;
    batch.deployments = {{id, "shop", true, at, at,
                          R"({"version":")" + version + R"(","decision":")" + decision + R"("})"}};
    ASSERT_TRUE(ledger_->Commit(batch).ok());
  }
  [[nodiscard]] std::unique_ptr<ChangeSource> Make(const std::string& path = {}) const {
    return std::make_unique<ChangeSource>(
        ChangeSource::Dependencies{
            ledger_.get(), &clock_, &log_, {Program(), "risk"}, {{"PATH", "/usr/bin:/bin"}}},
        std::vector<CodeSource>{{"shop", clone_.path(), path},
                                {"cart", clone_.path(), path.empty() ? "" : "services/cart"}});
  }
  // One whose clone has been begun to be read ahead: both services have the same.
  [[nodiscard]] std::unique_ptr<ChangeSource> MakeAndWait(const std::string& path = {}) const {
    auto source = Make(path);
    while (Calls().empty()) std::this_thread::sleep_for(1ms);  // the test has a limit
    return source;
  }
  // Of each call of the program, a line.
  [[nodiscard]] std::vector<std::string> Calls() const {
    std::ifstream file(Asked());
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  [[nodiscard]] const std::string& clone() const { return clone_.path(); }
  [[nodiscard]] const std::string& second() const { return second_; }
  void Tag(const std::string& tag, const std::string& commit) const {
    clone_.Git({"tag", tag, commit});
  }

 private:
  [[nodiscard]] std::string Program() const { return folder_.path() + "/program"; }
  [[nodiscard]] std::string Asked() const { return folder_.path() + "/asked"; }

  change::ScratchRepository folder_;
  change::ScratchRepository clone_;
  std::string second_;
  RealClock clock_;
  Logger log_{LogLevel::kError, [](std::string_view) {}};
  std::unique_ptr<storage::Ledger> ledger_;
};

TEST(ChangeSource, FindsTheVersionsByTheirTags) {
  const World world;
  const auto source = world.MakeAndWait();
  const ChangeFacts facts =
      source->Look({.service = "shop", .version = "2.0", .baseline_version = "1"}, 30s);
  EXPECT_EQ(facts.commits, 3U);
  EXPECT_EQ(facts.known.at("la"), 7.0);
  EXPECT_EQ(facts.range, "v1..shop/2.0");
  const std::vector<std::string> calls = world.Calls();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0], "risk --json -- " + world.clone());
  EXPECT_EQ(calls[1], "risk --json -- " + world.clone() + " refs/tags/v1..refs/tags/shop/2.0");
}

// A build's number is as well the beginning of some commit's id.
TEST(ChangeSource, TakesNoNumberForACommit) {
  const World world;
  const std::string number = world.second().substr(0, 4);
  world.Tag("v" + number, "v1");
  const auto source = world.MakeAndWait();
  const auto look = [&](const std::string& version) {
    return source->Look({.service = "shop", .version = version, .baseline_version = "v1"}, 30s);
  };
  EXPECT_EQ(look(number).commits, 3U);
  EXPECT_NE(world.Calls().back().find("..refs/tags/v" + number), std::string::npos);
  EXPECT_NE(look(world.second().substr(0, 6)).model.find("no tag or commit"), std::string::npos);
  EXPECT_EQ(look(world.second().substr(0, 12)).commits, 3U);
  EXPECT_NE(world.Calls().back().find(".." + world.second().substr(0, 12)), std::string::npos);
  for (const char* no : {"HEAD", "main", "v1^{}", "refs/tags/v1", "v1..v1", "-v1", ""})
    EXPECT_EQ(look(no).commits, 0U) << no;
}

TEST(ChangeSource, ReadsAheadFromTheVersionThatServes) {
  const World world;
  world.Ended("d1", "2.0", "promote", 1);
  const auto source = world.MakeAndWait();
  EXPECT_EQ(world.Calls()[0],
            "risk --json -- " + world.clone() + " refs/tags/shop/2.0~1..refs/tags/shop/2.0");
}

TEST(ChangeSource, TakesTheLastPromotedVersionForTheOneThatServes) {
  const World world;
  world.Ended("d1", "v1", "promote", 1);
  world.Ended("d2", "1.9", "roll_back", 2);
  const auto source = world.MakeAndWait();
  const ChangeFacts facts = source->Look({.service = "shop", .version = "2.0"}, 30s);
  EXPECT_EQ(facts.commits, 3U) << facts.model;
  EXPECT_NE(world.Calls().back().find(" refs/tags/v1..refs/tags/shop/2.0"), std::string::npos);
}

TEST(ChangeSource, TellsWhereTheServicesLie) {
  const World world;
  const auto source = world.MakeAndWait("services/shop");
  static_cast<void>(
      source->Look({.service = "shop", .version = "2.0", .baseline_version = "v1"}, 30s));
  EXPECT_EQ(world.Calls().back(),
            "risk --json --path shop=services/shop --path cart=services/cart --service shop -- " +
                world.clone() + " refs/tags/v1..refs/tags/shop/2.0");
}

TEST(ChangeSource, SaysWhyTheChangeIsNotKnown) {
  const World world;
  const auto source = world.MakeAndWait();
  const auto why = [&](const ChangeSource::Ask& ask) { return source->Look(ask, 30s).model; };
  EXPECT_EQ(
      why({.service = "shop", .version = "9.9", .baseline_version = "v1"}),
      "what it changes is not known: " + world.clone() + " has no tag or commit of version 9.9");
  EXPECT_NE(why({.service = "shop", .version = "2.0"}).find("--baseline-version"),
            std::string::npos);
  EXPECT_EQ(why({.service = "other", .version = "2.0"}), "");
  world.Answers(
      "echo 'reading the history: 1 of 9 commits' >&2; echo 'auspex risk: broken' >&2; exit 3");
  EXPECT_EQ(why({.service = "shop", .version = "2.0", .baseline_version = "v1"}),
            "what it changes is not known: broken");
  world.Answers("echo 'reading the history: 1 of 9 commits' >&2; kill -KILL $$");
  EXPECT_EQ(why({.service = "shop", .version = "2.0", .baseline_version = "v1"}),
            "what it changes is not known: the process that read it was ended by signal 9");
  world.Answers("echo 'auspex risk: refs/tags/v1..refs/tags/v1 is empty' >&2; exit 4");
  EXPECT_EQ(why({.service = "shop", .version = "2.0", .baseline_version = "v1"}),
            "nothing changes: v1..v1 is empty");
  EXPECT_EQ(why({.service = "shop", .version = "1", .baseline_version = "2.0"}),
            "it goes back: from shop/2.0 to v1: 1 commits are taken out again, which is not looked "
            "at");
  world.Answers("echo nonsense");
  EXPECT_NE(why({.service = "shop", .version = "2.0", .baseline_version = "v1"}).find("no answer"),
            std::string::npos);
}

TEST(ChangeSource, NobodyWaitsLongAndItEndsWhileAProgramReads) {
  const World world;
  world.Answers("sleep 1000");
  const auto source = world.MakeAndWait();
  const ChangeSource::Ask ask{.service = "shop", .version = "2.0", .baseline_version = "v1"};
  EXPECT_NE(source->Look(ask, 20ms).model.find("behind other reading"), std::string::npos);
  std::vector<std::thread> waiting;
  std::atomic<int> busy = 0;
  for (int i = 0; i < 4; ++i)
    waiting.emplace_back([&] {
      busy += source->Look(ask, 1s).model.find("for other deployments") != std::string::npos;
    });
  for (std::thread& one : waiting) one.join();
  EXPECT_EQ(busy, 2);
  std::thread stopper([&] { source->Stop(); });
  EXPECT_FALSE(source->Look(ask, 1h).model.empty());
  stopper.join();
}

// What took too long is read to its end, before other clones are read ahead.
TEST(ChangeSource, ReadsOnForTheNextTime) {
  const World world;
  world.Answers(std::string("sleep 0.3; ") + World::kGood);
  const auto source = world.MakeAndWait();
  const ChangeSource::Ask ask{.service = "shop", .version = "2.0", .baseline_version = "v1"};
  EXPECT_EQ(source->Look(ask, 1ms).commits, 0U);
  world.Answers(World::kGood);
  EXPECT_EQ(source->Look(ask, 30s).commits, 3U);
  EXPECT_EQ(world.Calls().size(), 3U);
}

}  // namespace
}  // namespace auspex::risk
