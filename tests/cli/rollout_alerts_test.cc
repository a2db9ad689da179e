#include "auspex/cli/rollout_alerts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auspex/cli/foretold.h"

namespace auspex::cli {
namespace {

const WallTime kNow = FromMicros(1'764'000'000'000'000);

std::string View(const std::string& state, const std::string& decision,
                 const std::string& more = "") {
  return R"({"id":"d-1","service":"checkout","version":"1.8.2","state":")" + state +
         R"(","decision":")" + decision + R"(","p_fail":0.97,"reason":"errors rose")" + more + "}";
}

constexpr const char* kAlert = R"(,"alert":"it is held")";

TEST(RolloutAlerts, SaysWhatAndWhereAndHowLikely) {
  RolloutAlerts alerts("https://auspex.example");
  const auto told = alerts.From("alert", "d-1", View("running", "hold", kAlert), kNow);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].name, "AuspexRolloutAlert");
  EXPECT_EQ(told[0].key, "d-1/AuspexRolloutAlert");
  EXPECT_EQ(told[0].summary, "checkout 1.8.2: it is held");
  EXPECT_EQ(told[0].reasons, (std::vector<std::string>{"it is held", "errors rose"}));
  EXPECT_EQ(told[0].link, "https://auspex.example/api/v1/deployments/d-1");
  EXPECT_EQ(told[0].probability, 0.97);
  EXPECT_FALSE(told[0].resolved);
}

TEST(RolloutAlerts, BeforeAnyTrafficTheRiskIsHowLikelyItIs) {
  RolloutAlerts alerts("");
  const auto told = alerts.From(
      "alert", "d-1",
      View("waiting", "hold", R"(,"awaits":"person","risk":0.8)" + std::string(kAlert)), kNow);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].probability, 0.8);
}

TEST(RolloutAlerts, EndsWhenTheRolloutGoesOn) {
  RolloutAlerts alerts("");
  EXPECT_TRUE(alerts.From("decision", "d-1", View("running", "advance"), kNow).empty());
  static_cast<void>(alerts.From("alert", "d-1", View("running", "hold", kAlert), kNow));
  EXPECT_TRUE(alerts.From("decision", "d-1", View("running", "hold"), kNow).empty());
  EXPECT_TRUE(alerts.From("decision", "d-2", View("running", "advance"), kNow).empty());
  const auto ended = alerts.From("decision", "d-1", View("running", "advance"), kNow);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(ended[0].resolved);
  EXPECT_EQ(ended[0].key, "d-1/AuspexRolloutAlert");
  EXPECT_TRUE(alerts.From("decision", "d-1", View("running", "advance"), kNow).empty());
}

TEST(RolloutAlerts, WaitingForAPersonAndRollingBackHaveNamesOfTheirOwn) {
  RolloutAlerts alerts("");
  const auto name = [&alerts](const std::string& view) {
    const auto told = alerts.From("alert", "d-1", view, kNow);
    return told.empty() ? "" : told[0].name;
  };
  const std::string awaits = R"(,"awaits":"person")" + std::string(kAlert);
  EXPECT_EQ(name(View("waiting", "hold", awaits)), "AuspexApprovalNeeded");
  EXPECT_EQ(name(View("running", "hold", awaits)), "AuspexDecisionNeeded");
  EXPECT_EQ(name(View("running", "roll_back", kAlert)), "AuspexRolledBack");
  const auto ended = alerts.From("state", "d-1", View("ended", "roll_back"), kNow);
  ASSERT_EQ(ended.size(), 2u) << "that it was rolled back stays true";
  EXPECT_TRUE(ended[0].resolved && ended[1].resolved);
}

risk::Prediction Risky() {
  risk::Prediction prediction;
  prediction.at = kNow;
  prediction.service = "checkout";
  prediction.version = "1.8.2";
  prediction.assessment = {.p_fail = .62,
                           .low = .4,
                           .high = .8,
                           .reasons = {{"files_migration", 3, .97, "touches 3 migrations"}},
                           .lowering = {{"deploy the migration on its own", .3}},
                           .basis = ""};
  return prediction;
}

TEST(ForetoldAlert, SaysHowLikelyWhyAndWhatWouldLowerIt) {
  const alert::Alert alert = ForetoldAlert("d-1", Risky(), "https://auspex.example");
  EXPECT_EQ(alert.name, "AuspexPredictedFailure");
  EXPECT_EQ(alert.summary, "checkout 1.8.2 will likely fail, before any traffic: P(fail) 62 %");
  EXPECT_EQ(alert.probability, .62);
  EXPECT_EQ(alert.reasons,
            (std::vector<std::string>{"it touches 3 migrations",
                                      "30 % if you deploy the migration on its own"}));
  EXPECT_EQ(alert.link, "https://auspex.example/api/v1/deployments/d-1/prediction");
}

TEST(ForetoldAlert, EndsWithTheRolloutAndNotBefore) {
  RolloutAlerts alerts("");
  alerts.Add(ForetoldAlert("d-1", Risky(), ""));
  EXPECT_TRUE(alerts.From("decision", "d-1", View("running", "advance"), kNow).empty());
  const auto ended = alerts.From("state", "d-1", View("ended", "promote"), kNow);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_TRUE(ended[0].resolved);
  EXPECT_EQ(ended[0].name, "AuspexPredictedFailure");
}

TEST(RolloutAlerts, WhatIsNoJsonTellsNobodyAnything) {
  RolloutAlerts alerts("");
  EXPECT_TRUE(alerts.From("alert", "d-1", "{", kNow).empty());
}

}  // namespace
}  // namespace auspex::cli
