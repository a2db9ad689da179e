// Properties 5 and 6 of section 9: how soon a fault is proven by one metric at alpha .01.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/evidence/rate_evidence.h"

namespace auspex::evidence {
namespace {

constexpr double kBar = 4.605170185988092;  // ln(1/alpha), alpha .01
constexpr double kCanaryShare = .1;
constexpr int kMostEvents = 40'000;

RateEvidence TwelvePoints() {
  // From p_hist .5 on nothing is added for a rare baseline; the conditional ratio knows no rate.
  return RateEvidence(
      {.p_hist = .5, .begun = 1.0, .likelihood = RateEvidence::Likelihood::kConditional});
}

// Events of requests that are split one to nine.
Counts Split(int canary, int baseline) {
  return {static_cast<double>(canary), kCanaryShare, static_cast<double>(baseline),
          1.0 - kCanaryShare};
}

// Of `events` together. Without hazard and drift it does not matter in which order they came
// (BatchesAddUp), so this is also the evidence after as many single ones.
double LogEAfter(int canary, int events) {
  RateEvidence evidence = TwelvePoints();
  evidence.Step(Split(canary, events - canary), {});
  return evidence.log_e();
}

TEST(Detection, BatchesAddUp) {
  Random random(1);
  RateEvidence evidence = TwelvePoints();
  int canary = 0;
  for (int n = 1; n <= 3000; ++n) {
    const bool hit = random.Chance(.15);
    canary += hit;
    evidence.Step(Split(hit, !hit), {});
    ASSERT_NEAR(evidence.log_e(), LogEAfter(canary, n), 1e-9) << n;
  }
}

// The least number of canary events among the first n that is proof, for each n.
using Proof = std::function<bool(int canary, int events)>;
std::vector<std::size_t> Boundary(const Proof& proof) {
  std::vector<std::size_t> boundary{1};
  int least = 1;
  for (int n = 1; n <= kMostEvents; ++n) {
    while (least <= n && !proof(least, n)) ++least;
    boundary.push_back(static_cast<std::size_t>(least));
  }
  return boundary;
}

// Mean number of events until the boundary is met where the canary's rate is `ratio` times the
// baseline's: exact, as the sum over n of the chance that the first n are no proof yet.
double MeanEvents(const std::vector<std::size_t>& boundary, double ratio) {
  const double hit = ratio * kCanaryShare / (ratio * kCanaryShare + 1.0 - kCanaryShare);
  std::vector<double> chance{1.0};  // of as many canary events, and no proof yet
  double mean = 0.0;
  for (std::size_t n = 1; n < boundary.size(); ++n) {
    double going_on = 0.0;
    for (const double c : chance) going_on += c;
    mean += going_on;
    if (going_on < 1e-6) return mean;  // what is left adds less than a hundredth
    std::vector<double> next(std::min(chance.size() + 1, boundary[n]), 0.0);
    for (std::size_t k = 0; k < chance.size(); ++k) {
      if (k < next.size()) next[k] += chance[k] * (1.0 - hit);
      if (k + 1 < next.size()) next[k + 1] += chance[k] * hit;
    }
    chance = std::move(next);
  }
  return std::numeric_limits<double>::infinity();
}

// Property 5.
TEST(Detection, NeedsAsManyEventsAsTheReference) {
  struct Figure {
    double ratio;
    double events;
  };
  constexpr Figure kFigures[] = {{1.3, 3869}, {1.5, 1045}, {2, 250},
                                 {5, 28.8},   {20, 7.2},   {100, 4.4}};
  const std::vector<std::size_t> ours =
      Boundary([](int canary, int events) { return LogEAfter(canary, events) >= kBar; });
  for (const Figure& figure : kFigures) {
    const double ratio = figure.ratio;
    const double events = figure.events;
    const double mean = MeanEvents(ours, ratio);
    EXPECT_NEAR(mean, events, .02 * events) << ratio;
    RecordProperty(fmt::format("events_at_{:g}", ratio), fmt::format("{:.4g}", mean));
    // A sequential test that knows the ratio is the limit.
    const double knowing =
        MeanEvents(Boundary([ratio](int canary, int n) {
                     return LogRatioConditional(ratio, Split(canary, n - canary)) >= kBar;
                   }),
                   ratio);
    EXPECT_LE(mean, 1.24 * knowing) << ratio;
    EXPECT_GE(mean, knowing) << ratio;
  }
}

// Ticks of 10 s from the onset to proof: 100 requests/s, p 1e-3, w .2, onset at 40 min.
int DelayInTicks(std::uint64_t seed, double ratio) {
  constexpr int kOnset = 240;
  constexpr double kRate = 1e-3;
  Random random(seed);
  RateEvidence evidence({.p_hist = kRate});
  for (int tick = 1; tick <= kOnset + 2000; ++tick) {
    const std::int64_t canary = random.Poisson(200), baseline = random.Poisson(800);
    const double rate = tick > kOnset ? ratio * kRate : kRate;
    const Counts counts{
        static_cast<double>(random.Binomial(canary, rate)), static_cast<double>(canary),
        static_cast<double>(random.Binomial(baseline, kRate)), static_cast<double>(baseline)};
    evidence.Step(counts, {.hazard = 10.0 / (300.0 + 10.0 * tick), .drift = .01});
    if (tick > kOnset && evidence.log_e() >= kBar) return tick - kOnset;
  }
  return std::numeric_limits<int>::max();
}

int MedianDelay(double ratio, int runs) {
  std::vector<int> delays;
  for (int seed = 1; seed <= runs; ++seed)
    delays.push_back(DelayInTicks(static_cast<std::uint64_t>(seed), ratio));
  const auto middle = delays.begin() + runs / 2;
  std::nth_element(delays.begin(), middle, delays.end());
  return *middle;
}

// Property 6. The medians are 24 and 190 ticks; of so many runs they are known to .4 and 4.
TEST(Detection, FindsALateOnset) {
  const int grave = MedianDelay(5.0, 1001);
  const int slight = MedianDelay(2.0, 1001);
  EXPECT_LE(grave, 26);
  EXPECT_LE(slight, 200);
  RecordProperty("ticks_at_5", grave);
  RecordProperty("ticks_at_2", slight);
}

}  // namespace
}  // namespace auspex::evidence
