#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "auspex/base/random.h"
#include "auspex/evidence/canary_evidence.h"

// What section 12.1 changes in the evidence.
namespace auspex::evidence {
namespace {

CanaryEvidence Swift(const History& history) {
  return CanaryEvidence({.history = history, .tick_s = 1.0, .rules = kSwiftRules});
}

Counts Errors(double kc, double nc, double kb, double nb) {
  return {
      .canary_events = kc, .canary_requests = nc, .baseline_events = kb, .baseline_requests = nb};
}

const MetricState& Find(const std::vector<MetricState>& metrics, const std::string& name) {
  return *std::find_if(metrics.begin(), metrics.end(),
                       [&](const MetricState& metric) { return metric.name == name; });
}

TEST(SwiftEvidence, HasAnEdgeForTheLastThousandthAndWeighsAllOnce) {
  const CanaryEvidence evidence = Swift({.routes = {{.5, .01}}, .gauges = {{"memory", {.8, .03}}}});
  double total = 0.0;
  for (const MetricState& metric : evidence.Metrics()) total += metric.weight;
  EXPECT_NEAR(total, 1.0, 1e-12);
  EXPECT_EQ(evidence.Metrics().size(), 13U);  // 5, a route, 5 copies, level and slope
  EXPECT_NEAR(Find(evidence.Metrics(), "t999").baseline_rate, .001, 1e-15);
  EXPECT_NEAR(Find(evidence.Metrics(), "t999").weight / Find(evidence.Metrics(), "t99").weight, .5,
              1e-12);
}

// In the warm-up errors tolerate less and less, and latency says nothing.
TEST(SwiftEvidence, TheWarmUpIsGraded) {
  const auto after = [](double left) {
    CanaryEvidence evidence = Swift({.error_rate = .01});
    TickCounts counts;
    counts.errors = Errors(6, 200, 10, 1000);
    counts.slower[2] = Errors(6, 200, 10, 1000);
    evidence.Step(counts, {.hazard = .003, .warm_up = true, .t = 1, .warm_up_left = left});
    return evidence.Metrics();
  };
  EXPECT_LT(Find(after(1.0), "errors").log_e, 0.0);  // three times as many, 4.7 tolerated
  EXPECT_GT(Find(after(.05), "errors").log_e, 0.0);
  EXPECT_EQ(Find(after(.05), "t99").log_e, 0.0);
}

// After a shift of the baseline its rate is what the last 40 s show.
TEST(SwiftEvidence, AShiftOfTheBaselineIsLearnedAtOnce) {
  CanaryEvidence evidence = Swift({.error_rate = .001});
  const auto run = [&](int from, int to, double baseline_errors) {
    for (int t = from; t < to; ++t) {
      TickCounts counts;
      counts.errors = Errors(0, 10, baseline_errors, 1000);
      evidence.Step(counts, {.hazard = .003, .t = static_cast<double>(t)});
    }
  };
  run(1, 300, 1);
  EXPECT_NEAR(evidence.ErrorRate(), .001, 1e-4);
  run(300, 330, 100);  // an outage of the dependency
  EXPECT_GT(evidence.ErrorRate(), .02);
  run(330, 450, 1);
  EXPECT_LT(evidence.ErrorRate(), .01) << "and forgotten at once";
  EXPECT_LT(evidence.log_e(), std::log(100.0));
}

// P(faulty now) at any load is that of an evidence that never was at high load, but for how the
// prior weights are shared.
TEST(SwiftEvidence, WhatOnlyHighLoadShowsCanBeLeftOut) {
  CanaryEvidence evidence = Swift({.error_rate = .01});
  EXPECT_NEAR(evidence.p_fail_at_any_load(), evidence.p_fail(), .02);
  CanaryEvidence calm = evidence;
  for (int t = 1; t <= 20; ++t) {
    TickCounts counts;
    counts.errors = Errors(1, 100, 7, 700);
    evidence.Step(counts, {.hazard = .003, .t = 300.0 + t});
    calm.Step(counts, {.hazard = .003, .t = 300.0 + t});
  }
  const double before = evidence.p_fail_at_any_load();
  TickCounts counts;
  counts.errors = Errors(12, 100, 7, 700);
  evidence.Step(counts, {.hazard = .003, .high_load = true, .t = 321});
  calm.Step(counts, {.hazard = .003, .high_load = false, .t = 321});
  EXPECT_GT(evidence.p_fail_at_any_load(), before) << "the others saw the tick too";
  EXPECT_NEAR(evidence.p_fail_at_any_load(), calm.p_fail_at_any_load(), 1e-12);
  EXPECT_GT(evidence.p_fail(), calm.p_fail());
}

TEST(SwiftEvidence, AGaugeIsJudgedOnceInTenSeconds) {
  CanaryEvidence each = Swift({.gauges = {{"memory", {.5, .05}}}});
  CanaryEvidence last = each;
  for (int t = 10; t <= 900; ++t) {
    TickCounts counts;
    counts.gauges["memory"] = .004 * (t / 10);  // 2.4 % a minute
    const TickContext context{.t = static_cast<double>(t)};
    each.Step(counts, context);
    if (t % 10 != 0) counts.gauges.clear();
    last.Step(counts, context);
  }
  EXPECT_GT(Find(each.Metrics(), "slope.memory").log_e, 1.0);
  EXPECT_EQ(Find(each.Metrics(), "slope.memory").log_e, Find(last.Metrics(), "slope.memory").log_e);
}

// Evidence that a broken router gave is struck out, and what comes after it counts.
TEST(SwiftEvidence, ADisprovedShareFallsBackToTheCounts) {
  CanaryEvidence evidence = Swift({.error_rate = .01});
  Random random(6);
  double most = -1e9;
  int disproved_at = 0;
  for (int t = 1; t <= 400; ++t) {
    // Planned 10 %, and 20 % come; the versions are equally good.
    TickCounts counts;
    counts.errors = Errors(static_cast<double>(random.Binomial(40, .01)), 40,
                           static_cast<double>(random.Binomial(160, .01)), 160);
    counts.slower[0] = Errors(static_cast<double>(random.Binomial(40, .5)), 40,
                              static_cast<double>(random.Binomial(160, .5)), 160);
    evidence.Step(counts, {.hazard = .003,
                           .t = static_cast<double>(t),
                           .planned_share = .1,
                           .planned_requests = 200});
    if (evidence.share_disproved() && disproved_at == 0) disproved_at = t;
    if (evidence.share_disproved()) most = std::max(most, evidence.log_e());
  }
  EXPECT_GT(disproved_at, 0);
  EXPECT_LT(disproved_at, 30);
  EXPECT_LT(most, std::log(100.0));
}

}  // namespace
}  // namespace auspex::evidence
