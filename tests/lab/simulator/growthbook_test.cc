#include "lab/simulator/policies/growthbook.h"

#include <gtest/gtest.h>

#include "tests/lab/simulator/hand_made.h"

namespace auspex::lab::simulator {
namespace {

using testing::Hand;
using testing::Promoted;
using testing::RolledBack;

Guardrail Of(double units, double control_events, double rollout_events) {
  return {.control = {units, control_events}, .rollout = {units, rollout_events}};
}

// Critical values of their own function.
TEST(Growthbook, WidthOfTheSequence) {
  EXPECT_NEAR(SequenceWidth(100), 6.6, .05);
  EXPECT_NEAR(SequenceWidth(1'000), 3.15, .005);
  EXPECT_NEAR(SequenceWidth(5'000), 2.78, .005);
  EXPECT_NEAR(SequenceWidth(50'000), 2.99, .005);
}

TEST(Growthbook, NothingIsLostBelow150Events) {
  EXPECT_FALSE(GuardrailLost(Of(1000, 10, 149)));
  EXPECT_TRUE(GuardrailLost(Of(1000, 10, 150)));
  EXPECT_TRUE(GuardrailLost(Of(1000, 10, 149), 0.0));
}

TEST(Growthbook, AControlWithoutAnEventTellsNothing) {
  EXPECT_FALSE(GuardrailLost(Of(100'000, 0, 50'000)));
  EXPECT_FALSE(GuardrailLost(Of(100'000, 0, 50'000), 0.0));
}

TEST(Growthbook, AChangeBelowHalfAPercentIsNone) {
  EXPECT_FALSE(GuardrailLost(Of(1e12, 1e11, 1.004e11)));
  EXPECT_TRUE(GuardrailLost(Of(1e12, 1e11, 1.006e11)));
}

TEST(Growthbook, ALossActsWhenTheHoldOfItsStepEnds) {
  GrowthbookRun run(DrawDeployment(1));
  double now_s = 0.0;
  const Hand good = {.requests = 10'000, .errors = 100, .slow = 100};
  const Hand failing = {.requests = 10'000, .errors = 9'000, .slow = 100};
  for (const double share : {.05, .125, .25, .375}) {
    for (int i = 0; i < 3; ++i) {
      EXPECT_NEAR(run.Next().split.canary, share, 1e-12);
      testing::Feed(&run, &now_s, good, good);
    }
  }
  while (now_s < 3540.0) testing::Feed(&run, &now_s, failing, good);
  EXPECT_FALSE(run.Next().ended);
  EXPECT_NEAR(run.Next().split.canary, .5, 1e-12);
  testing::Feed(&run, &now_s, failing, good);
  EXPECT_TRUE(RolledBack(run));
}

TEST(Growthbook, ShipsWhenNothingIsLost) {
  GrowthbookRun run(DrawDeployment(1));
  double now_s = 0.0;
  const Hand good = {.requests = 100, .errors = 1, .slow = 1};
  while (!run.Next().ended) testing::Feed(&run, &now_s, good, good);
  EXPECT_TRUE(Promoted(run));
  EXPECT_EQ(now_s, 3600.0);
}

}  // namespace
}  // namespace auspex::lab::simulator
