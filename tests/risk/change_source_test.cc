#include "auspex/risk/change_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
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
    clone_.Commit("second");
    clone_.Git({"tag", "shop/2.0"});
    Answers(R"(echo '{"change":{"range":"v1..shop/2.0","commits":3,"known":{"la":7}}}')");
  }
  void Answers(const std::string& how) const {
    std::ofstream(Program()) << "#!/bin/sh\necho \"$@\" >> " << Asked() << "\n" << how << "\n";
    ::chmod(Program().c_str(), 0755);
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
  // Of each call of the program, a line.
  [[nodiscard]] std::vector<std::string> Calls() const {
    std::ifstream file(Asked());
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  [[nodiscard]] const std::string& clone() const { return clone_.path(); }

 private:
  [[nodiscard]] std::string Program() const { return folder_.path() + "/program"; }
  [[nodiscard]] std::string Asked() const { return folder_.path() + "/asked"; }

  change::ScratchRepository folder_;
  change::ScratchRepository clone_;
  RealClock clock_;
  Logger log_{LogLevel::kError, [](std::string_view) {}};
  std::unique_ptr<storage::Ledger> ledger_;
};

TEST(ChangeSource, FindsTheVersionsByTheirTags) {
  const World world;
  const auto source = world.Make();
  const ChangeFacts facts =
      source->Look({.service = "shop", .version = "2.0", .baseline_version = "1"}, 30s);
  EXPECT_EQ(facts.commits, 3U);
  EXPECT_EQ(facts.known.at("la"), 7.0);
  const std::vector<std::string> calls = world.Calls();
  ASSERT_EQ(calls.size(), 2U);  // both services have one clone, which is read once at the start
  EXPECT_EQ(calls[0], "risk --json -- " + world.clone());
  EXPECT_EQ(calls[1], "risk --json -- " + world.clone() + " v1..shop/2.0");
}

TEST(ChangeSource, TakesTheLastPromotedVersionForTheOneThatServes) {
  const World world;
  world.Ended("d1", "v1", "promote", 1);
  world.Ended("d2", "1.9", "roll_back", 2);
  const ChangeFacts facts = world.Make()->Look({.service = "shop", .version = "2.0"}, 30s);
  EXPECT_EQ(facts.commits, 3U) << facts.model;
  EXPECT_NE(world.Calls().back().find(" v1..shop/2.0"), std::string::npos);
}

TEST(ChangeSource, TellsWhereTheServicesLie) {
  const World world;
  const auto source = world.Make("services/shop");
  static_cast<void>(
      source->Look({.service = "shop", .version = "2.0", .baseline_version = "v1"}, 30s));
  EXPECT_EQ(world.Calls().back(),
            "risk --json --path shop=services/shop --path cart=services/cart --service shop -- " +
                world.clone() + " v1..shop/2.0");
}

TEST(ChangeSource, SaysWhyTheChangeIsNotKnown) {
  const World world;
  const auto source = world.Make();
  const auto why = [&](const ChangeSource::Ask& ask) { return source->Look(ask, 30s).model; };
  EXPECT_EQ(
      why({.service = "shop", .version = "9.9", .baseline_version = "v1"}),
      "what it changes is not known: " + world.clone() + " has no tag or commit of version 9.9");
  EXPECT_NE(why({.service = "shop", .version = "2.0"}).find("--baseline-version"),
            std::string::npos);
  EXPECT_EQ(why({.service = "other", .version = "2.0"}), "");
  world.Answers("echo 'auspex risk: broken' >&2; exit 3");
  EXPECT_EQ(why({.service = "shop", .version = "2.0", .baseline_version = "v1"}),
            "what it changes is not known: auspex risk: broken");
  world.Answers("echo nonsense");
  EXPECT_NE(why({.service = "shop", .version = "2.0", .baseline_version = "v1"}).find("no answer"),
            std::string::npos);
}

TEST(ChangeSource, NobodyWaitsLongAndItEndsWhileAProgramReads) {
  const World world;
  world.Answers("sleep 1000");
  const auto source = world.Make();
  const ChangeSource::Ask ask{.service = "shop", .version = "2.0", .baseline_version = "v1"};
  EXPECT_NE(source->Look(ask, 20ms).model.find("is still being read"), std::string::npos);
  std::vector<std::thread> waiting;
  std::atomic<int> busy = 0;
  for (int i = 0; i < 4; ++i)
    waiting.emplace_back([&] {
      busy += source->Look(ask, 2s).model.find("for other deployments") != std::string::npos;
    });
  for (std::thread& one : waiting) one.join();
  EXPECT_EQ(busy, 2);
}

}  // namespace
}  // namespace auspex::risk
