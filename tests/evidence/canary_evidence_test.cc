#include "auspex/evidence/canary_evidence.h"

#include <gtest/gtest.h>

#include <cmath>

#include "auspex/base/random.h"

namespace auspex::evidence {
namespace {

struct World {
  double requests_per_s = 100;
  double p = 1e-3;
  double w = .2;
  double ratio = 1;       // canary's errors over the baseline's
  double slow_ratio = 1;  // of requests over the edges
};

TickCounts Draw(Random* random, const World& world, double tick_s) {
  const double n = world.requests_per_s * tick_s;
  TickCounts counts;
  const auto nc = random->Poisson(n * world.w);
  const auto nb = random->Poisson(n * (1 - world.w));
  const auto events = [&](double rate, double ratio) {
    return Counts{static_cast<double>(random->Binomial(nc, std::min(1.0, rate * ratio))),
                  static_cast<double>(nc), static_cast<double>(random->Binomial(nb, rate)),
                  static_cast<double>(nb)};
  };
  counts.errors = events(world.p, world.ratio);
  const double slow[] = {.5, .1, .01};
  for (std::size_t i = 0; i < 3; ++i) counts.slower[i] = events(slow[i], world.slow_ratio);
  return counts;
}

double HazardAt(double t, double tick_s) { return std::min(.5, tick_s / (300 + t)); }

struct Run {
  double most_log_e = -1e9;
  int detected_tick = -1;
};

Run Watch(std::uint64_t seed, const World& before, const World& after, int onset, int ticks,
          double alpha = .01) {
  Random random(seed);
  CanaryEvidence evidence(
      {.history = {
           .error_rate = before.p, .error_s2 = 0, .latency_s2 = {}, .routes = {}, .gauges = {}}});
  Run run;
  for (int i = 1; i <= ticks; ++i) {
    const double t = 10.0 * i;
    evidence.Step(Draw(&random, i > onset ? after : before, 10),
                  {.hazard = HazardAt(t, 10), .warm_up = t <= 240, .high_load = before.w >= .3});
    run.most_log_e = std::max(run.most_log_e, evidence.log_e());
    if (run.detected_tick < 0 && evidence.log_e() >= -std::log(alpha)) run.detected_tick = i;
  }
  return run;
}

double MedianDelay(const World& before, const World& after, int onset, int runs) {
  std::vector<int> delays;
  for (int seed = 0; seed < runs; ++seed) {
    const Run run = Watch(static_cast<std::uint64_t>(seed) + 1, before, after, onset, onset + 400);
    delays.push_back(run.detected_tick < 0 ? 10'000 : run.detected_tick - onset);
  }
  std::nth_element(delays.begin(), delays.begin() + runs / 2, delays.end());
  return delays[static_cast<std::size_t>(runs / 2)];
}

TEST(CanaryEvidence, StartsAtThePrior) {
  const CanaryEvidence evidence({.history = {}, .tick_s = 10, .prior_odds = .15 / .85});
  EXPECT_NEAR(evidence.log_e(), 0.0, 1e-12);
  // 60 % of the prior risk says "already faulty".
  EXPECT_NEAR(evidence.p_fail(), .6 * .15, 1e-12);
}

TEST(CanaryEvidence, WeightsSumToOne) {
  const CanaryEvidence evidence(
      {.history = {.routes = {{.5, .01}, {.3, .02}},
                   .gauges = {{"memory", {.8, .03}}, {"cpu", {.8, .03}}}}});
  double total = 0;
  for (const MetricState& metric : evidence.Metrics()) total += metric.weight;
  EXPECT_NEAR(total, 1.0, 1e-12);
  EXPECT_EQ(evidence.Metrics().size(), 13U);
}

TEST(CanaryEvidence, IsNeverSurerThanSure) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    CanaryEvidence evidence({.history = {.error_rate = 1e-3,
                                         .error_s2 = 0,
                                         .latency_s2 = {},
                                         .routes = {{.share = .3, .error_rate = 1e-3},
                                                    {.share = .7, .error_rate = 1e-3}},
                                         .gauges = {}}});
    for (int i = 1; i <= 30; ++i) {
      TickCounts counts = Draw(&random, {.ratio = 300, .slow_ratio = 1.5}, 10);
      counts.routes = {counts.errors, counts.errors};
      evidence.Step(counts,
                    {.hazard = HazardAt(10.0 * i, 10), .warm_up = false, .high_load = false});
      ASSERT_LE(evidence.p_fail(), 1.0) << "seed " << seed << ", tick " << i;
    }
  }
}

// As property 6 (detection_test.cc), of all metrics together: those that see nothing cost
// ln(1/.36) of evidence, two ticks here.
// The drift of a tick is a share of a mass: more than the whole would leave a negative one.
TEST(CanaryEvidence, LongTicksLeaveProbabilities) {
  for (const double tick_s : {900.0, 1100.0, 60'000.0, 1e15}) {
    Random random(1);
    CanaryEvidence evidence({.history = {}, .tick_s = tick_s});
    for (int i = 1; i <= 50; ++i) {
      evidence.Step(Draw(&random, {.requests_per_s = 1000 / tick_s, .ratio = 2}, tick_s),
                    {.hazard = HazardAt(i * tick_s, tick_s)});
      ASSERT_GE(evidence.p_fail(), 0.0) << "tick " << i << " of " << tick_s << " s";
      ASSERT_LE(evidence.p_fail(), 1.0) << "tick " << i << " of " << tick_s << " s";
      for (const MetricState& metric : evidence.Metrics()) {
        ASSERT_TRUE(metric.active >= 0.0 && metric.active <= 1.0)
            << metric.name << ": " << metric.active << " in tick " << i << " of " << tick_s << " s";
      }
    }
  }
}

TEST(CanaryEvidence, DetectsALateOnset) {
  const World good{};
  World bad = good;
  bad.ratio = 5;
  EXPECT_LE(MedianDelay(good, bad, 240, 101), 30);
}

TEST(CanaryEvidence, AnAaRunIsRarelyCalledFaulty) {
  int alarms = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    alarms += Watch(seed, {}, {}, 0, 360, .05).most_log_e >= -std::log(.05);
  }
  // alpha .05 bounds the share at 15 of 300; the method stays far below (section 9.4).
  EXPECT_LE(alarms, 15);
}

// Property 7: an outage of both arms is not the canary's fault.
TEST(CanaryEvidence, ASharedOutageIsNeverProof) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    CanaryEvidence evidence(
        {.history = {
             .error_rate = 1e-4, .error_s2 = 0, .latency_s2 = {}, .routes = {}, .gauges = {}}});
    for (int i = 1; i <= 200; ++i) {
      World world{.requests_per_s = 200, .p = 1e-4};
      if (i > 60 && i <= 80) world.p = .1;
      evidence.Step(Draw(&random, world, 10),
                    {.hazard = HazardAt(10.0 * i, 10), .warm_up = i <= 24});
      ASSERT_LT(evidence.log_e(), std::log(100.0)) << "seed " << seed << " tick " << i;
    }
  }
}

TEST(CanaryEvidence, ThrottleComesBackAfterASharedOutage) {
  Random random(7);
  CanaryEvidence evidence(
      {.history = {
           .error_rate = 1e-4, .error_s2 = 0, .latency_s2 = {}, .routes = {}, .gauges = {}}});
  double harm_before = 0;
  for (int i = 1; i <= 145; ++i) {
    World world{.requests_per_s = 200, .p = 1e-4};
    if (i > 60 && i <= 80) world.p = .1;
    evidence.Step(Draw(&random, world, 10), {.hazard = HazardAt(10.0 * i, 10), .warm_up = i <= 24});
    if (i == 60) harm_before = evidence.ThrottleView(.05).harm();
  }
  // Ten minutes after the gate's hold.
  EXPECT_LT(evidence.ThrottleView(.05).harm(), 20 * harm_before);
  EXPECT_LT(evidence.ThrottleView(.05).p_fail, .3);
}

TEST(CanaryEvidence, NothingMovesWithoutRequests) {
  CanaryEvidence evidence({.history = {}});
  const auto before = evidence.Metrics();
  evidence.Step({}, {.hazard = .1, .warm_up = true});
  const auto after = evidence.Metrics();
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].log_e, after[i].log_e);
    EXPECT_EQ(before[i].active, after[i].active);
  }
}

TEST(CanaryEvidence, RequestsNeededFallsWithTheWeightAndTheRatio) {
  const CanaryEvidence evidence({.history = {}});
  const auto at = [&](double w, double ratio) {
    return evidence.RequestsNeeded({.w = w, .ratio = ratio}).value();
  };
  EXPECT_GT(at(.01, 2), at(.1, 2));
  EXPECT_GT(at(.1, 2), at(.1, 5));
  EXPECT_FALSE(evidence.RequestsNeeded({.w = 0}).has_value());
  EXPECT_FALSE(evidence.RequestsNeeded({.w = .1, .ratio = 1.0}).has_value());
}

// A second kind of user's doing, that the history knows at 2 %.
History WithOrders(double tolerated) {
  History history;
  history.behaviour = {{.name = "orders", .rate = .02, .tolerated = tolerated}};
  return history;
}

double OrdersLogE(const History& history, double canary_rate, int ticks) {
  CanaryEvidence evidence({.history = history});
  for (int i = 0; i < ticks; ++i) {
    TickCounts counts;
    counts.errors = {.canary_requests = 1000, .baseline_requests = 9000};
    counts.behaviour = {{.canary_events = 100 * canary_rate,
                         .canary_requests = 100,
                         .baseline_events = 18,
                         .baseline_requests = 900}};
    evidence.Step(counts, {.hazard = .01});
  }
  for (const MetricState& metric : evidence.Metrics()) {
    if (metric.name == "behaviour.orders") return metric.log_e;
  }
  ADD_FAILURE() << "no metric behaviour.orders";
  return 0.0;
}

TEST(CanaryEvidence, BehaviourIsARateOfItsOwnWithItsOwnTolerance) {
  EXPECT_GT(OrdersLogE(WithOrders(kToleratedRatio), .03, 60), 2.0);
  EXPECT_LT(OrdersLogE(WithOrders(1.5), .03, 60), 0.0);
  EXPECT_LT(OrdersLogE(WithOrders(kToleratedRatio), .02, 60), 0.0);
}

TEST(CanaryEvidence, BehaviourSharesTheWeightsAndLeavesTheOthersAsTheyAre) {
  CanaryEvidence without({.history = {}}), with({.history = WithOrders(kToleratedRatio)});
  TickCounts counts;
  counts.errors = {10, 1000, 10, 9000};
  without.Step(counts, {.hazard = .01});
  with.Step(counts, {.hazard = .01});
  const auto weigh = [](const CanaryEvidence& evidence) {
    double sum = 0.0;
    for (const MetricState& metric : evidence.Metrics()) sum += metric.weight;
    return sum;
  };
  EXPECT_NEAR(weigh(with), 1.0, 1e-12);
  EXPECT_DOUBLE_EQ(with.Metrics().front().log_e, without.Metrics().front().log_e);
  // .05 beside the .97 of the others (section 5).
  EXPECT_NEAR(with.Metrics().front().weight / without.Metrics().front().weight, .97 / 1.02, 1e-12);
}

}  // namespace
}  // namespace auspex::evidence
