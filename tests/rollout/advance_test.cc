#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auspex/rollout/codec.h"
#include "auspex/rollout/history.h"
#include "auspex/rollout/pace.h"
#include "auspex/rollout/rollout.h"
#include "tests/rollout/simulation.h"

namespace auspex::rollout {
namespace {

using testing::BasicSpec;
using testing::Bp;
using testing::Has;
using ::testing::HasSubstr;
using testing::InputsOf;
using ::testing::Not;
using testing::SilenceCanary;
using testing::Simulation;
using testing::Traffic;

std::string Text(const std::vector<Command>& commands) {
  std::string text;
  for (const Command& command : commands) {
    text +=
        fmt::format("{} {} {};", static_cast<int>(command.kind), command.weight.bp(), command.text);
  }
  return text;
}

std::string Text(const Turn& turn) { return ToJson(turn.decision, "d1") + Text(turn.commands); }

Simulation::Edit Ordered(Order::Kind kind, Weight weight = {}) {
  return [=](Inputs* inputs) {
    inputs->orders.push_back({.kind = kind, .weight = weight, .actor = "ann", .reason = "why"});
  };
}

void CanaryDown(Inputs* inputs) {
  SilenceCanary(inputs);
  inputs->window.canary.up = false;
}

TEST(Advance, IsPure) {
  Simulation simulation(BasicSpec(), {.canary_errors = 2});
  for (int i = 1; i < 120; ++i) {
    const Inputs now = InputsOf(10 * i, 3000, simulation.rollout.asked, {}, &simulation.random);
    const Inputs then = InputsOf(10 * i + 10, 3000, Bp(500), {}, &simulation.random);
    const Turn a = Advance(simulation.rollout, now);
    const Turn b = Advance(simulation.rollout, now);
    ASSERT_EQ(Text(a), Text(b));
    if (a.next.phase == Phase::kEnded) break;
    const Turn later = Advance(a.next, then);
    ASSERT_EQ(Text(later), Text(Advance(b.next, then)));
    ASSERT_EQ(Text(a), Text(Advance(simulation.rollout, now)));
    simulation.rollout = a.next;
  }
}

TEST(Advance, PromotesAGoodCanaryAfterItsBake) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Simulation simulation(BasicSpec(), {}, seed);
    EXPECT_EQ(simulation.rollout.last.reason, "first weight");
    const Decision& end = simulation.Run(3600);
    ASSERT_TRUE(simulation.Ended()) << end.reason;
    EXPECT_EQ(end.action, Action::kPromote) << end.reason;
    EXPECT_EQ(end.verdict, Verdict::kPass);
    EXPECT_EQ(end.weight, Weight::Whole());
    EXPECT_GE(end.t_s, 2700);
    ASSERT_EQ(simulation.commands.size(), 2U);
    EXPECT_EQ(simulation.commands[0].kind, Command::Kind::kSetWeight);
    EXPECT_EQ(simulation.commands[0].weight, Weight::Whole());
    EXPECT_EQ(simulation.commands[1].kind, Command::Kind::kFinish);
  }
}

TEST(Advance, RollsBackAnErrorsFaultByEvidence) {
  RolloutSpec spec = BasicSpec();
  spec.rollback_below = 0;  // evidence alone
  Simulation simulation(spec, {.canary_errors = 30});
  const Decision& end = simulation.Run(1800);
  ASSERT_TRUE(simulation.Ended());
  EXPECT_EQ(end.action, Action::kRollBack);
  EXPECT_EQ(end.verdict, Verdict::kFail);
  EXPECT_EQ(end.by, "evidence");
  EXPECT_EQ(end.weight, Weight::Zero());
  EXPECT_GE(end.log_e, std::log(100.0));
  EXPECT_THAT(end.reason, HasSubstr("errors: "));
  EXPECT_THAT(end.reason, HasSubstr(fmt::format("canary's {:.0f} requests",
                                                simulation.rollout.canary.requests)));
  EXPECT_THAT(end.reason,
              HasSubstr(fmt::format("baseline's {:.0f}", simulation.rollout.baseline.requests)));
  EXPECT_TRUE(Has(simulation.commands, Command::Kind::kAlert));
  EXPECT_TRUE(Has(simulation.commands, Command::Kind::kFinish));
}

TEST(Advance, RollsBackWhatIsPredictedWithConfidence) {
  RolloutSpec spec = BasicSpec();
  spec.risk = .8;
  spec.alpha = 1e-9;
  Simulation simulation(spec, {.canary_errors = 30});
  const Decision& end = simulation.Run(1800);
  EXPECT_EQ(end.action, Action::kRollBack);
  EXPECT_EQ(end.by, "prediction");
  EXPECT_LT(end.confidence, .1);
}

TEST(Advance, NeverBlamesTheCanaryForASharedOutage) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Simulation simulation(BasicSpec(), {}, seed);
    simulation.Run(600);
    simulation.traffic.outage = 100;
    simulation.Run(1200);
    simulation.traffic.outage = 1;
    const Decision& end = simulation.Run(6600);
    ASSERT_TRUE(simulation.Ended());
    EXPECT_NE(end.by, "evidence") << end.reason;
    EXPECT_EQ(end.action, Action::kPromote) << end.reason;
  }
}

TEST(Advance, SilenceHoldsAndNeverPromotes) {
  Simulation simulation(BasicSpec());
  simulation.Run(30);
  const Weight early = simulation.rollout.asked;
  for (int i = 0; i < 10; ++i) {
    EXPECT_LE(simulation.Tick(SilenceCanary).weight, early);
    EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("no requests on the canary"));
  }
  simulation.Run(2690);
  ASSERT_GE(simulation.rollout.asked, Bp(9000));
  for (int i = 0; i < 30; ++i) {
    const Weight before = simulation.rollout.asked;
    const Decision& decision = simulation.Tick(SilenceCanary);
    ASSERT_NE(decision.action, Action::kPromote);
    EXPECT_LE(decision.weight, before);
  }
  EXPECT_GE(simulation.rollout.t, simulation.rollout.Bake());
  EXPECT_EQ(simulation.Run(3600).action, Action::kPromote);
}

TEST(Advance, SilenceOfTheBaselineHoldsToo) {
  Simulation simulation(BasicSpec());
  simulation.Run(30);
  const Weight before = simulation.rollout.asked;
  const Decision& decision = simulation.Tick([](Inputs* inputs) { inputs->window.baseline = {}; });
  EXPECT_LE(decision.weight, before);
  EXPECT_THAT(decision.reason, HasSubstr("no requests on the baseline"));
}

TEST(Advance, PutsAStalledCanaryToTheLeastWeight) {
  Simulation simulation(BasicSpec());
  simulation.Run(600);
  const auto stalled = [](Inputs* inputs) {
    SilenceCanary(inputs);
    inputs->window.canary.in_flight = 7;
  };
  EXPECT_EQ(simulation.Tick(stalled).weight, simulation.rollout.asked);
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("no requests on the canary"));
  const Weight least = simulation.Tick(stalled).weight;
  EXPECT_EQ(least, LeastWeight(simulation.rollout));
  EXPECT_EQ(simulation.rollout.last.action, Action::kLimit);
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("stalled"));
  EXPECT_TRUE(Has(simulation.commands, Command::Kind::kAlert));
}

// Where nobody tells which requests ended, none is held against it; nor is a stall forgotten.
TEST(Advance, ACanaryIsStalledOnlyWhereEndsAreTold) {
  Simulation simulation(BasicSpec());
  simulation.Run(600);
  const auto tick = [](bool known) {
    return [known](Inputs* inputs) {
      SilenceCanary(inputs);
      inputs->window.canary.in_flight = 7;
      inputs->ends_known = known;
    };
  };
  for (int i = 0; i < 5; ++i) simulation.Tick(tick(false));
  EXPECT_THAT(simulation.rollout.last.reason, Not(HasSubstr("stalled")));
  simulation.Tick(tick(true));
  simulation.Tick(tick(false));
  simulation.Tick(tick(true));
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("stalled"));
}

TEST(Advance, WaitsLongerForACanaryWhoseRequestsTakeLong) {
  RolloutSpec spec = BasicSpec();
  spec.t99_s = 12;  // 4 t99 are five ticks
  Simulation simulation(spec);
  simulation.Run(600);
  for (int i = 1; i <= 5; ++i) {
    simulation.Tick([](Inputs* inputs) {
      SilenceCanary(inputs);
      inputs->window.canary.in_flight = 7;
    });
    EXPECT_EQ(simulation.rollout.last.reason.find("stalled") != std::string::npos, i == 5);
  }
}

TEST(Advance, TakesADownCanaryToZeroAtOnceThenRollsItBack) {
  Simulation simulation(BasicSpec());
  simulation.Run(300);
  EXPECT_EQ(simulation.Tick(CanaryDown).weight, Weight::Zero());
  EXPECT_EQ(simulation.rollout.last.action, Action::kLimit);
  EXPECT_TRUE(Has(simulation.commands, Command::Kind::kAlert));
  EXPECT_EQ(simulation.Tick(CanaryDown).action, Action::kHold);
  const Decision& end = simulation.Tick(CanaryDown);
  EXPECT_EQ(end.action, Action::kRollBack);
  EXPECT_EQ(end.verdict, Verdict::kFail);
  EXPECT_EQ(end.by, "canary down");
}

TEST(Advance, ComesBackFromZeroWithTheLeastWeight) {
  Simulation simulation(BasicSpec());
  simulation.Run(300);
  simulation.Tick(CanaryDown);
  const Weight back = simulation.Tick().weight;
  EXPECT_EQ(back, LeastWeight(simulation.rollout));
  EXPECT_EQ(simulation.rollout.last.action, Action::kAdvance);
}

TEST(Advance, DoesNotBlameTheCanaryWhenBothAreDown) {
  Simulation simulation(BasicSpec());
  simulation.Run(300);
  for (int i = 0; i < 5; ++i) {
    simulation.Tick([](Inputs* inputs) {
      CanaryDown(inputs);
      inputs->window.baseline = {};
      inputs->window.baseline.up = false;
    });
    EXPECT_FALSE(simulation.Ended());
  }
}

TEST(Advance, ALimitSaysWhatSpeaksAgainstTheCanary) {
  Simulation simulation(BasicSpec(), {.canary_errors = 5});
  bool limited = false;
  while (!simulation.Ended() && !limited) limited = simulation.Tick().action == Action::kLimit;
  ASSERT_TRUE(limited);
  EXPECT_THAT(simulation.rollout.last.reason,
              HasSubstr("less, as the harm budget allows; suspected most: errors: "));
  // Also while something else keeps the weight from rising.
  const auto held = [](Inputs* inputs) { inputs->hold = "the router does not answer"; };
  Simulation other(BasicSpec(), {.canary_errors = 5});
  other.Run(30);
  for (limited = false; !other.Ended() && !limited;)
    limited = other.Tick(held).action == Action::kLimit;
  ASSERT_TRUE(limited);
  EXPECT_THAT(other.rollout.last.reason, HasSubstr("does not answer: no more; and less, as"));
}

TEST(Advance, AHoldStopsRaiseAndPromotion) {
  const auto held = [](Inputs* inputs) { inputs->hold = "the router does not answer"; };
  Simulation simulation(BasicSpec());
  simulation.Run(50);
  for (int i = 0; i < 5; ++i) {
    const Weight before = simulation.rollout.asked;
    EXPECT_LE(simulation.Tick(held).weight, before);
    EXPECT_EQ(simulation.rollout.last.reason, "the router does not answer: holding");
  }
  simulation.Run(2690);
  simulation.Run(3300, held);
  EXPECT_FALSE(simulation.Ended()) << simulation.rollout.last.reason;
  EXPECT_EQ(simulation.Run(6500).action, Action::kPromote);
}

TEST(Advance, AHoldPostponesTheDeadline) {
  RolloutSpec spec = BasicSpec();
  spec.deadline_s = 30;
  Simulation simulation(spec);
  simulation.Run(60, [](Inputs* inputs) { inputs->hold = "the clock jumped"; });
  EXPECT_FALSE(simulation.Ended());
  EXPECT_EQ(simulation.Tick().by, "deadline");
}

TEST(Advance, AtTheDeadlineALowWeightIsNotProven) {
  RolloutSpec spec = BasicSpec();
  spec.deadline_s = 30;
  Simulation simulation(spec);
  const Decision& end = simulation.Run(1000);
  EXPECT_EQ(end.t_s, 30);
  EXPECT_EQ(end.action, Action::kRollBack);
  EXPECT_EQ(end.verdict, Verdict::kNotProven);
}

TEST(Advance, AtTheDeadlineAHighWeightDoesAsConfigured) {
  for (const AtDeadline way : {AtDeadline::kPromote, AtDeadline::kHold, AtDeadline::kRollBack}) {
    RolloutSpec spec = BasicSpec();
    spec.bake_s = 1e6;
    spec.deadline_s = 3000;
    spec.at_deadline = way;
    Simulation simulation(spec);
    const Decision& end = simulation.Run(3300);
    ASSERT_EQ(simulation.Ended(), way != AtDeadline::kHold) << end.reason;
    if (way == AtDeadline::kHold) {
      EXPECT_GE(end.weight, Bp(9000));
      continue;
    }
    EXPECT_EQ(end.action, way == AtDeadline::kPromote ? Action::kPromote : Action::kRollBack);
    EXPECT_EQ(end.verdict, Verdict::kNotProven);
    EXPECT_EQ(end.t_s, 3000);
  }
}

TEST(Advance, RepeatsItsAnswerAfterTheEnd) {
  RolloutSpec spec = BasicSpec();
  spec.deadline_s = 30;
  Simulation simulation(spec);
  Decision end = simulation.Run(1000);
  const Turn again = Advance(
      simulation.rollout, InputsOf(500, 3000, Bp(500), {.canary_errors = 99}, &simulation.random));
  EXPECT_TRUE(again.commands.empty());
  EXPECT_EQ(again.next.phase, Phase::kEnded);
  end.t_s = 500;
  EXPECT_EQ(ToJson(again.decision, "d1"), ToJson(end, "d1"));
}

TEST(Orders, PauseHoldsUntilResume) {
  Simulation simulation(BasicSpec());
  simulation.Run(50);
  const Weight paused = simulation.rollout.asked;
  simulation.Tick(Ordered(Order::Kind::kPause));
  EXPECT_EQ(simulation.rollout.last.reason, "paused by ann: why");
  simulation.Run(7000);  // past bake and deadline
  EXPECT_FALSE(simulation.Ended());
  EXPECT_EQ(simulation.rollout.asked, paused);
  Simulation other(BasicSpec());
  other.Run(50);
  other.Tick(Ordered(Order::Kind::kPause));
  other.Tick(Ordered(Order::Kind::kResume));
  EXPECT_EQ(other.rollout.asked, paused);
  EXPECT_GT(other.Run(300).weight, paused);
}

TEST(Orders, AWeightIsSetAndStays) {
  Simulation simulation(BasicSpec());
  simulation.Run(50);
  EXPECT_EQ(simulation.Tick(Ordered(Order::Kind::kWeight, Bp(4200))).weight, Bp(4200));
  EXPECT_EQ(simulation.rollout.last.by, "manual");
  EXPECT_EQ(simulation.Run(600).weight, Bp(4200));
  EXPECT_TRUE(simulation.rollout.paused);
}

TEST(Orders, EndIt) {
  Simulation promoted(BasicSpec());
  promoted.Run(50);
  EXPECT_EQ(promoted.Tick(Ordered(Order::Kind::kPromote)).action, Action::kPromote);
  EXPECT_EQ(promoted.rollout.last.weight, Weight::Whole());
  EXPECT_EQ(promoted.rollout.last.verdict, Verdict::kNotProven);
  EXPECT_EQ(promoted.rollout.last.by, "manual");
  EXPECT_TRUE(promoted.Ended());
  Simulation aborted(BasicSpec());
  aborted.Run(50);
  EXPECT_EQ(aborted.Tick(Ordered(Order::Kind::kAbort)).action, Action::kRollBack);
  EXPECT_EQ(aborted.rollout.last.weight, Weight::Zero());
  EXPECT_TRUE(aborted.Ended());
}

TEST(Orders, AProvenRegressionRollsBackAlsoWhilePaused) {
  RolloutSpec spec = BasicSpec();
  spec.rollback_below = 0;
  Simulation simulation(spec);
  simulation.Run(300);
  simulation.Tick(Ordered(Order::Kind::kPause));
  simulation.traffic.canary_errors = 50;
  const Decision& end = simulation.Run(900);
  EXPECT_EQ(end.action, Action::kRollBack);
  EXPECT_EQ(end.by, "evidence");
}

TEST(Orders, ARollbackStandsAboveAWishForMoreTraffic) {
  Simulation simulation(BasicSpec());
  simulation.Run(300);
  simulation.Tick(CanaryDown);
  simulation.Tick(CanaryDown);
  const Decision& end = simulation.Tick([](Inputs* inputs) {
    CanaryDown(inputs);
    Ordered(Order::Kind::kPromote)(inputs);
  });
  EXPECT_EQ(end.action, Action::kRollBack);
}

// ---------------------------------------------------------------------------------- observing

RolloutSpec ObserveSpec() {
  RolloutSpec spec = BasicSpec();
  spec.requests_per_s = 0;
  spec.observe = true;
  return spec;
}

// The baseline's latencies: half at 1 ms, to 90 % at 2 ms, to 99 % at 4 ms, the rest 40 ms.
void Observed(Inputs* inputs) {
  telemetry::Window::Observation observed;
  const std::int64_t n = std::llround(inputs->window.baseline.requests);
  const std::int64_t errors = std::llround(inputs->window.baseline.errors);
  observed.latency_us.Add(1000, n * 50 / 100);
  observed.latency_us.Add(2000, n * 40 / 100);
  observed.latency_us.Add(4000, n * 9 / 100);
  observed.latency_us.Add(40000, n * 1 / 100);
  observed.routes["/cart"] = {.requests = n * 30 / 100, .errors = 0};
  observed.routes["/pay"] = {.requests = n * 69 / 100, .errors = errors};
  observed.routes["/rare"] = {.requests = n / 100, .errors = 0};
  inputs->window.observed = observed;
}

TEST(Observing, EndsAfterAMinuteAndTwoThousandRequests) {
  Simulation simulation(ObserveSpec(), {.requests_per_s = 1000});
  EXPECT_EQ(simulation.rollout.phase, Phase::kObserving);
  EXPECT_EQ(simulation.rollout.asked, Weight::Zero());
  EXPECT_EQ(simulation.rollout.last.requests_needed, 2000);
  simulation.Run(50, Observed);
  EXPECT_EQ(simulation.rollout.phase, Phase::kObserving);
  EXPECT_EQ(simulation.rollout.asked, Weight::Zero());
  simulation.Tick(Observed);
  EXPECT_EQ(simulation.rollout.phase, Phase::kRunning);

  Simulation slow(ObserveSpec(), {.requests_per_s = 15});
  slow.Run(110, Observed);
  EXPECT_EQ(slow.rollout.phase, Phase::kObserving);
  slow.Run(200, Observed);
  EXPECT_EQ(slow.rollout.phase, Phase::kRunning);
}

TEST(Observing, TakesTenMinutesAtMost) {
  Simulation simulation(ObserveSpec(), {.requests_per_s = 1});
  simulation.Run(590, Observed);
  EXPECT_EQ(simulation.rollout.phase, Phase::kObserving);
  simulation.Tick(Observed);
  EXPECT_EQ(simulation.rollout.phase, Phase::kRunning);
}

TEST(Observing, NeverEndsWithoutARequest) {
  Simulation simulation(ObserveSpec(), {.requests_per_s = 0});
  simulation.Run(2000, Observed);
  EXPECT_EQ(simulation.rollout.phase, Phase::kObserving);
}

TEST(Observing, IsShorterWithTheTimeScale) {
  RolloutSpec spec = ObserveSpec();
  spec.time_scale = .1;
  spec.tick_s = 1;
  Simulation simulation(spec, {.requests_per_s = 1000});
  simulation.Run(5, Observed);
  EXPECT_EQ(simulation.rollout.phase, Phase::kObserving);
  simulation.Tick(Observed);
  EXPECT_EQ(simulation.rollout.phase, Phase::kRunning);
  EXPECT_EQ(simulation.rollout.origin_s, 6);
}

TEST(Observing, AHoldKeepsTheWeightAtZero) {
  Simulation simulation(ObserveSpec(), {.requests_per_s = 1000});
  simulation.Run(200, [](Inputs* inputs) {
    Observed(inputs);
    inputs->hold = "the router does not answer";
  });
  EXPECT_EQ(simulation.rollout.phase, Phase::kObserving);
  EXPECT_EQ(simulation.rollout.asked, Weight::Zero());
  EXPECT_GT(simulation.Tick(Observed).weight, Weight::Zero());
}

TEST(Observing, CanBeAborted) {
  Simulation simulation(ObserveSpec());
  simulation.Tick(Ordered(Order::Kind::kAbort));
  EXPECT_TRUE(simulation.Ended());
  EXPECT_EQ(simulation.rollout.last.action, Action::kRollBack);
}

TEST(Observing, LearnsEdgesAndRoutesAndSetsEdgesBeforeTheWeight) {
  Simulation simulation(ObserveSpec(), {.requests_per_s = 1000, .error_rate = .01});
  simulation.Run(60, Observed);
  ASSERT_GE(simulation.commands.size(), 2U);
  EXPECT_EQ(simulation.commands[0].kind, Command::Kind::kSetEdges);
  EXPECT_EQ(simulation.commands[1].kind, Command::Kind::kSetWeight);
  EXPECT_GT(simulation.commands[1].weight, Weight::Zero());

  const RolloutSpec& spec = simulation.rollout.spec;
  EXPECT_THAT(spec.route_names, ::testing::ElementsAre("/pay", "/cart"));  // the busiest first
  ASSERT_EQ(spec.history.routes.size(), 2U);
  EXPECT_NEAR(spec.history.routes[0].share, .69, .01);
  EXPECT_NEAR(spec.history.routes[0].error_rate, .01 / .69, .003);
  EXPECT_NEAR(spec.history.error_rate, .01, .002);
  EXPECT_NEAR(spec.requests_per_s, 1000, 20);
  ASSERT_TRUE(spec.edges.has_value());
  EXPECT_EQ(simulation.commands[0].edges, *spec.edges);
  EXPECT_NEAR(static_cast<double>(spec.edges->slower_us[0]), 1000, 11);
  EXPECT_NEAR(static_cast<double>(spec.edges->slower_us[1]), 2000, 21);
  EXPECT_NEAR(static_cast<double>(spec.edges->slower_us[2]), 4000, 41);
  EXPECT_EQ(spec.edges->harm_us, spec.edges->slower_us[2]);
  const telemetry::Edges canary = CanaryEdges(*spec.edges);
  for (std::size_t i = 0; i < 3; ++i) {
    const double edge = static_cast<double>(spec.edges->slower_us[i]);
    EXPECT_NEAR(static_cast<double>(canary.slower_us[i]), 1.05 * edge, 1);
  }
}

TEST(Advance, APauseDoesNotKeepTrafficOnACanaryThatIsDown) {
  Simulation simulation(BasicSpec());
  simulation.Run(300);
  simulation.Tick(Ordered(Order::Kind::kPause));
  EXPECT_GT(simulation.rollout.asked, Weight::Zero());
  simulation.Tick(CanaryDown);
  EXPECT_EQ(simulation.rollout.asked, Weight::Zero());
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("the canary is down"));
  EXPECT_TRUE(Has(simulation.commands, Command::Kind::kAlert));
}

TEST(Advance, APauseInTheTickInWhichItGoesDownGivesNothingBack) {
  for (const Order::Kind kind : {Order::Kind::kPause, Order::Kind::kResume}) {
    Simulation simulation(BasicSpec());
    simulation.Run(300);
    simulation.Tick([&](Inputs* inputs) {
      CanaryDown(inputs);
      Ordered(kind)(inputs);
    });
    EXPECT_EQ(simulation.rollout.asked, Weight::Zero());
    EXPECT_TRUE(Has(simulation.commands, Command::Kind::kAlert));
  }
}

TEST(Advance, APauseAfterAPromoteInOneTickDoesNotUndoIt) {
  Simulation simulation(BasicSpec());
  simulation.Tick([](Inputs* inputs) {
    Ordered(Order::Kind::kPromote)(inputs);
    Ordered(Order::Kind::kPause)(inputs);
  });
  EXPECT_TRUE(simulation.Ended());
  EXPECT_EQ(simulation.rollout.last.action, Action::kPromote);
}

TEST(Advance, WhatNobodySaysOfHealthCountsNeitherWay) {
  const auto unknown = [](Inputs* inputs) { inputs->health_known = false; };
  Simulation simulation(BasicSpec());
  simulation.Run(300);
  simulation.Tick(CanaryDown);
  simulation.Tick(unknown);
  EXPECT_EQ(simulation.rollout.down_ticks, 1);
  simulation.Tick(CanaryDown);
  simulation.Tick(CanaryDown);
  EXPECT_TRUE(simulation.Ended());
  EXPECT_EQ(simulation.rollout.last.by, "canary down");
}

TEST(Advance, ATickThatCoversMoreTimeIsNoBurst) {
  Simulation simulation(BasicSpec());
  simulation.Run(300);
  const double before = *simulation.rollout.requests_per_tick;
  simulation.Tick([](Inputs* inputs) {
    for (telemetry::ArmWindow* arm : {&inputs->window.canary, &inputs->window.baseline})
      arm->requests *= 100;
    inputs->covers_s = 1000;
  });
  EXPECT_NEAR(*simulation.rollout.requests_per_tick, before, .1 * before);
}

TEST(Rule, ClimbsAStepAMinuteThenPromotes) {
  RolloutSpec spec = BasicSpec();
  spec.policy = Policy::kRule;
  Simulation simulation(spec);
  EXPECT_EQ(simulation.rollout.asked, Bp(1000));
  EXPECT_EQ(simulation.Run(60).weight, Bp(2000));
  EXPECT_EQ(simulation.Run(240).weight, Bp(5000));
  EXPECT_EQ(simulation.Run(300).weight, Bp(5500));
  const Decision& end = simulation.Run(1200);
  EXPECT_EQ(end.action, Action::kPromote);
  EXPECT_EQ(end.t_s, 60 * 14);
}

TEST(Rule, RollsBackAboveItsErrorRate) {
  RolloutSpec spec = BasicSpec();
  spec.policy = Policy::kRule;
  spec.error_rate = .02;
  Simulation simulation(spec, {.error_rate = .04});  // both arms: only the limit speaks
  const Decision& end = simulation.Run(600);
  EXPECT_EQ(end.action, Action::kRollBack);
  EXPECT_EQ(end.by, "rule");
  EXPECT_THAT(end.reason, HasSubstr("the limit is 2 %"));
}

}  // namespace
}  // namespace auspex::rollout
