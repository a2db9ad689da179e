#include "auspex/rollout/starting.h"

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

RolloutSpec Down() {
  RolloutSpec spec = BasicSpec();
  spec.await_canary = true;
  spec.canary_up = false;
  return spec;
}

void CanaryDown(Inputs* inputs) { inputs->window.canary.up = false; }

TEST(Starting, ACanaryThatIsDownGetsItsFirstWeightOnceItIsUp) {
  Simulation simulation(Down());
  EXPECT_EQ(simulation.rollout.phase, Phase::kStarting);
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("waiting for its health check, 10m"));
  ASSERT_FALSE(simulation.commands.empty());
  EXPECT_EQ(simulation.commands.front().kind, Command::Kind::kAdmit);
  EXPECT_FALSE(simulation.rollout.last.requests_needed.has_value());
  simulation.Run(200, CanaryDown);
  EXPECT_EQ(simulation.rollout.phase, Phase::kStarting);
  EXPECT_EQ(simulation.rollout.asked, Weight::Zero());
  EXPECT_EQ(simulation.rollout.last.action, Action::kHold);
  simulation.Tick();
  EXPECT_EQ(simulation.rollout.phase, Phase::kRunning);
  EXPECT_GT(simulation.rollout.asked, Weight::Zero());
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("first weight"));
  // The time it took is no part of the rollout's.
  EXPECT_EQ(simulation.rollout.origin_s, simulation.t_s);
}

TEST(Starting, OneThatIsUpOrUnknownBeginsAtOnce) {
  RolloutSpec spec = Down();
  spec.canary_up = true;
  EXPECT_GT(Start(spec).decision.weight, Weight::Zero());
  // As rollouts that were begun before there was a wait.
  spec = Down();
  spec.await_canary = false;
  EXPECT_GT(Start(spec).decision.weight, Weight::Zero());
}

TEST(Starting, OneThatStaysDownEndsAsAFaultOfTheCanary) {
  RolloutSpec spec = Down();
  spec.time_scale = .1;
  spec.tick_s = 1;
  Simulation simulation(spec);
  simulation.Run(59, CanaryDown);
  EXPECT_FALSE(simulation.Ended());
  simulation.Run(60, CanaryDown);
  ASSERT_TRUE(simulation.Ended());
  EXPECT_EQ(simulation.rollout.last.action, Action::kRollBack);
  EXPECT_EQ(simulation.rollout.last.verdict, Verdict::kFail);
  EXPECT_EQ(simulation.rollout.last.by, "canary down");
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("it never got traffic"));
  EXPECT_TRUE(Has(simulation.commands, Command::Kind::kFinish));
}

// It is no fault of the canary's where nothing is up, or nobody says so.
TEST(Starting, HoldsWhileTheBaselineIsDownTooOrTheRouterIsAway) {
  Simulation simulation(Down());
  simulation.Run(900, [](Inputs* inputs) {
    CanaryDown(inputs);
    inputs->window.baseline.up = false;
  });
  EXPECT_EQ(simulation.rollout.phase, Phase::kStarting);
  simulation.Run(1200, [](Inputs* inputs) {
    inputs->health_known = false;
    inputs->hold = "the router does not answer";
  });
  EXPECT_EQ(simulation.rollout.phase, Phase::kStarting);
  EXPECT_EQ(simulation.rollout.last.reason, "the router does not answer: holding");
  simulation.Tick([](Inputs* inputs) { inputs->hold = "the clock jumped"; });
  EXPECT_EQ(simulation.rollout.phase, Phase::kStarting);
  simulation.Tick();
  EXPECT_EQ(simulation.rollout.phase, Phase::kRunning);
}

TEST(Starting, WhatIsObservedFirstIsAwaitedAfterwards) {
  RolloutSpec spec = Down();
  spec.observe = true;
  Simulation simulation(spec);
  EXPECT_EQ(simulation.rollout.phase, Phase::kObserving);
  const auto down = [](Inputs* inputs) {
    CanaryDown(inputs);
    inputs->window.observed = telemetry::Window::Observation{};
    inputs->window.observed->latency_us.Add(1000, 1000);
  };
  simulation.Run(100, down);
  EXPECT_EQ(simulation.rollout.phase, Phase::kStarting);
  EXPECT_TRUE(simulation.rollout.spec.edges.has_value());
  simulation.Tick();
  EXPECT_EQ(simulation.rollout.phase, Phase::kRunning);
  EXPECT_TRUE(Has(simulation.commands, Command::Kind::kSetEdges));
}

TEST(Starting, ObeysAPersonButGivesAWeightOnlyOnceItRuns) {
  const auto ordered = [](Order::Kind kind) {
    return [kind](Inputs* inputs) {
      CanaryDown(inputs);
      inputs->orders.push_back({.kind = kind, .weight = {}, .actor = "ann", .reason = "why"});
    };
  };
  Simulation simulation(Down());
  for (const Order::Kind traffic : {Order::Kind::kWeight, Order::Kind::kPromote}) {
    EXPECT_THAT(WhyNot(simulation.rollout, traffic), HasSubstr("health check"));
    EXPECT_THAT(WhyNot(simulation.rollout, traffic), HasSubstr("start the new version"));
  }
  EXPECT_EQ(WhyNot(simulation.rollout, Order::Kind::kAbort), "");
  simulation.Tick(ordered(Order::Kind::kPause));
  simulation.Tick();
  EXPECT_EQ(simulation.rollout.asked, Weight::Zero()) << "up, and paused";
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("paused by a person"));
  simulation.Tick(ordered(Order::Kind::kAbort));
  EXPECT_TRUE(simulation.Ended());
  EXPECT_EQ(simulation.rollout.last.by, "manual");
}

}  // namespace
}  // namespace auspex::rollout
