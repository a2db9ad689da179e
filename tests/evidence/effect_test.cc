#include "auspex/evidence/effect.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "auspex/base/random.h"

namespace auspex::evidence {
namespace {

struct Truth {
  double p = .01;
  double ratio = 1.0;
  double requests = 1000;  // a tick
};

// A tick whose weight and base rate move.
Counts TickOf(const Truth& truth, int t, Random* random) {
  const double w = std::min(.9, .02 * std::exp2(t / 20.0));
  const double p = truth.p * (t / 50 % 2 == 0 ? 1.0 : 1.5);
  const double canary = std::round(truth.requests * w);
  const double baseline = truth.requests - canary;
  return {static_cast<double>(random->Binomial(std::llround(canary), truth.ratio * p)), canary,
          static_cast<double>(random->Binomial(std::llround(baseline), p)), baseline};
}

// The interval holds the truth at each of 300 looks, in at least 95 % of runs: one Monte Carlo
// cell.
double Misses(const Truth& truth, int runs) {
  int misses = 0;
  for (int i = 0; i < runs; ++i) {
    Random random(500 + static_cast<std::uint64_t>(i));
    RateEffect effect;
    bool miss = false;
    for (int t = 0; t < 300 && !miss; ++t) {
      effect.Step(TickOf(truth, t, &random), 0.0);
      if (t % 5 != 0) continue;  // looks are dear, and each fifth finds nearly all
      const auto now = effect.Now();
      miss = now && (truth.ratio < now->low || truth.ratio > now->high);
    }
    misses += miss;
  }
  return misses / static_cast<double>(runs);
}

TEST(Effect, TheIntervalHoldsAtAllLooks) {
  for (const double ratio : {.5, 1.0, 1.3, 2.3, 10.0})
    EXPECT_LE(Misses({.ratio = ratio}, 60), .05) << ratio;
  EXPECT_LE(Misses({.p = .3, .ratio = 1.2}, 60), .05);
  EXPECT_LE(Misses({.p = 1e-4, .ratio = 3}, 60), .05);
}

TEST(Effect, FindsTheRatio) {
  for (const double ratio : {.6, 1.0, 1.06, 1.4, 2.2, 7.0}) {
    Random random(7);
    RateEffect effect;
    for (int t = 0; t < 300; ++t) effect.Step(TickOf({.ratio = ratio}, t, &random), 0.0);
    const auto now = effect.Now();
    ASSERT_TRUE(now);
    EXPECT_NEAR(std::log(now->ratio / ratio), 0.0, .1) << ratio;
    // No wider than a third of what is there, or the grid's step.
    EXPECT_LT(std::log(now->high / now->low), ratio > 5 ? 1.2 : .6) << ratio;
  }
}

TEST(Effect, NarrowsWithTraffic) {
  Random random(8);
  RateEffect effect;
  double before = std::numeric_limits<double>::infinity();
  for (int t = 0; t < 300; ++t) {
    effect.Step(TickOf({.ratio = 1.5}, t, &random), 0.0);
    if (t % 100 != 99) continue;
    const double width = std::log(effect.Now()->high / effect.Now()->low);
    EXPECT_LT(width, before);
    before = width;
  }
}

TEST(Effect, NothingSeenIsNoEffect) {
  RateEffect effect;
  EXPECT_FALSE(effect.Now());
  effect.Step({0, 100, 0, 900}, 0.0);  // no events
  effect.Step({5, 100, 0, 0}, 0.0);    // no baseline
  EXPECT_FALSE(effect.Now());
}

TEST(Effect, ErrorsOfTheCanaryAloneHaveNoUpperEnd) {
  RateEffect effect;
  for (int t = 0; t < 50; ++t) effect.Step({10, 100, 0, 900}, 0.0);
  EXPECT_TRUE(std::isinf(effect.Now()->high));
  EXPECT_GT(effect.Now()->low, 10.0);
}

TEST(Effect, NoiseWidensTheInterval) {
  Random random(9);
  RateEffect calm, noisy;
  for (int t = 0; t < 200; ++t) {
    const Counts counts = TickOf({.ratio = 1.5}, t, &random);
    calm.Step(counts, 0.0);
    noisy.Step(counts, .5);
  }
  EXPECT_GT(noisy.Now()->high, calm.Now()->high);
  EXPECT_LT(noisy.Now()->low, calm.Now()->low);
}

// Whatever the counts: finite, in order, and a smaller alpha gives no narrower interval.
RC_GTEST_PROP(Effect, IsAnInterval, ()) {
  RateEffect effect;
  const int ticks = *rc::gen::inRange(1, 20);
  for (int t = 0; t < ticks; ++t) {
    const int canary = *rc::gen::element(0, 1, 7, 1000, 10'000'000);
    const int baseline = *rc::gen::element(0, 1, 7, 1000, 10'000'000);
    const int k = *rc::gen::element(0, canary / 100, canary);
    const int l = *rc::gen::element(0, baseline / 100, baseline);
    effect.Step({static_cast<double>(k), static_cast<double>(canary), static_cast<double>(l),
                 static_cast<double>(baseline)},
                *rc::gen::element(0.0, .1, 1e3));
  }
  const auto wide = effect.Now(.001), usual = effect.Now(.05);
  RC_ASSERT(wide.has_value() == usual.has_value());
  if (!usual) return;
  RC_ASSERT(std::isfinite(usual->ratio) && usual->ratio > 0.0);
  RC_ASSERT(usual->low <= usual->ratio && usual->ratio <= usual->high);
  RC_ASSERT(wide->low <= usual->low && usual->high <= wide->high);
}

}  // namespace
}  // namespace auspex::evidence
