#include "auspex/evidence/gauge_evidence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace auspex::evidence {
namespace {

TEST(SlopeEvidence, ReproducesTheReferenceVectors) {
  std::ifstream file("tests/evidence/data/vectors.json");
  const auto vectors = nlohmann::json::parse(file);
  const auto& slope = vectors["slope"];
  SlopeEvidence evidence(slope["phi"], slope["sg"], SlopeEvidence::ShapeFor(10.0));
  ASSERT_EQ(slope["steps"].size(), 200U);
  for (const auto& step : slope["steps"]) {
    evidence.Step(step[0].get<double>());
    const double want = step[1];
    ASSERT_NEAR(evidence.log_e(), want, 1e-9 * std::max(1.0, std::abs(want)));
  }
  EXPECT_NEAR(evidence.log_e(), 28.674381630, 1e-8);
}

TEST(SlopeEvidence, AHoleDropsOnePairOnly) {
  SlopeEvidence whole(.5, .01, SlopeEvidence::ShapeFor(10.0));
  SlopeEvidence with_hole(.5, .01, SlopeEvidence::ShapeFor(10.0));
  for (int i = 0; i < 200; ++i) {
    const double y = .002 * i;  // 1.2 % a minute
    whole.Step(y);
    with_hole.Step(i == 100 ? std::nullopt : std::optional(y));
  }
  EXPECT_GT(whole.log_e(), 20.0);
  EXPECT_NEAR(with_hole.log_e(), whole.log_e(), .05 * whole.log_e());
  EXPECT_NE(with_hole.log_e(), whole.log_e());
}

TEST(LevelEvidence, SeesALevelAboveToleranceAndNotOneBelow) {
  LevelEvidence raised({.phi = .5, .sigma = .05});
  LevelEvidence equal({.phi = .5, .sigma = .05});
  for (int i = 0; i < 60; ++i) {
    raised.Step(std::log(1.5));
    equal.Step(std::log(1.02));
  }
  EXPECT_GT(raised.log_e(), 5.0);
  EXPECT_LT(equal.log_e(), 0.0);
}

}  // namespace
}  // namespace auspex::evidence
