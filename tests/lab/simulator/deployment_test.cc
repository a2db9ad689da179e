#include "lab/simulator/deployment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace auspex::lab::simulator {
namespace {

// Within five standard deviations of a share of n.
void ExpectShare(double seen, double n, double share) {
  EXPECT_NEAR(seen / n, share, 5.0 * std::sqrt(share * (1.0 - share) / n));
}

const std::vector<Deployment>& Many() {
  static const std::vector<Deployment> kMany = [] {
    std::vector<Deployment> many;
    for (std::uint64_t i = 1; i <= 3000; ++i) many.push_back(DrawDeployment(i));
    return many;
  }();
  return kMany;
}

TEST(DrawDeployment, IsAFunctionOfItsNumber) {
  for (const std::uint64_t number : {1U, 17U, 900U}) {
    const Deployment a = DrawDeployment(number), b = DrawDeployment(number);
    EXPECT_EQ(a.bad, b.bad);
    EXPECT_EQ(a.service.requests_per_s, b.service.requests_per_s);
    EXPECT_EQ(a.fault.errors, b.fault.errors);
    EXPECT_EQ(a.risk, b.risk);
    EXPECT_EQ(a.wander, b.wander);
    EXPECT_EQ(a.arm_noise, b.arm_noise);
    EXPECT_EQ(a.memory, b.memory);
    EXPECT_EQ(a.history.latency_ms, b.history.latency_ms);
    EXPECT_NE(a.wander, DrawDeployment(number + 1).wander);
  }
}

TEST(DrawDeployment, HasTheSharesOfTheScenarioSet) {
  double bad = 0.0;
  std::array<double, kFaultKinds> faults{};
  std::array<std::map<NuisanceKind, double>, 2> nuisances;
  for (const Deployment& d : Many()) {
    bad += d.bad ? 1.0 : 0.0;
    ++faults[static_cast<std::size_t>(d.fault.kind)];
    ++nuisances[d.bad ? 1 : 0][d.nuisance.kind];
  }
  const auto n = static_cast<double>(Many().size());
  ExpectShare(bad, n, .15);
  for (const double kind : faults) ExpectShare(kind, n, 1.0 / kFaultKinds);
  ExpectShare(nuisances[0][NuisanceKind::kNone], n - bad, .6);
  ExpectShare(nuisances[0][NuisanceKind::kOutage], n - bad, .4 * .3);
  ExpectShare(nuisances[0][NuisanceKind::kColdStart], n - bad, .4 * .4);
  ExpectShare(nuisances[0][NuisanceKind::kArmNoise], n - bad, .4 * .3);
  ExpectShare(nuisances[1][NuisanceKind::kNone], bad, .8);
}

TEST(DrawDeployment, KeepsItsRanges) {
  for (const Deployment& d : Many()) {
    EXPECT_TRUE(d.service.requests_per_s >= 1.0 && d.service.requests_per_s <= 5000.0);
    EXPECT_TRUE(d.service.error_rate >= 1e-5 && d.service.error_rate <= 1e-2);
    EXPECT_TRUE(d.service.latency_ms_p50 >= 5.0 && d.service.latency_ms_p50 <= 200.0);
    EXPECT_GE(RequestsPerSecond(d, 0.0), .4 * d.service.requests_per_s - 1e-9);
    EXPECT_TRUE(d.risk > 0.0 && d.risk < 1.0);
    EXPECT_EQ(d.bad && (d.error_drift != 1.0 || d.latency_drift != 1.0), false);
  }
}

// AUC .75, and calibrated: of those called p a share p is bad.
TEST(DrawDeployment, KnowsItsRiskAsWellAsItShould) {
  std::vector<double> good, bad;
  double expected = 0.0;
  for (const Deployment& d : Many()) {
    (d.bad ? bad : good).push_back(d.risk);
    expected += d.risk;
  }
  std::sort(good.begin(), good.end());
  double below = 0.0;
  for (const double risk : bad) {
    below += static_cast<double>(std::lower_bound(good.begin(), good.end(), risk) - good.begin());
  }
  const double auc = below / (static_cast<double>(good.size()) * static_cast<double>(bad.size()));
  EXPECT_NEAR(auc, .75, .05);
  ExpectShare(static_cast<double>(bad.size()), static_cast<double>(Many().size()),
              expected / static_cast<double>(Many().size()));
}

TEST(DrawDeployment, HistoryIsNearTheTruthWhereThereIsTraffic) {
  for (const Deployment& d : Many()) {
    // A day's, of 5 million requests at most (history.cc).
    const double events = d.service.error_rate * std::min(5e6, d.service.requests_per_s * 86400.0);
    if (events < 1000.0) continue;
    EXPECT_NEAR(std::log(d.history.error_rate / d.service.error_rate), 0.0, .2);
    EXPECT_NEAR(std::log(d.history.latency_ms[1] / d.service.LatencyQuantile(.9)), 0.0, .05);
    const double in_block = d.service.error_rate * d.service.requests_per_s * 150.0;
    if (d.nuisance.kind == NuisanceKind::kArmNoise && in_block > 300.0) {
      // Long-run variance of an AR(1): sd^2 (1 + memory) / (1 - memory), times ten seconds.
      const double s2 = d.nuisance.noise_sd * d.nuisance.noise_sd * 19.0 * kCellSeconds;
      EXPECT_NEAR(std::log(d.history.error_s2_per_s / s2), 0.0, .8);
    }
  }
}

TEST(CanaryAt, FaultsBeginWhenTheyShouldAndOnlyOnBadOnes) {
  for (const Deployment& d : Many()) {
    const double before = d.fault.begins_s - 1.0;
    if (before > 0.0) {
      EXPECT_EQ(CanaryAt(d, before, .5), CanaryAt(d, before, .5, Health::kWithoutFault));
    }
    const double after = d.fault.begins_s + 3000.0;
    EXPECT_EQ(CanaryAt(d, after, .5) == CanaryAt(d, after, .5, Health::kWithoutFault), !d.bad);
    if (d.fault.kind == FaultKind::kLoad) {
      EXPECT_EQ(CanaryAt(d, after, .29), CanaryAt(d, after, .29, Health::kWithoutFault));
    }
  }
}

TEST(CanaryAt, AnOutageIsOnBothArmsAlike) {
  for (const Deployment& d : Many()) {
    if (d.bad || d.nuisance.kind != NuisanceKind::kOutage) continue;
    const double at_s = d.nuisance.begins_s + 1.0;
    if (at_s >= kHorizonSeconds) continue;
    const double base = BaselineAt(d, at_s).ErrorRate();
    EXPECT_GT(base, 3.0 * d.service.error_rate);
    EXPECT_LE(CanaryAt(d, at_s, .5).ErrorRate(), base * d.error_drift + 1e-12);
  }
}

TEST(Latency, QuantileAndTailAreInverse) {
  const Service service{.requests_per_s = 1.0, .latency_ms_p50 = 80.0, .latency_sigma = .6};
  for (const ArmState& arm :
       {ArmState{}, ArmState{.slowdown = 1.7}, ArmState{.tail_share = .05, .tail_factor = 8.0}}) {
    for (const double q : {.5, .9, .99, .999})
      EXPECT_NEAR(SlowerThan(service, arm, LatencyQuantile(service, arm, q)), 1.0 - q, 1e-6);
  }
  EXPECT_NEAR(Harmed(service, ArmState{}), .01, 1e-12);
}

}  // namespace
}  // namespace auspex::lab::simulator
