// The whole controller keeps its promise: of rollouts whose canary is no worse than tolerated, at
// most alpha are rolled back by evidence (property 4 of section 9, last line). Pace swift at
// planned shares and with a fuse, which outages of both arms blow.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/rollout/simulation.h"

namespace auspex::rollout {
namespace {

using testing::Simulation;

struct Cell {
  double alpha;
  double ratio;  // the canary's rates over the baseline's, in all metrics
  Pace pace = Pace::kClassic;
  int rollouts = 4000;
  bool planned = true;  // of pace swift: planned shares and a fuse, or counts as a daemon has them
};

struct Requests {
  std::int64_t all = 0;
  std::int64_t errors = 0;
};

telemetry::ArmWindow Arm(const Requests& requests, double ratio, Random* random) {
  telemetry::ArmWindow arm;
  arm.requests = static_cast<double>(requests.all);
  arm.errors = static_cast<double>(requests.errors);
  // Nested edges, so that each is passed `ratio` times as often.
  std::int64_t left = random->Binomial(requests.all, .5 * ratio);
  for (const double deeper : {.2, .1, .1}) {
    arm.slower.push_back(static_cast<double>(left));
    left = random->Binomial(left, deeper);
  }
  arm.slower.push_back(static_cast<double>(left));
  return arm;
}

// What came before error number `fuse` of the canary, and the share of the tick that had passed.
double Cut(std::int64_t fuse, Requests* canary, Requests* baseline, Random* random) {
  std::vector<double> at(static_cast<std::size_t>(canary->errors));
  for (double& when : at) when = random->Uniform();
  std::sort(at.begin(), at.end());
  const double share = at[static_cast<std::size_t>(fuse) - 1];
  canary->all = fuse + random->Binomial(canary->all - canary->errors, share);
  canary->errors = fuse;
  const std::int64_t errors = random->Binomial(baseline->errors, share);
  baseline->all = errors + random->Binomial(baseline->all - baseline->errors, share);
  baseline->errors = errors;
  return share;
}

RolloutSpec SpecOf(const Cell& cell, Random* random) {
  RolloutSpec spec = testing::BasicSpec();
  spec.alpha = cell.alpha;
  spec.requests_per_s = std::exp(random->Uniform() * std::log(5000.0));
  spec.history.error_rate = std::pow(10.0, -5.0 + 3.0 * random->Uniform());
  spec.pace = cell.pace;
  if (cell.pace == Pace::kSwift) {
    spec.tick_s = 1;
    spec.planned_shares = cell.planned;
    spec.fuse = cell.planned;
  }
  return spec;
}

struct Ends {
  int by_evidence = 0;
  int rolled_back = 0;
  int cuts = 0;
};

Ends RunAll(const Cell& cell) {
  Ends ends;
  Random random(7);
  for (int i = 0; i < cell.rollouts; ++i) {
    const RolloutSpec spec = SpecOf(cell, &random);
    Simulation simulation(spec, {.requests_per_s = spec.requests_per_s}, random.Bits());
    Random& draws = simulation.random;
    const double rate = spec.history.error_rate;
    const double outage_s = cell.pace == Pace::kSwift ? 2700 * draws.Uniform() : spec.deadline_s;
    simulation.Run(spec.deadline_s, [&](Inputs* inputs) {
      telemetry::Window& window = inputs->window;
      const bool outage = window.t_s > outage_s && window.t_s < outage_s + 60;
      const double p = outage ? std::min(.5, 100 * rate) : rate;
      Requests canary{.all = std::llround(window.canary.requests)};
      Requests baseline{.all = std::llround(window.baseline.requests)};
      canary.errors = draws.Binomial(canary.all, cell.ratio * p);
      baseline.errors = draws.Binomial(baseline.all, p);
      const auto fuse = simulation.rollout.last.fuse;
      if (fuse && static_cast<double>(canary.errors) >= *fuse) {
        const double share = Cut(std::llround(*fuse), &canary, &baseline, &draws);
        inputs->stopped_at_s = simulation.rollout.last.t_s + share * spec.tick_s;
        ++ends.cuts;
      }
      window.canary = Arm(canary, cell.ratio, &draws);
      window.baseline = Arm(baseline, 1.0, &draws);
    });
    const Decision& last = simulation.rollout.last;
    ends.by_evidence += last.by == "evidence";
    ends.rolled_back += last.action == Action::kRollBack;
  }
  return ends;
}

void ExpectKept(const Cell& cell) {
  const Ends ends = RunAll(cell);
  ::testing::Test::RecordProperty("by_evidence", ends.by_evidence);
  ::testing::Test::RecordProperty("rolled_back", ends.rolled_back);
  ::testing::Test::RecordProperty("cuts", ends.cuts);
  EXPECT_LE(ends.by_evidence, cell.alpha * cell.rollouts);
}

TEST(Guarantee, HoldsForEqualVersionsAtOnePercent) { ExpectKept({.alpha = .01, .ratio = 1.0}); }
TEST(Guarantee, HoldsForEqualVersionsAtFivePercent) { ExpectKept({.alpha = .05, .ratio = 1.0}); }
TEST(Guarantee, HoldsAtTheEdgeOfToleranceInAllMetricsAtOnePercent) {
  ExpectKept({.alpha = .01, .ratio = 1.1});
}
TEST(Guarantee, HoldsAtTheEdgeOfToleranceInAllMetricsAtFivePercent) {
  ExpectKept({.alpha = .05, .ratio = 1.1});
}
TEST(Guarantee, HoldsForSwiftAtTheEdgeOfToleranceAtOnePercent) {
  ExpectKept({.alpha = .01, .ratio = 1.1, .pace = Pace::kSwift, .rollouts = 1200});
}
TEST(Guarantee, HoldsForSwiftAtTheEdgeOfToleranceAtFivePercent) {
  ExpectKept({.alpha = .05, .ratio = 1.1, .pace = Pace::kSwift, .rollouts = 1200});
}
TEST(Guarantee, HoldsForSwiftAsADaemonCountsAtTheEdgeOfToleranceAtFivePercent) {
  ExpectKept({.alpha = .05, .ratio = 1.1, .pace = Pace::kSwift, .rollouts = 800, .planned = false});
}

}  // namespace
}  // namespace auspex::rollout
