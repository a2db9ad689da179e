// The whole controller keeps its promise: of rollouts whose canary is no worse than tolerated, at
// most alpha are rolled back by evidence (property 4 of section 9, last line).

#include <gtest/gtest.h>

#include <cmath>

#include "tests/rollout/simulation.h"

namespace auspex::rollout {
namespace {

using testing::Simulation;

constexpr int kRollouts = 4000;

telemetry::ArmWindow Arm(std::int64_t requests, double error_rate, double ratio, Random* random) {
  telemetry::ArmWindow arm;
  arm.requests = static_cast<double>(requests);
  arm.errors = static_cast<double>(random->Binomial(requests, ratio * error_rate));
  // Nested edges, so that each of the three is passed `ratio` times as often.
  std::int64_t left = random->Binomial(requests, .5 * ratio);
  for (const double deeper : {.2, .1, 0.0}) {
    arm.slower.push_back(static_cast<double>(left));
    left = random->Binomial(left, deeper);
  }
  arm.slower.resize(3);
  return arm;
}

struct Ends {
  int by_evidence = 0;
  int rolled_back = 0;
};

Ends RunAll(double alpha, double ratio) {
  Ends ends;
  Random random(7);
  for (int i = 0; i < kRollouts; ++i) {
    RolloutSpec spec = testing::BasicSpec();
    spec.alpha = alpha;
    spec.requests_per_s = std::exp(random.Uniform() * std::log(5000.0));
    spec.history.error_rate = std::pow(10.0, -5.0 + 3.0 * random.Uniform());
    Simulation simulation(spec, {.requests_per_s = spec.requests_per_s}, random.Bits());
    Random& draws = simulation.random;
    const double p = spec.history.error_rate;
    simulation.Run(spec.deadline_s, [&](Inputs* inputs) {
      telemetry::Window& window = inputs->window;
      window.canary = Arm(std::llround(window.canary.requests), p, ratio, &draws);
      window.baseline = Arm(std::llround(window.baseline.requests), p, 1.0, &draws);
    });
    const Decision& last = simulation.rollout.last;
    ends.by_evidence += last.by == "evidence";
    ends.rolled_back += last.action == Action::kRollBack;
  }
  return ends;
}

void ExpectKept(double alpha, double ratio) {
  const Ends ends = RunAll(alpha, ratio);
  ::testing::Test::RecordProperty("by_evidence", ends.by_evidence);
  ::testing::Test::RecordProperty("rolled_back", ends.rolled_back);
  EXPECT_LE(ends.by_evidence, alpha * kRollouts);
}

TEST(Guarantee, HoldsForEqualVersionsAtOnePercent) { ExpectKept(.01, 1.0); }
TEST(Guarantee, HoldsForEqualVersionsAtFivePercent) { ExpectKept(.05, 1.0); }
TEST(Guarantee, HoldsAtTheEdgeOfToleranceInAllMetricsAtOnePercent) { ExpectKept(.01, 1.1); }
TEST(Guarantee, HoldsAtTheEdgeOfToleranceInAllMetricsAtFivePercent) { ExpectKept(.05, 1.1); }

}  // namespace
}  // namespace auspex::rollout
