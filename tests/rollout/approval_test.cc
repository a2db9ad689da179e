#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auspex/rollout/orders.h"
#include "tests/rollout/simulation.h"

namespace auspex::rollout {
namespace {

using testing::BasicSpec;
using testing::Has;
using ::testing::HasSubstr;
using testing::Simulation;

RolloutSpec Risky() {
  RolloutSpec spec = BasicSpec();
  spec.risk = .7;
  spec.approval = Approval{.above_risk = .6, .timeout_s = 300, .at_timeout = AtTimeout::kReject};
  return spec;
}

Simulation::Edit Ordered(Order::Kind kind) {
  return [kind](Inputs* inputs) {
    inputs->orders.push_back({.kind = kind, .weight = {}, .actor = "ann", .reason = "reviewed"});
  };
}

TEST(Approval, WaitsWithoutTrafficAndAlertsAtOnce) {
  Simulation simulation(Risky());
  EXPECT_EQ(simulation.rollout.phase, Phase::kWaiting);
  EXPECT_TRUE(Has(simulation.commands, Command::Kind::kAlert));
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("the risk 70 % is above 60 %"));
  const Decision& last = simulation.Run(290);
  EXPECT_EQ(simulation.rollout.phase, Phase::kWaiting);
  EXPECT_EQ(last.action, Action::kHold);
  EXPECT_EQ(last.weight, Weight::Zero());
}

TEST(Approval, IsForRisksAboveTheLimitOnly) {
  RolloutSpec spec = Risky();
  spec.risk = .6;
  EXPECT_EQ(Simulation(spec).rollout.phase, Phase::kRunning);
  spec.risk = .9;
  spec.approval.reset();
  EXPECT_EQ(Simulation(spec).rollout.phase, Phase::kRunning);
}

TEST(Approval, AYesBeginsTheRollout) {
  Simulation simulation(Risky());
  simulation.Run(100);
  const Decision& decision = simulation.Tick(Ordered(Order::Kind::kApprove));
  EXPECT_EQ(simulation.rollout.phase, Phase::kRunning);
  EXPECT_GT(decision.weight, Weight::Zero());
  EXPECT_THAT(decision.reason, HasSubstr("approved by ann: reviewed"));
  EXPECT_EQ(simulation.rollout.origin_s, 110);
  // Waiting is no part of the rollout's time.
  simulation.Tick();
  EXPECT_EQ(simulation.rollout.t, 10);
}

TEST(Approval, AYesBeginsWithObservingWhereThereIsNoHistory) {
  RolloutSpec spec = Risky();
  spec.observe = true;
  Simulation simulation(spec);
  simulation.Run(200);
  simulation.Tick(Ordered(Order::Kind::kApprove));
  EXPECT_EQ(simulation.rollout.phase, Phase::kObserving);
  EXPECT_EQ(simulation.rollout.asked, Weight::Zero());
  simulation.Run(260);
  EXPECT_EQ(simulation.rollout.phase, Phase::kObserving) << "a minute is observed, from the yes on";
  simulation.Tick();
  EXPECT_EQ(simulation.rollout.phase, Phase::kRunning);
}

TEST(Approval, ANoOrAnAbortEndsIt) {
  for (const Order::Kind kind : {Order::Kind::kReject, Order::Kind::kAbort}) {
    Simulation simulation(Risky());
    const Decision& end = simulation.Tick(Ordered(kind));
    EXPECT_TRUE(simulation.Ended());
    EXPECT_EQ(end.action, Action::kRollBack);
    EXPECT_EQ(end.verdict, Verdict::kNotProven);
    EXPECT_EQ(end.by, "manual");
    EXPECT_TRUE(Has(simulation.commands, Command::Kind::kFinish));
  }
}

TEST(Approval, TheFirstOfTwoAnswersInOneTickThatEndsItHolds) {
  Simulation simulation(Risky());
  simulation.Tick([](Inputs* inputs) {
    Ordered(Order::Kind::kReject)(inputs);
    Ordered(Order::Kind::kApprove)(inputs);
  });
  EXPECT_TRUE(simulation.Ended());
}

TEST(Approval, NobodyInTimeIsWhatTheSpecSays) {
  Simulation rejected(Risky());
  const Decision& end = rejected.Run(300);
  EXPECT_TRUE(rejected.Ended());
  EXPECT_EQ(end.by, "approval");
  EXPECT_EQ(end.verdict, Verdict::kNotProven);

  RolloutSpec spec = Risky();
  spec.approval->at_timeout = AtTimeout::kApprove;
  Simulation approved(spec);
  EXPECT_THAT(approved.Run(300).reason, HasSubstr("nobody said no in time"));
  EXPECT_EQ(approved.rollout.phase, Phase::kRunning);
}

TEST(Approval, EachPhaseTakesItsOwnOrders) {
  using Kind = Order::Kind;
  const Simulation waiting(Risky());
  for (const Kind kind : {Kind::kApprove, Kind::kReject, Kind::kAbort})
    EXPECT_EQ(WhyNot(waiting.rollout, kind), "");
  for (const Kind kind : {Kind::kPause, Kind::kResume, Kind::kPromote, Kind::kWeight})
    EXPECT_THAT(WhyNot(waiting.rollout, kind), HasSubstr("waits for approval"));
  const Simulation running(BasicSpec());
  for (const Kind kind : {Kind::kApprove, Kind::kReject})
    EXPECT_THAT(WhyNot(running.rollout, kind), HasSubstr("does not wait"));
  for (const Kind kind : {Kind::kPause, Kind::kResume, Kind::kPromote, Kind::kWeight, Kind::kAbort})
    EXPECT_EQ(WhyNot(running.rollout, kind), "");
}

}  // namespace
}  // namespace auspex::rollout
