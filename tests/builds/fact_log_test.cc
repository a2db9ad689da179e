#include "auspex/builds/ledger/fact_log.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "tests/builds/support.h"

namespace auspex::builds {
namespace {

class FactLogTest : public ::testing::Test {
 protected:
  FactLogTest() {
    std::string name = (std::filesystem::temp_directory_path() / "auspex-facts-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    Open();
  }
  ~FactLogTest() override {
    log_.reset();
    ledger_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Open() {
    log_.reset();
    ledger_.reset();
    auto ledger = storage::SqliteLedger::Open({.path = folder_ + "/ledger.db"});
    ASSERT_TRUE(ledger.ok()) << ledger.error().message;
    ledger_ = *std::move(ledger);
    auto log = FactLog::Open(ledger_.get());
    ASSERT_TRUE(log.ok()) << log.error().message;
    log_ = *std::move(log);
  }

  std::string folder_;
  std::unique_ptr<storage::Ledger> ledger_;
  std::unique_ptr<FactLog> log_;
};

std::vector<Fact> TwoBuilds() {
  return ParseBuilds(R"([{"id":"1","service":"shop","status":"passed"},
                         {"id":"2","service":"shop","status":"failed"}])",
                     {}, Defaults())
      .facts;
}

TEST_F(FactLogTest, KeepsEachOnceAlsoOverAStart) {
  const WallTime now = Defaults().received;
  auto kept = log_->Keep(TwoBuilds(), now);
  ASSERT_TRUE(kept.ok()) << kept.error().message;
  EXPECT_EQ(kept->added.size(), 2u);
  Open();
  kept = log_->Keep(TwoBuilds(), now);
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->added.size(), 0u);
  EXPECT_EQ(kept->duplicates, 2u);
  const auto around = log_->Around("shop", now);
  ASSERT_TRUE(around.ok());
  EXPECT_EQ(*around, TwoBuilds());
  const auto entries = ledger_->Entries({.deployment = {}, .kind = "build"});
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ(entries->size(), 2u);
}

TEST_F(FactLogTest, AFactThatStandsTwiceInOneCallCountsOnce) {
  std::vector<Fact> facts = TwoBuilds();
  facts.push_back(facts.front());
  const auto kept = log_->Keep(facts, Defaults().received);
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->added.size(), 2u);
  EXPECT_EQ(kept->duplicates, 1u);
}

TEST_F(FactLogTest, OurOwnRolloutsAreHistoryToo) {
  const WallTime start = At("2026-11-20T10:00:00Z");
  const auto committed = ledger_->Commit(
      {.deployments = {
           {.id = "shop-2-1",
            .service = "shop",
            .ended = true,
            .started_at = start,
            .ended_at = start + std::chrono::minutes(3),
            .body = R"({"version":"2","decision":"roll_back","verdict":"fail","p_fail":0.99,
                        "users_harmed":12.5,"requests":{"canary":100,"baseline":1000},
                        "errors":{"canary":20,"baseline":10}})"}}});
  ASSERT_TRUE(committed.ok()) << committed.error().message;
  auto around = log_->Around("shop", start + std::chrono::minutes(2));
  ASSERT_TRUE(around.ok());
  ASSERT_EQ(around->size(), 1u);  // it has begun, and its end is not known yet
  EXPECT_EQ(KindOf(around->front()), "deployed");
  around = log_->Around("shop", start + std::chrono::minutes(3));
  ASSERT_EQ(around->size(), 2u);
  const auto& outcome = std::get<Outcome>(around->back().what);
  EXPECT_TRUE(outcome.failed);
  EXPECT_TRUE(outcome.rolled_back);
  EXPECT_EQ(outcome.users_harmed, 12.5);
  EXPECT_DOUBLE_EQ(*outcome.error_ratio, 20.0);
}

TEST_F(FactLogTest, WhatIsToldOfARolloutReplacesItsOwnEnd) {
  const WallTime start = At("2026-11-20T10:00:00Z");
  const WallTime end = start + std::chrono::minutes(3);
  const auto committed =
      ledger_->Commit({.deployments = {{.id = "shop-2-1",
                                        .service = "shop",
                                        .ended = true,
                                        .started_at = start,
                                        .ended_at = end,
                                        .body = R"({"decision":"roll_back","verdict":"not_proven",
                                                    "p_fail":0.4})"}}});
  ASSERT_TRUE(committed.ok()) << committed.error().message;
  Fact told{.source = "api",
            .id = "1",
            .service = "shop",
            .at = end + std::chrono::minutes(10),
            .known_at = end + std::chrono::minutes(20),
            .what = Outcome{.failed = true, .deployment = "shop-2-1"}};
  ASSERT_TRUE(log_->Keep({told}, told.known_at).ok());
  const auto ends = [&](WallTime at) {
    std::vector<Fact> outcomes;
    const auto around = log_->Around("shop", at);
    EXPECT_TRUE(around.ok());
    for (const Fact& fact : *around) {
      if (std::holds_alternative<Outcome>(fact.what)) outcomes.push_back(fact);
    }
    return outcomes;
  };
  ASSERT_EQ(ends(told.at).size(), 1U);
  EXPECT_FALSE(std::get<Outcome>(ends(told.at)[0].what).failed);  // it was not known yet
  ASSERT_EQ(ends(told.known_at).size(), 1U);
  // It failed, and the rest is as the rollout knew it.
  const Fact last = ends(told.known_at)[0];
  EXPECT_TRUE(std::get<Outcome>(last.what).failed);
  EXPECT_TRUE(std::get<Outcome>(last.what).rolled_back);
  EXPECT_EQ(std::get<Outcome>(last.what).p_fail, .4);
  EXPECT_EQ(last.at, end);
  // Also where it was told before the rollout had ended.
  Fact early = told;
  early.id = "0";
  early.at = early.known_at = start + std::chrono::minutes(1);
  std::get<Outcome>(early.what).deployment = "shop-2-2";
  ASSERT_TRUE(log_->Keep({early}, early.known_at).ok());
  ASSERT_EQ(ends(start + std::chrono::minutes(2)).size(), 1U);
  ASSERT_TRUE(
      ledger_
          ->Commit({.deployments = {{.id = "shop-2-2",
                                     .service = "shop",
                                     .ended = true,
                                     .started_at = start,
                                     .ended_at = end,
                                     .body = R"({"decision":"promote","verdict":"pass"})"}}})
          .ok());
  ASSERT_EQ(ends(told.known_at).size(), 2U);
  for (const Fact& fact : ends(told.known_at)) {
    EXPECT_TRUE(std::get<Outcome>(fact.what).failed);
    EXPECT_EQ(fact.at, end);
  }
  Open();
  std::size_t from = 0;
  const auto outcomes = log_->ToldOutcomes(&from);
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].deployment, "shop-2-1");
  EXPECT_EQ(outcomes[1].deployment, "shop-2-2");
  EXPECT_TRUE(outcomes[0].failed);
  EXPECT_TRUE(log_->ToldOutcomes(&from).empty());
  told.id = "2";
  ASSERT_TRUE(log_->Keep({told}, told.known_at).ok());
  EXPECT_EQ(log_->ToldOutcomes(&from).size(), 1U);
}

TEST_F(FactLogTest, DamageIsCountedAndStopsNobody) {
  ASSERT_TRUE(ledger_
                  ->Commit({.entries = {{.at = Defaults().received,
                                         .deployment = {},
                                         .kind = "build",
                                         .body = "{}"}}})
                  .ok());
  Open();
  EXPECT_EQ(log_->damaged(), 1u);
}

}  // namespace
}  // namespace auspex::builds
