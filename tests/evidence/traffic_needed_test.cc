#include "auspex/evidence/traffic_needed.h"

#include <gtest/gtest.h>

#include <cmath>

namespace auspex::evidence {
namespace {

double Needed(const TrafficQuestion& question) {
  return RequestsNeeded(question).value_or(std::nan(""));
}

constexpr TrafficQuestion kErrors{
    .weight = .35, .baseline_rate = .01, .requests_per_tick = 1000, .w = .1};

// Section 5 of docs/statistics.md: 250 events of both arms prove a doubled rate at w .1 by the
// conditional ratio that knows it; the question counts requests, of which 1.1 % are events.
TEST(TrafficNeeded, IsOfTheSizeThatSectionNineSays) {
  TrafficQuestion alone = kErrors;
  alone.weight = 1.0;
  EXPECT_NEAR(Needed(alone) * .011, 250, 75);
}

TEST(TrafficNeeded, LessForALargerFaultAndForOneThatIsHalfProven) {
  TrafficQuestion larger = kErrors, known = kErrors, noisy = kErrors, route = kErrors;
  larger.ratio = 4;
  known.log_e = 3;
  noisy.s2 = .5;
  route.share = .1;
  EXPECT_LT(Needed(larger), Needed(kErrors) / 3);
  EXPECT_LT(Needed(known), Needed(kErrors));
  EXPECT_GT(Needed(noisy), 1.4 * Needed(kErrors));
  EXPECT_NEAR(Needed(route) / Needed(kErrors), 10, .01);
}

TEST(TrafficNeeded, NoneWhereItIsProvenAndNeverWithoutACanary) {
  TrafficQuestion proven = kErrors, nobody = kErrors, tolerated = kErrors;
  proven.log_e = 10;
  EXPECT_EQ(Needed(proven), 0);
  nobody.w = 0;
  EXPECT_FALSE(RequestsNeeded(nobody));
  tolerated.ratio = 1.05;
  EXPECT_FALSE(RequestsNeeded(tolerated));
}

}  // namespace
}  // namespace auspex::evidence
