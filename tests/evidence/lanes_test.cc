#include "auspex/evidence/lanes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "auspex/base/random.h"
#include "auspex/evidence/rate_evidence.h"

namespace auspex::evidence {
namespace {

TEST(Lanes, LogarithmAndExponentialAreTheLibrarysToTheLastPlaces) {
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    Lanes x;
    for (double& value : x.at) {
      // Twelve decades, and next to 1, where a logarithm cancels.
      value = random.Chance(.5)
                  ? std::pow(10, 12 * random.Uniform() - 9)
                  : 1 + (random.Uniform() - .5) * std::pow(10, -12 * random.Uniform());
    }
    Lanes log = x;
    Log(&log);
    Lanes exp;
    for (std::size_t j = 0; j < kLanes; ++j) exp[j] = -700 * random.Uniform() * random.Uniform();
    const Lanes argument = exp;
    Exp(&exp);
    for (std::size_t j = 0; j < kLanes; ++j) {
      ASSERT_NEAR(log[j], std::log(x[j]), 3e-16 * std::abs(std::log(x[j]))) << x[j];
      ASSERT_NEAR(exp[j], std::exp(argument[j]), 5e-16 * std::exp(argument[j])) << argument[j];
    }
  }
  Lanes ends;
  ends[1] = -1e300;
  ends[2] = -std::numeric_limits<double>::infinity();
  Exp(&ends);
  EXPECT_EQ(ends[0], 1.0);
  EXPECT_EQ(ends[1], 0.0);
  EXPECT_EQ(ends[2], 0.0);
}

TEST(Lanes, LogRatiosAreThoseOfEachAlternative) {
  Random random(2);
  for (int i = 0; i < 20'000; ++i) {
    const double p = .9 * std::pow(10, -7 * random.Uniform());
    const RateGrid grid(std::min(.6, std::pow(10, -7 * random.Uniform())));
    const double tolerated = 1.1 * (1 + 3.3 * random.Uniform());
    Counts counts{.canary_requests = 1.0 + static_cast<double>(random.Below(1000)),
                  .baseline_requests = 1.0 + static_cast<double>(random.Below(10'000))};
    counts.canary_events = std::floor(counts.canary_requests * std::pow(random.Uniform(), 4));
    counts.baseline_events = std::floor(counts.baseline_requests * std::pow(random.Uniform(), 4));
    const double share = random.Uniform();
    const bool planned = random.Chance(.5);
    const Lanes got = LogRatios(
        grid.odds(), {.canary_events = counts.canary_events,
                      .canary_others = counts.canary_requests - counts.canary_events,
                      .baseline_events = counts.baseline_events,
                      .baseline_others = counts.baseline_requests - counts.baseline_events,
                      .canary_exposure = planned ? share : counts.canary_requests,
                      .baseline_exposure = planned ? 1 - share : counts.baseline_requests,
                      .p = p,
                      .tolerated = tolerated,
                      .refine = planned});
    for (std::size_t j = 0; j < kLanes; ++j) {
      const double want = j >= grid.size() ? 0.0
                          : planned ? LogRatioPlanned(grid.odds()[j], counts, p, share, tolerated)
                                    : LogRatioProjected(grid.odds()[j], counts, p, tolerated);
      const double scale = counts.canary_requests + counts.baseline_requests + std::abs(want);
      ASSERT_NEAR(got[j], want, 1e-14 * scale) << j;
    }
  }
}

// To the bit, as one alternative after the other would be: replay promises it.
TEST(Lanes, AStepIsThatOfEachAlternative) {
  Random random(3);
  for (int i = 0; i < 20'000; ++i) {
    const RateGrid grid(std::min(.6, std::pow(10, -7 * random.Uniform())));
    const MassStep step{.size = grid.size(),
                        .begins = random.Uniform(),
                        .drift = random.Chance(.2) ? 0.0 : .5 * random.Uniform()};
    Lanes log_ratios, mass;
    for (std::size_t j = 0; j < grid.size(); ++j) {
      log_ratios[j] = 20 * (random.Uniform() - .7);
      mass[j] = random.Uniform();
    }
    Lanes factor = log_ratios;
    const double most = ExpBelowMost(&factor);
    EXPECT_EQ(most, std::max(0.0, *std::max_element(log_ratios.at.begin(), log_ratios.at.end())));
    Lanes less = log_ratios;
    for (double& log_ratio : less.at) log_ratio -= most;
    Exp(&less);
    ASSERT_EQ(factor.at, less.at);

    Lanes want = mass;
    for (std::size_t j = 0; j < grid.size(); ++j)
      want[j] = (mass[j] + step.begins * grid.prior()[j]) * factor[j];
    for (std::size_t j = grid.size() - 1; j > 0 && step.drift > 0; --j) {
      want[j] += step.drift * want[j - 1];
      want[j - 1] *= 1.0 - step.drift;
    }
    StepMasses(grid.prior(), factor, step, &mass);
    ASSERT_EQ(mass.at, want.at);
    Divide(3.7, &mass);
    for (double& value : want.at) value /= 3.7;
    ASSERT_EQ(mass.at, want.at);
  }
}

}  // namespace
}  // namespace auspex::evidence
