#include "auspex/rollout/steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rollout/simulation.h"

namespace auspex::rollout {
namespace {

using testing::BasicSpec;
using testing::Bp;
using testing::Has;
using ::testing::HasSubstr;
using testing::SilenceCanary;
using testing::Simulation;

RolloutSpec Ladder() {
  RolloutSpec spec = BasicSpec();
  spec.policy = Policy::kSteps;
  spec.error_rate = .02;
  spec.warm_up_s = 120;
  spec.steps = {{.weight = Bp(500), .for_s = 60}, {.weight = Bp(5000), .for_s = 100}};
  return spec;
}

TEST(Steps, ClimbsEachStepForItsTimeThenPromotes) {
  Simulation simulation(Ladder());
  EXPECT_EQ(simulation.rollout.asked, Bp(500));
  EXPECT_EQ(simulation.Run(50).weight, Bp(500));
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("step 1 of 2: 50 s of 60 s"));
  EXPECT_EQ(simulation.Run(60).weight, Bp(5000));
  EXPECT_EQ(simulation.rollout.last.action, Action::kAdvance);
  EXPECT_EQ(simulation.Run(150).weight, Bp(5000));
  const Decision& end = simulation.Run(1000);
  EXPECT_EQ(end.action, Action::kPromote);
  EXPECT_EQ(end.verdict, Verdict::kPass);
  EXPECT_EQ(end.t_s, 160);
  EXPECT_THAT(end.reason, HasSubstr("each gate held: E = "));
  EXPECT_THAT(end.reason, HasSubstr("P(fail) is "));
}

// What is likely bad and not proven passes the gates, and nobody is left to think it is good.
TEST(Steps, APromotionThatIsLikelyBadSaysSo) {
  int doubtful = 0;
  // From nothing wrong to what is proven: somewhere between is what is neither.
  for (double ratio = 1.0; ratio < 3.0; ratio += .1) {
    Simulation simulation(Ladder(), {.error_rate = .004, .canary_errors = ratio});
    const Decision& end = simulation.Run(1000);
    if (end.verdict != Verdict::kPass) continue;
    const bool doubt = end.p_fail > .15;
    EXPECT_EQ(end.reason.find("more than before the rollout (0.15)") != std::string::npos, doubt);
    EXPECT_EQ(Has(simulation.commands, Command::Kind::kAlert), doubt);
    if (doubt) {
      EXPECT_THAT(end.reason, HasSubstr("most speaks errors: "));
    }
    doubtful += doubt ? 1 : 0;
  }
  EXPECT_GT(doubtful, 0);
}

TEST(Steps, ALadderShorterThanTheWarmUpProvesNothingOfTheLatency) {
  RolloutSpec spec = Ladder();
  spec.warm_up_s = 240;
  Simulation simulation(spec, {.canary_slow = 1.9});
  const Decision& end = simulation.Run(1000);
  EXPECT_EQ(end.action, Action::kPromote);
  EXPECT_EQ(end.verdict, Verdict::kNotProven);
  EXPECT_THAT(end.reason, HasSubstr("its latency was not judged: the warm-up lasts 240 s"));
}

TEST(Steps, TheErrorLimitIsAGate) {
  Simulation simulation(Ladder(), {.error_rate = .04});  // both arms: only the limit speaks
  const Decision& end = simulation.Run(600);
  EXPECT_EQ(end.action, Action::kRollBack);
  EXPECT_EQ(end.by, "steps");
  EXPECT_EQ(end.verdict, Verdict::kFail);
  EXPECT_THAT(end.reason, HasSubstr("the limit is 2 %"));
}

TEST(Steps, TheErrorLimitNeedsAHundredRequests) {
  Simulation simulation(Ladder(), {.requests_per_s = 20, .error_rate = .9});
  simulation.Run(40);  // 1 request a second on the canary
  EXPECT_FALSE(simulation.Ended()) << simulation.rollout.last.reason;
}

TEST(Steps, EvidenceIsAGate) {
  RolloutSpec spec = Ladder();
  spec.error_rate = .5;  // a hundred times the baseline stays within it
  Simulation simulation(spec, {.error_rate = .0005, .canary_errors = 100});
  const Decision& end = simulation.Run(600);
  EXPECT_EQ(end.action, Action::kRollBack);
  EXPECT_EQ(end.by, "evidence");
  EXPECT_GE(end.log_e, -std::log(.01));
}

TEST(Steps, PredictionAloneDoesNotRollBack) {
  RolloutSpec spec = Ladder();
  spec.risk = .8;
  spec.rollback_below = .9;
  Simulation simulation(spec);
  EXPECT_EQ(simulation.Run(1000).action, Action::kPromote);
}

TEST(Steps, SilenceStopsTheClockOfAStep) {
  Simulation simulation(Ladder());
  simulation.Run(50);
  simulation.Run(500, SilenceCanary);
  EXPECT_EQ(simulation.rollout.asked, Bp(500));
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("no requests on the canary"));
  EXPECT_EQ(simulation.Tick().weight, Bp(5000));
}

// What was seen at 3 % is no test at 50 %.
TEST(Steps, AWeightBelowTheStepsStopsItsClock) {
  Simulation simulation(Ladder());
  simulation.Run(60);
  ASSERT_EQ(simulation.rollout.asked, Bp(5000));
  const double before = simulation.rollout.step_seen_s;
  simulation.Run(600, [](Inputs* inputs) { inputs->weight_given = Bp(300); });
  EXPECT_FALSE(simulation.Ended());
  EXPECT_EQ(simulation.rollout.step_seen_s, before);
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("the weight is 3% and not yet the step's"));
  // The nearest one that a router has is as good.
  simulation.Run(1000, [](Inputs* inputs) { inputs->weight_given = Bp(4960); });
  EXPECT_EQ(simulation.rollout.last.action, Action::kPromote);
}

TEST(Steps, CapacityBelowTheStepsWeightStopsItsClock) {
  Simulation simulation(Ladder());
  simulation.Run(60);
  const double before = simulation.rollout.step_seen_s;
  simulation.Run(300, [](Inputs* inputs) {
    inputs->load_known = true;
    inputs->window.canary.queued = 4;
  });
  EXPECT_LT(simulation.rollout.asked, Bp(5000));
  // The first tick was at the step's weight.
  EXPECT_LE(simulation.rollout.step_seen_s, before + simulation.rollout.spec.tick_s);
}

TEST(Steps, AHoldAndAPauseStopTheClockToo) {
  const auto edits = {
      Simulation::Edit([](Inputs* inputs) { inputs->hold = "the router is away"; }),
      Simulation::Edit([](Inputs* inputs) {
        inputs->orders = {
            {.kind = Order::Kind::kPause, .weight = {}, .actor = "ann", .reason = "lunch"}};
      })};
  for (const Simulation::Edit& edit : edits) {
    Simulation simulation(Ladder());
    simulation.Run(50);
    simulation.Run(400, edit);
    EXPECT_EQ(simulation.rollout.asked, Bp(500)) << simulation.rollout.last.reason;
    EXPECT_FALSE(simulation.Ended());
  }
}

TEST(Steps, TimeThatTheDaemonWasAwayDoesNotCount) {
  Simulation simulation(Ladder());
  simulation.t_s = 1000;  // one tick of 1,010 s
  EXPECT_EQ(simulation.Tick().weight, Bp(500));
  EXPECT_EQ(simulation.rollout.step_seen_s, 2 * simulation.rollout.spec.tick_s);
}

TEST(Steps, AWeightSetByHandGivesWayToTheLadderOnResume) {
  Simulation simulation(Ladder());
  const auto order = [](Order::Kind kind) {
    return [kind](Inputs* inputs) {
      inputs->orders = {{.kind = kind, .weight = Bp(100), .actor = "ann", .reason = "why"}};
    };
  };
  EXPECT_EQ(simulation.Tick(order(Order::Kind::kWeight)).weight, Bp(100));
  EXPECT_EQ(simulation.Run(100).weight, Bp(100));
  simulation.Tick(order(Order::Kind::kResume));
  EXPECT_EQ(simulation.Tick().weight, Bp(500));
}

TEST(Steps, ACanaryThatIsDownGetsNothingAndComesBackToItsStep) {
  Simulation simulation(Ladder());
  simulation.Tick([](Inputs* inputs) { inputs->window.canary.up = false; });
  EXPECT_EQ(simulation.rollout.asked, Weight::Zero());
  EXPECT_EQ(simulation.Tick().weight, Bp(500));
}

}  // namespace
}  // namespace auspex::rollout
