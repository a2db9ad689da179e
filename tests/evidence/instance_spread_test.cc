#include "auspex/evidence/instance_spread.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/evidence/noise.h"

namespace auspex::evidence {
namespace {

constexpr double kTick = 10.0;

// Instances whose log error rates wander by themselves: AR(1), stationary deviation `sd`.
class Arm {
 public:
  Arm(int instances, double phi, double sd, Random* random)
      : phi_(phi), sd_(sd), x_(static_cast<std::size_t>(instances)), random_(random) {
    for (double& x : x_) x = sd * random->Normal();
  }
  std::vector<InstanceCounts> Tick(double requests, double p) {
    std::vector<InstanceCounts> counts;
    for (double& x : x_) {
      x = phi_ * x + sd_ * std::sqrt(1 - phi_ * phi_) * random_->Normal();
      const double n = std::round(requests / static_cast<double>(x_.size()));
      counts.push_back({.requests = n,
                        .errors = static_cast<double>(
                            random_->Binomial(std::llround(n), std::min(.9, p * std::exp(x))))});
    }
    return counts;
  }

 private:
  double phi_, sd_;
  std::vector<double> x_;
  Random* random_;
};

double Spread(int instances, double phi, double sd, int ticks, std::uint64_t seed,
              bool baseline = true) {
  Random random(seed);
  Arm canary(instances, phi, sd, &random), other(instances, phi, sd, &random);
  InstanceSpread spread(kTick);
  for (int t = 0; t < ticks; ++t)
    spread.Step(canary.Tick(8000, .01),
                baseline ? other.Tick(8000, .01) : std::vector<InstanceCounts>{});
  return spread.s2();
}

TEST(InstanceSpread, FindsTheNoiseOfTheTwoArms) {
  // The mean of n independent instances has a n-th of their variance, and there are two arms.
  const double truth = 2.0 * .2 * .2 / 8.0;
  EXPECT_NEAR(Spread(8, 0, .2, 30 * 200, 1) / truth, 1.0, .25);
  // Without a list of the baseline's it is taken to be alike.
  EXPECT_NEAR(Spread(8, 0, .2, 30 * 200, 2, false) / truth, 1.0, .25);
}

TEST(InstanceSpread, SeesMostOfNoiseWithAMemory) {
  const double truth = 2.0 * .2 * .2 * 19.0 / 8.0;
  const double found = Spread(8, .9, .2, 30 * 200, 3) / truth;
  EXPECT_GT(found, .6);  // 5.75 of 19 lie beyond a block's end
  EXPECT_LT(found, 1.2);
}

// Two of the canary's eight instances fail every other request: that is the fault, and no noise.
double BrokenCanary(bool baseline) {
  Random random(8);
  Arm canary(8, .9, .05, &random), other(8, .9, .05, &random);
  InstanceSpread spread(kTick);
  for (int t = 0; t < 90; ++t) {
    std::vector<InstanceCounts> counts = canary.Tick(8000, .01);
    counts[0].errors = counts[1].errors = 500;
    spread.Step(counts, baseline ? other.Tick(8000, .01) : std::vector<InstanceCounts>{});
  }
  return spread.s2();
}

TEST(InstanceSpread, ABrokenCanaryDoesNotHideInItsOwnSpread) {
  // The truth of both arms; three blocks know it within a half.
  EXPECT_LT(BrokenCanary(true), 2.5 * 2.0 * .05 * .05 * 19.0 / 8.0);
  EXPECT_LE(BrokenCanary(false), kAssumedVariance / kTick + 1e-12);
}

TEST(InstanceSpread, CountingAloneIsNoNoise) {
  EXPECT_LT(Spread(8, 0, 0, 30 * 200, 4), .01 * 2.0 * .2 * .2 * 19.0 / 8.0);
}

TEST(InstanceSpread, SaysNothingBeforeABlockIsFull) {
  EXPECT_EQ(Spread(8, .9, .4, 29, 5), 0.0);
  EXPECT_GT(Spread(8, .9, .4, 30, 5), 0.0);
}

TEST(InstanceSpread, ThreeInstancesAreTooFew) { EXPECT_EQ(Spread(3, .9, .4, 300, 6), 0.0); }

TEST(InstanceSpread, AnotherNumberOfInstancesBeginsTheBlockAnew) {
  Random random(7);
  Arm four(4, .9, .5, &random), five(5, .9, .5, &random);
  InstanceSpread spread(kTick);
  for (int t = 0; t < 29; ++t) spread.Step(four.Tick(8000, .01), {});
  for (int t = 0; t < 29; ++t) spread.Step(five.Tick(8000, .01), {});
  EXPECT_EQ(spread.s2(), 0.0);
  spread.Step(five.Tick(8000, .01), {});
  EXPECT_GT(spread.s2(), 0.0);
}

TEST(InstanceSpread, NoErrorsAndAllErrorsTellNothing) {
  InstanceSpread spread(kTick);
  for (int t = 0; t < 90; ++t) {
    const double errors = t < 45 ? 0.0 : 100.0;
    spread.Step(std::vector<InstanceCounts>(4, {.requests = 100, .errors = errors}), {});
  }
  EXPECT_TRUE(std::isfinite(spread.s2()));
}

}  // namespace
}  // namespace auspex::evidence
