#include "lab/simulator/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lab/simulator/svg_plot.h"

namespace auspex::lab::simulator {
namespace {

using ::testing::HasSubstr;

Outcome Caught(double harmed, double begun_s, double end_s) {
  return {.end = Outcome::End::kRolledBack,
          .end_s = end_s,
          .by_evidence = true,
          .by = "evidence",
          .harmed = harmed,
          .full_s = {},
          .begun_s = begun_s};
}
Outcome Passed(double harmed, double full_s) {
  return {.end = Outcome::End::kPromoted,
          .end_s = 3000.0,
          .by = "",
          .harmed = harmed,
          .full_s = full_s,
          .begun_s = {}};
}

// Four bad ones, of which one gets through, and two good ones, of which one is rolled back.
Study HandMade() {
  Study study;
  study.policies = {{.name = "a", .title = "Auspex <a>"}, {.name = "b", .title = "b"}};
  for (const bool bad : {true, true, true, true, false, false}) {
    study.deployments.push_back({.number = study.deployments.size() + 7,
                                 .bad = bad,
                                 .fault = FaultKind::kCrash,
                                 .requests_per_s = 1.0});
  }
  Outcome back = Caught(0.0, 0.0, 90.0);
  back.by_evidence = false;
  study.outcomes = {{Caught(1.0, 0.0, 60.0), Caught(3.0, 60.0, 240.0), Caught(8.0, 0.0, 300.0),
                     Passed(100.0, 240.0), Passed(0.0, 120.0), back}};
  study.outcomes.push_back(study.outcomes.front());
  for (std::size_t i = 0; i < 4; ++i) study.outcomes.back()[i].harmed *= 2.0;
  return study;
}

TEST(Summarize, CountsWhatTheTableSays) {
  const Summary summary = Summarize(HandMade(), {.reference = "a", .resamples = 200});
  EXPECT_EQ(summary.first, 7U);
  EXPECT_EQ(summary.bad, 4U);
  const Figures& f = summary.policies.front().figures;
  EXPECT_DOUBLE_EQ(f.caught->value, .75);
  EXPECT_DOUBLE_EQ(f.caught_by_evidence->value, .75);
  EXPECT_DOUBLE_EQ(f.harmed_mean->value, 28.0);
  EXPECT_DOUBLE_EQ(f.harmed_median->value, 3.0);
  EXPECT_DOUBLE_EQ(f.harmed_p95->value, 100.0);
  EXPECT_DOUBLE_EQ(f.false_share->value, .5);
  EXPECT_DOUBLE_EQ(f.false_by_evidence->value, 0.0);
  EXPECT_DOUBLE_EQ(f.full_s_median->value, 120.0);
  EXPECT_DOUBLE_EQ(f.full_share->value, .5);
  EXPECT_DOUBLE_EQ(f.detect_s->value, 180.0);
  EXPECT_LE(f.harmed_mean->low, 28.0);
  EXPECT_GE(f.harmed_mean->high, 28.0);
  const ByFault& crash =
      summary.policies.front().by_fault[static_cast<std::size_t>(FaultKind::kCrash)];
  EXPECT_EQ(crash.deployments, 4U);
  EXPECT_DOUBLE_EQ(crash.caught, .75);
}

// Twice the harm on each deployment is twice the harm in each resample.
TEST(Summarize, RatiosAreInPairs) {
  const Summary summary = Summarize(HandMade(), {.reference = "a", .resamples = 200});
  const Estimate& ratio = *summary.policies.back().figures.harm_ratio;
  EXPECT_DOUBLE_EQ(ratio.value, 2.0);
  EXPECT_DOUBLE_EQ(ratio.low, 2.0);
  EXPECT_DOUBLE_EQ(ratio.high, 2.0);
}

TEST(Summarize, NothingToCountIsNoFigure) {
  Study study = HandMade();
  study.deployments.resize(4);
  for (auto& outcomes : study.outcomes) outcomes.resize(4);
  const Summary summary = Summarize(study, {.reference = "", .resamples = 10});
  EXPECT_FALSE(summary.policies.front().figures.false_share.has_value());
  EXPECT_FALSE(summary.policies.front().figures.harm_ratio.has_value());
  EXPECT_THAT(ToText(summary), HasSubstr("-"));
}

TEST(Summary, AsJsonHasTheFigures) {
  const auto json = nlohmann::json::parse(ToJson(Summarize(HandMade(), {.reference = "a"})));
  EXPECT_EQ(json["deployments"], 6);
  EXPECT_EQ(json["policies"][0]["harmed_mean"]["value"], 28.0);
  EXPECT_EQ(json["policies"][0]["by_fault"]["crash"]["deployments"], 4);
  EXPECT_EQ(json["policies"][1]["name"], "b");
}

TEST(HarmPlot, ShowsEachPolicyAndEscapesItsTitle) {
  const std::string svg = HarmPlot(Summarize(HandMade(), {.reference = "a", .resamples = 50}));
  EXPECT_THAT(svg, ::testing::StartsWith("<svg "));
  EXPECT_THAT(svg, ::testing::EndsWith("</svg>\n"));
  EXPECT_THAT(svg, HasSubstr("Auspex &lt;a&gt;: 2 min, 28"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

}  // namespace
}  // namespace auspex::lab::simulator
