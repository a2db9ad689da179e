#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "auspex/rollout/codec.h"
#include "auspex/rollout/pace.h"
#include "auspex/rollout/strategy.h"
#include "tests/rollout/simulation.h"

// The pace swift: section 12.1, and the properties of section 9 for it.
namespace auspex::rollout {
namespace {

using testing::BasicSpec;
using testing::Bp;
using testing::Has;
using testing::InputsOf;
using testing::SilenceCanary;
using testing::Simulation;
using testing::Traffic;

RolloutSpec SwiftSpec() {
  RolloutSpec spec = BasicSpec();
  spec.pace = Pace::kSwift;
  spec.tick_s = 1;
  spec.planned_shares = true;
  return spec;
}

// A service and its traffic, as chance gives them.
Simulation AnySimulation(std::uint64_t seed, double worst_fault) {
  Random random(seed);
  RolloutSpec spec = SwiftSpec();
  spec.criticality = 1 + static_cast<int>(random.Below(4));
  spec.mode = static_cast<Mode>(random.Below(3));
  spec.tick_s = std::array{.5, 1.0, 1.0, 2.0}[random.Below(4)];
  spec.risk = random.Uniform();
  spec.lag_s = random.Chance(.3) ? 2 * random.Uniform() : 0;
  spec.planned_shares = random.Chance(.7);
  spec.requests_per_s = random.Chance(.2) ? 0 : std::exp(random.Uniform() * 9);
  Traffic traffic{.requests_per_s = spec.requests_per_s > 0 ? spec.requests_per_s : 50,
                  .error_rate = std::pow(10, -1 - 4 * random.Uniform()),
                  .canary_errors = std::exp(random.Uniform() * std::log(worst_fault))};
  spec.history.error_rate = traffic.error_rate;
  return Simulation(spec, traffic, seed + 1);
}

RC_GTEST_PROP(Swift, IsNeverAboveItsCaps, (std::uint64_t seed)) {
  Simulation simulation = AnySimulation(seed, 40);
  RC_ASSERT(simulation.rollout.asked <= Bp(200));
  for (int i = 0; i < 300; ++i) {
    const Rollout before = simulation.rollout;
    simulation.Tick();
    if (simulation.Ended()) return;
    const Rollout& now = simulation.rollout;
    const double ramp =
        std::max(before.asked.bp() * std::exp2(now.TickSeconds() / 5), before.asked.bp() + 1.0);
    RC_ASSERT(now.asked.bp() <= std::min(9500.0, ramp + 1e-6));
    if (now.t < 200) RC_ASSERT(now.asked.bp() <= 2500);
    if (now.t < 230) RC_ASSERT(now.asked.bp() <= 2500 + 7000 * std::max(0.0, now.t - 200) / 30);
    const double reaction = StrategyOf(now).reaction_s(now);
    const double suspected =
        now.evidence->ThrottleView(std::min(1.0, reaction / (300 + now.t))).p_fail;
    if (suspected > .2) RC_ASSERT(now.asked <= std::max(Bp(3000), LeastWeight(now)));
  }
}

RC_GTEST_PROP(Swift, ALargerBudgetNeverGivesASmallerWeight, (std::uint64_t seed)) {
  Simulation simulation = AnySimulation(seed, 5);
  for (int i = 0; i < 60 && !simulation.Ended(); ++i) {
    simulation.Tick();
    Rollout rollout = simulation.rollout;
    int last = 0;
    for (const Mode mode : {Mode::kCareful, Mode::kBalanced, Mode::kFast}) {
      rollout.spec.mode = mode;
      const int bp = NextWeight(rollout, {}).next.bp();
      RC_ASSERT(bp >= last);
      last = bp;
    }
    rollout.spec.mode = simulation.rollout.spec.mode;
    last = 0;
    for (int criticality = 1; criticality <= 4; ++criticality) {
      rollout.spec.criticality = criticality;
      const int bp = NextWeight(rollout, {}).next.bp();
      RC_ASSERT(bp >= last);
      last = bp;
    }
  }
}

TEST(Swift, TheWeightIsLinearInTheBudgetAndFallsWithTheHarm) {
  Rollout rollout = Start(SwiftSpec()).next;
  const Strategy& strategy = StrategyOf(rollout);
  const evidence::CanaryEvidence::Throttle harm{.p_fail = .1, .begun = 1e-4, .coming = 1e-6};
  const double want = strategy.want(rollout, harm);
  ++rollout.spec.criticality;  // twice the budget
  EXPECT_NEAR(strategy.want(rollout, harm), 2 * want, 1e-9 * want);
  --rollout.spec.criticality;
  double last = 1e9;
  for (const double more : {.5, 1.0, 2.0, 100.0}) {
    const double next = strategy.want(
        rollout, {.p_fail = .1, .begun = more * harm.begun, .coming = more * harm.coming});
    EXPECT_LT(next, last);
    last = next;
  }
}

// With the harm from the prior alone, what a reaction is expected to cost fits both budgets.
TEST(Swift, FitsTheBudgetAtTheStart) {
  for (const double rps : {20.0, 300.0, 5000.0}) {
    RolloutSpec spec = SwiftSpec();
    spec.requests_per_s = rps;
    const Rollout rollout = Start(spec).next;
    const auto harm = rollout.evidence->ThrottleView(2.0 / 300.0);
    const double served = rollout.asked.share() * rps * 2;
    if (rollout.asked <= LeastWeight(rollout)) continue;
    EXPECT_LE(served * (harm.begun / (.03 + .00002 * rps) + harm.coming / (.0015 + .000005 * rps)),
              1 + 1e-9)
        << rps;
  }
}

// A canary's further error is never a reason for more weight, whatever the prior risk.
RC_GTEST_PROP(Swift, MoreErrorsOfTheCanaryNeverGiveMoreWeight, (std::uint64_t seed)) {
  Simulation simulation = AnySimulation(seed, 3);
  for (std::uint64_t i = 0; i <= seed % 120 && !simulation.Ended(); ++i) simulation.Tick();
  if (simulation.Ended()) return;
  const Rollout& rollout = simulation.rollout;
  const double requests = simulation.traffic.requests_per_s * rollout.spec.tick_s;
  Inputs inputs = InputsOf(simulation.t_s + rollout.spec.tick_s, requests, rollout.asked,
                           simulation.traffic, &simulation.random);
  Weight last = Weight::Whole();
  for (int step = 0; step <= 20; ++step) {
    inputs.window.canary.errors = std::floor(inputs.window.canary.requests * step * step / 400);
    const Weight next = Advance(rollout, inputs).decision.weight;
    RC_ASSERT(next <= last);
    last = next;
  }
}

TEST(Swift, TheLeastWeightIsARequestInTenSeconds) {
  Rollout rollout = Start(SwiftSpec()).next;
  const auto least_at = [&](double requests_per_s) {
    rollout.requests_per_tick = requests_per_s * rollout.spec.tick_s;
    return LeastWeight(rollout).bp();
  };
  EXPECT_EQ(least_at(10), 100);
  EXPECT_EQ(least_at(1), 500);   // at most 5 %
  EXPECT_EQ(least_at(5000), 2);  // at least .02 %
}

TEST(Swift, TheWeightAtSmallHarmDoesNotDependOnTheTick) {
  const auto want_at = [](double tick_s) {
    RolloutSpec spec = SwiftSpec();
    spec.tick_s = tick_s;
    const Rollout rollout = Start(spec).next;
    return StrategyOf(rollout).want(rollout, {.p_fail = .1, .begun = 1e-4, .coming = 0});
  };
  EXPECT_NEAR(want_at(1), want_at(10), 1e-9);
  EXPECT_NEAR(want_at(1), want_at(.5), 1e-9);
}

// ---- silence and ends

TEST(Swift, AnEmptyTickIsNothingUnusualAtSmallWeights) {
  RolloutSpec spec = SwiftSpec();
  spec.requests_per_s = 20;
  Simulation simulation(spec, {.requests_per_s = 20});
  simulation.Run(100);
  EXPECT_GT(simulation.rollout.asked, Bp(1000));
}

TEST(Swift, AnArmThatIsSilentForTenSecondsHoldsTheWeight) {
  RolloutSpec spec = SwiftSpec();
  spec.requests_per_s = 20;
  Simulation simulation(spec, {.requests_per_s = 20});
  simulation.Run(3);
  for (int i = 0; i < 10; ++i) simulation.Tick(SilenceCanary);
  const Weight then = simulation.rollout.asked;
  for (int i = 0; i < 20; ++i) {
    simulation.Tick(SilenceCanary);
    EXPECT_LE(simulation.rollout.asked, then);
  }
}

TEST(Swift, AGoodCanaryIsPromotedAfterItsBake) {
  Simulation simulation(SwiftSpec());
  simulation.Run(600);
  EXPECT_GE(simulation.rollout.asked, Bp(9000));
  simulation.Run(3000);
  EXPECT_EQ(simulation.rollout.last.verdict, Verdict::kPass);
  EXPECT_LE(simulation.t_s, 2705);
}

TEST(Swift, ASuspectAtTheDeadlineWaitsForAPerson) {
  RolloutSpec spec = SwiftSpec();
  spec.deadline_s = 300;
  spec.bake_s = 290;
  spec.rollback_below = 0;
  spec.alpha = 1e-9;  // nothing is proven in this test
  spec.risk = .8;
  Simulation simulation(spec, {.error_rate = .01, .canary_errors = 1.6});
  simulation.Run(299);
  ASSERT_FALSE(simulation.Ended());
  ASSERT_LT(simulation.rollout.asked, Bp(9000));
  const Decision& last = simulation.Tick();
  EXPECT_NE(last.reason.find("a person"), std::string::npos) << last.reason;
  EXPECT_FALSE(simulation.Ended());
  EXPECT_TRUE(Has(simulation.commands, Command::Kind::kAlert));
  // And goes on waiting, however good it comes to look.
  const Weight held = simulation.rollout.asked;
  simulation.traffic.canary_errors = .5;
  for (int t = 0; t < 3000; ++t) {
    simulation.Tick();
    ASSERT_FALSE(simulation.Ended()) << simulation.rollout.last.reason;
    ASSERT_LE(simulation.rollout.asked, held);
    ASSERT_NE(simulation.rollout.last.reason.find("a person"), std::string::npos);
  }
  simulation.Tick([](Inputs* inputs) {
    inputs->orders = {
        {.kind = Order::Kind::kPromote, .weight = {}, .actor = "ann", .reason = "ok"}};
  });
  EXPECT_EQ(simulation.rollout.last.action, Action::kPromote);
}

// A reason never says that the weight cannot grow while it grows.
RC_GTEST_PROP(Swift, TheReasonFitsTheWeight, (std::uint64_t seed)) {
  Simulation simulation = AnySimulation(seed, 40);
  const double errors = simulation.traffic.canary_errors;
  for (int i = 0; i < 400 && !simulation.Ended(); ++i) {
    const Weight before = simulation.rollout.asked;
    simulation.traffic.canary_errors = before.bp() >= kHighLoadBp ? 20 * errors : 1;
    const Decision& last = simulation.Tick();
    const auto says = [&](const char* what) { return last.reason.find(what) != std::string::npos; };
    if (says("no more than it has") || says("silence holds")) RC_ASSERT(last.weight <= before);
    if (says("no more than the least")) RC_ASSERT(last.weight <= LeastWeight(simulation.rollout));
    if (last.weight < before && !simulation.Ended())
      RC_ASSERT(says("no more than it has") || says("less"));
  }
}

// What it showed speaks against it, and no proof came.
TEST(Swift, WhatLooksFaultyAtTheDeadlineIsRolledBack) {
  RolloutSpec spec = SwiftSpec();
  spec.deadline_s = 900;
  spec.bake_s = 290;
  spec.rollback_below = 0;
  spec.alpha = 1e-30;  // nothing is proven in this test
  Simulation simulation(spec, {.error_rate = .01, .canary_errors = 3});
  const Decision& last = simulation.Run(1200);
  ASSERT_TRUE(simulation.Ended());
  EXPECT_EQ(last.action, Action::kRollBack);
  EXPECT_EQ(last.verdict, Verdict::kNotProven);
  EXPECT_EQ(last.by, "deadline");
  EXPECT_NE(last.reason.find("rather faulty than not; most speaks errors"), std::string::npos)
      << last.reason;
}

// A fault that needs load is not seen below it: a suspicion must not hold the canary there.
TEST(Swift, AFaultThatNeedsLoadIsFoundOut) {
  int caught = 0;
  constexpr int kRollouts = 20;
  for (std::uint64_t seed = 1; seed <= kRollouts; ++seed) {
    RolloutSpec spec = SwiftSpec();
    spec.requests_per_s = 8;
    spec.history.error_rate = 1e-4;
    Simulation simulation(spec, {.requests_per_s = 8, .error_rate = 1e-4}, seed);
    while (!simulation.Ended()) {
      simulation.traffic.canary_errors = simulation.rollout.asked.bp() >= kHighLoadBp ? 1500 : 1;
      simulation.Tick();
    }
    // By what it showed, not for want of an answer at the deadline.
    const std::string& by = simulation.rollout.last.by;
    caught += simulation.rollout.last.action == Action::kRollBack && by != "deadline";
  }
  EXPECT_EQ(caught, kRollouts);
}

// ---- the guarantee

// A tick of the simulated router, drawn in parts so that the fuse can stop it.
Inputs DrawTick(Simulation* simulation) {
  constexpr int kParts = 20;
  const Rollout& rollout = simulation->rollout;
  const double tick_s = rollout.spec.tick_s;
  Inputs sum;
  for (int part = 1; part <= kParts; ++part) {
    const Inputs drawn = InputsOf(0, simulation->traffic.requests_per_s * tick_s / kParts,
                                  rollout.asked, simulation->traffic, &simulation->random);
    const auto add = [](const telemetry::ArmWindow& from, telemetry::ArmWindow* to) {
      to->requests += from.requests;
      to->errors += from.errors;
      to->slower.resize(from.slower.size());
      for (std::size_t i = 0; i < from.slower.size(); ++i) to->slower[i] += from.slower[i];
    };
    add(drawn.window.canary, &sum.window.canary);
    add(drawn.window.baseline, &sum.window.baseline);
    if (rollout.last.fuse && sum.window.canary.errors >= *rollout.last.fuse) {
      sum.stopped_at_s = rollout.last.t_s + tick_s * part / kParts;
      break;
    }
  }
  return sum;
}

// Property 4, small: good canaries with outages of both arms, planned shares and a fuse.
TEST(Swift, RarelyRollsBackAGoodCanaryByEvidence) {
  constexpr int kRollouts = 150;
  int false_alarms = 0;
  int stopped = 0;
  for (std::uint64_t seed = 1; seed <= kRollouts; ++seed) {
    RolloutSpec spec = SwiftSpec();
    spec.alpha = .05;
    spec.rollback_below = 0;
    spec.fuse = true;
    spec.requests_per_s = seed % 3 == 0 ? 1000 : seed % 3 == 1 ? 100 : 5;
    spec.history.error_rate = seed % 2 == 0 ? .01 : 1e-4;
    Simulation simulation(
        spec, {.requests_per_s = spec.requests_per_s, .error_rate = spec.history.error_rate}, seed);
    for (int t = 1; t <= 400 && !simulation.Ended(); ++t) {
      simulation.traffic.outage = seed % 5 == 0 && t > 250 && t < 300 ? 60 : 1;
      const Inputs drawn = DrawTick(&simulation);
      stopped += drawn.stopped_at_s > 0;
      simulation.Tick([&](Inputs* inputs) {
        inputs->window.canary = drawn.window.canary;
        inputs->window.baseline = drawn.window.baseline;
        inputs->stopped_at_s = drawn.stopped_at_s;
      });
    }
    false_alarms += simulation.rollout.last.by == "evidence";
  }
  EXPECT_GT(stopped, 10) << "the fuse had something to do";
  EXPECT_LE(false_alarms, kRollouts / 20);  // alpha; the method stays far below
}

// Property 7: an outage of both arms is never proof, and ten minutes later the weight is back.
TEST(Swift, ASharedOutageOnlySlowsIt) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    RolloutSpec spec = SwiftSpec();
    spec.history.error_rate = 1e-4;
    Simulation simulation(spec, {.error_rate = 1e-4}, seed);
    simulation.Run(400);
    const Weight before = simulation.rollout.asked;
    simulation.traffic.outage = 1000;
    simulation.Run(480);
    simulation.traffic.outage = 1;
    simulation.Run(480 + 600);
    ASSERT_FALSE(simulation.Ended()) << simulation.rollout.last.reason;
    EXPECT_GE(simulation.rollout.asked, before) << seed;
  }
}

// At 95 % the baseline's few requests tell little in the first second; then the canary has a
// request in ten seconds, and the first that fails is the proof.
TEST(Swift, FindsACrashWithFewRequests) {
  Simulation simulation(SwiftSpec(), {.error_rate = .001});
  simulation.Run(400);
  simulation.traffic.canary_errors = 500;
  const double served = simulation.rollout.canary.requests;
  simulation.Run(401);
  const double in_first_second = simulation.rollout.canary.requests - served;
  simulation.Run(500);
  EXPECT_LT(simulation.rollout.canary.requests - served, in_first_second + 30);
  ASSERT_TRUE(simulation.Ended()) << ToJson(simulation.rollout.last, "d");
  EXPECT_EQ(simulation.rollout.last.verdict, Verdict::kFail);
}

TEST(Swift, ARouterThatDoesNotGiveThePlannedShareIsFound) {
  Simulation simulation(SwiftSpec());
  simulation.Run(60);
  bool told = false;
  for (int i = 0; i < 200 && !told; ++i) {
    simulation.Tick([&](Inputs* inputs) {
      // The canary gets one and a half times as many.
      Random random(static_cast<std::uint64_t>(i));
      *inputs =
          InputsOf(inputs->window.t_s, 300, Bp(simulation.rollout.asked.bp() * 3 / 2), {}, &random);
    });
    told = simulation.rollout.last.reason.find("planned share") != std::string::npos;
  }
  EXPECT_TRUE(told) << ToJson(simulation.rollout.last, "d");
  EXPECT_TRUE(Has(simulation.commands, Command::Kind::kAlert));
  EXPECT_NE(simulation.rollout.last.action, Action::kAdvance);
  simulation.Run(simulation.t_s + 100);
  EXPECT_FALSE(simulation.Ended());
  EXPECT_FALSE(simulation.rollout.last.fuse.has_value());
}

// ---- replay

RC_GTEST_PROP(Swift, RepeatsBitForBitFromItsRecords, (std::uint64_t seed)) {
  Simulation simulation = AnySimulation(seed, 3);
  const auto spec = SpecFromJson(ToJson(simulation.rollout.spec));
  RC_ASSERT(spec.ok());
  Rollout again = Start(*spec).next;
  for (int i = 0; i < 100 && !simulation.Ended(); ++i) {
    std::string record;
    simulation.Tick([&](Inputs* inputs) { record = ToJson(*inputs); });
    const auto inputs = InputsFromJson(record);
    RC_ASSERT(inputs.ok());
    again = Advance(again, *inputs).next;
    RC_ASSERT(ToJson(again.last, "d") == ToJson(simulation.rollout.last, "d"));
  }
}

TEST(Swift, IsTheDefaultForShortTicksFedPerRequest) {
  EXPECT_EQ(DefaultPace(Policy::kAdaptive, {.tick_s = 1, .per_request = true}), Pace::kSwift);
  EXPECT_EQ(DefaultPace(Policy::kAdaptive, {.tick_s = 2, .per_request = true}), Pace::kSwift);
  EXPECT_EQ(DefaultPace(Policy::kAdaptive, {.tick_s = 1, .per_request = false}), Pace::kClassic);
  EXPECT_EQ(DefaultPace(Policy::kAdaptive, {.tick_s = 10, .per_request = true}), Pace::kClassic);
  for (const Policy other : {Policy::kSteps, Policy::kRule})
    EXPECT_EQ(DefaultPace(other, {.tick_s = 1, .per_request = true}), Pace::kClassic);
}

}  // namespace
}  // namespace auspex::rollout
