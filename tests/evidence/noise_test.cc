#include "auspex/evidence/noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "auspex/base/random.h"

namespace auspex::evidence {
namespace {

constexpr double kTickSeconds = 10.0, kBlockSeconds = 300.0;

// An AR(1) series with stationary deviation `sd`; phi 0 is white noise.
class Wandering {
 public:
  Wandering(double phi, double sd, Random* random)
      : phi_(phi),
        step_(sd * std::sqrt(1.0 - phi * phi)),
        x_(sd * random->Normal()),
        random_(random) {}
  double Next() { return x_ = phi_ * x_ + step_ * random_->Normal(); }

 private:
  double phi_, step_, x_;
  Random* random_;
};

Counts Requests(double canary, double baseline, double p, double log_ratio, Random* random) {
  const auto hits = [&](double n, double rate) {
    return static_cast<double>(random->Binomial(std::llround(n), std::min(.9, rate)));
  };
  return {hits(canary, p * std::exp(log_ratio)), canary, hits(baseline, p), baseline};
}

struct Service {
  double per_tick = 10'000;
  double p = .01;
  double phi = 0.0, sd = 0.0;
  double bias = 0.0;  // of the canary, each rollout
};

// A good rollout of 45 minutes after its warm-up, whose weight climbs.
SpreadSums GoodRollout(const Service& service, Random* random) {
  SpreadRecorder recorder(kBlockSeconds);
  Wandering noise(service.phi, service.sd, random);
  for (int t = 0; t < 246; ++t) {
    const double w = std::min(.95, .25 + .05 * t);
    const Counts counts = Requests(service.per_tick * w, service.per_tick * (1 - w), service.p,
                                   service.bias + noise.Next(), random);
    recorder.Add(counts, kTickSeconds);
  }
  return recorder.Sums();
}

SpreadSums History(const Service& service, int rollouts, std::uint64_t seed) {
  Random random(seed);
  SpreadSums sums;
  for (int i = 0; i < rollouts; ++i) Merge(GoodRollout(service, &random), &sums);
  return sums;
}

double LongRun(double phi, double sd) { return sd * sd * (1.0 + phi) / (1.0 - phi); }

TEST(Spread, FindsTheNoiseOfArmsThatWander) {
  struct Case {
    double phi, sd, low, high;  // shares of the truth
  };
  // A block of 300 s sees all of white noise. Of an AR(1) the neighbours' covariance tells what it
  // does not; with .97 (a memory of 330 s) some is lost all the same, and lost to the rollout's
  // mean.
  for (const Case& one : {Case{.0, .2, .85, 1.2}, Case{.9, .2, .65, 1.1}, Case{.97, .3, .3, 1.0}}) {
    const SpreadSums sums = History({.phi = one.phi, .sd = one.sd}, 200, 11);
    const double found = LongRunVariance(sums) / kTickSeconds / LongRun(one.phi, one.sd);
    EXPECT_GT(found, one.low) << one.phi;
    EXPECT_LT(found, one.high) << one.phi;
  }
}

TEST(Spread, CountingAloneIsNoNoise) {
  const Service rare{.per_tick = 1000, .p = .005};
  const SpreadSums sums = History(rare, 300, 12);
  ASSERT_GT(sums.freedom, 900);
  // A hundredth of what AR(1) noise of 20 % would be.
  EXPECT_LT(LongRunVariance(sums) / kTickSeconds, .01 * LongRun(.9, .2));
}

TEST(Spread, ABiasIsNoNoise) {
  EXPECT_LT(LongRunVariance(History({.bias = .3}, 100, 13)) / kTickSeconds,
            .05);  // .3² in blocks of 30 ticks were 2.7
}

// Few rollouts give the truth within what the two errors say, most of the time.
TEST(Spread, ErrsAsMuchAsItSays) {
  // Small enough that the logarithm of a block's mean is the mean of logarithms.
  const Service service{.per_tick = 100'000, .phi = .0, .sd = .2};
  int inside = 0;
  constexpr int kHistories = 200;
  for (int i = 0; i < kHistories; ++i) {
    SpreadSums sums = History(service, 4, 100 + static_cast<std::uint64_t>(i));
    EXPECT_GE(sums.freedom, 20.0);
    sums.neighbours_s = 0.0;  // white noise has no neighbours
    const double truth = LongRun(0, .2);
    const double error = RelativeError(sums.freedom) * truth + CountingError(sums) / kTickSeconds;
    inside += std::abs(LongRunVariance(sums) / kTickSeconds - truth) < 2.0 * error;
  }
  EXPECT_GE(inside, kHistories * 85 / 100);
}

TEST(Spread, BlocksWithFewEventsAreLeftOut) {
  EXPECT_EQ(History({.per_tick = 100, .p = .0005}, 3, 14), SpreadSums{});
}

TEST(Spread, SilenceTeachesNothing) {
  SpreadRecorder recorder(kBlockSeconds);
  for (int t = 0; t < 100; ++t) recorder.Add({0, 0, 5, 100}, kTickSeconds);
  EXPECT_EQ(recorder.Sums(), SpreadSums{});
  EXPECT_EQ(LongRunVariance({}), 0.0);
}

// Property 8 of section 9 with s2 from the history that a service has after four good rollouts: the
// share of false alarms at alpha .05 within two hours.
double FalseAlarms(double phi, double sd, int runs) {
  int alarms = 0;
  for (int i = 0; i < runs; ++i) {
    Random random(1000 + static_cast<std::uint64_t>(i));
    const Service service{.per_tick = 10'000, .p = .01, .phi = phi, .sd = sd};
    SpreadSums sums;
    for (int k = 0; k < 4; ++k) Merge(GoodRollout(service, &random), &sums);
    const double upper = 1.0 + 1.2816 * RelativeError(sums.freedom);  // as rollout/lesson_use.cc
    const double counting = CountingError(sums) / kTickSeconds;
    RateEvidence evidence({.p_hist = service.p,
                           .overdispersion = std::max(LongRunVariance(sums) / kTickSeconds * upper,
                                                      std::min(.0475, counting))});
    Wandering noise(phi, sd, &random);
    bool alarm = false;
    for (int t = 1; t <= 720 && !alarm; ++t) {
      evidence.Step(Requests(2000, 8000, service.p, noise.Next(), &random),
                    {.hazard = std::min(.5, 10.0 / (300.0 + 10.0 * t)), .drift = .01});
      alarm = evidence.log_e() >= std::log(20.0);
    }
    alarms += alarm;
  }
  return alarms / static_cast<double>(runs);
}

TEST(Spread, KeepsFalseAlarmsWithinSectionNine) {
  constexpr int kRuns = 100;
  // The cells of section 9.8, and what 100 runs may be off by (two standard errors).
  EXPECT_LE(FalseAlarms(.0, .2, kRuns), .003 + .02);
  EXPECT_LE(FalseAlarms(.9, .2, kRuns), .006 + .02);
  EXPECT_LE(FalseAlarms(.9, .4, kRuns), .036 + .04);
  EXPECT_LE(FalseAlarms(.97, .3, kRuns), .115 + .064);
}

// ---- gauges

struct Ar1 {
  double phi = .8, sigma = .03, mean = 0.0;
};

std::vector<double> SeriesOf(const Ar1& ar, int length, Random* random) {
  std::vector<double> y;
  double x = ar.sigma / std::sqrt(1.0 - ar.phi * ar.phi) * random->Normal();
  for (int i = 0; i < length; ++i) {
    y.push_back(ar.mean + x);
    x = ar.phi * x + ar.sigma * random->Normal();
  }
  return y;
}

PairSums PairsOf(const std::vector<double>& y) {
  PairRecorder recorder;
  for (const double value : y) recorder.Add(value);
  return recorder.Sums();
}

TEST(FitNoise, FindsPhiAndSigmaOverRecordsOfDifferentLevels) {
  Random random(21);
  for (const double phi : {.0, .5, .8, .93}) {
    PairSums sums;
    for (int record = 0; record < 20; ++record)
      Merge(PairsOf(SeriesOf({.phi = phi, .sigma = .03, .mean = .5 * record}, 361, &random)),
            &sums);
    const auto noise = FitNoise(sums);
    ASSERT_TRUE(noise);
    EXPECT_NEAR(noise->phi, phi, .03) << phi;
    EXPECT_NEAR(noise->sigma, .03, .002) << phi;
  }
}

// 360 points, as section 4 has it: phi is one standard error up, so seldom much too small.
TEST(FitNoise, PhiErrsUpwards) {
  int below = 0;
  double sum = 0.0;
  constexpr int kTimes = 400;
  for (int i = 0; i < kTimes; ++i) {
    Random random(3000 + static_cast<std::uint64_t>(i));
    const auto noise = FitNoise(PairsOf(SeriesOf({.phi = .8}, 361, &random)));
    ASSERT_TRUE(noise);
    below += noise->phi < .8;
    sum += noise->phi;
  }
  EXPECT_NEAR(sum / kTimes, .8 + std::sqrt((1 - .64) / 360), .01);
  EXPECT_LT(below, kTimes / 4);
}

TEST(FitNoise, WantsThirtyPairs) {
  Random random(22);
  const std::vector<double> y = SeriesOf({}, 31, &random);
  EXPECT_FALSE(FitNoise(PairsOf({y.begin(), y.end() - 1})));
  EXPECT_TRUE(FitNoise(PairsOf(y)));
  EXPECT_FALSE(FitNoise({}));
}

TEST(FitNoise, AHoleDropsItsPairs) {
  PairRecorder recorder;
  for (int i = 0; i < 10; ++i) recorder.Add(i % 2 == 0 ? std::optional(1.0 * i) : std::nullopt);
  EXPECT_EQ(recorder.pairs(), 0.0);
}

TEST(FitNoise, AGaugeThatNeverMovedMayMoveALittle) {
  const auto noise = FitNoise(PairsOf(std::vector<double>(100, 3.0)));
  ASSERT_TRUE(noise);
  EXPECT_NEAR(noise->sigma / std::sqrt(1.0 - noise->phi * noise->phi), .01, 1e-9);
}

TEST(FitNoise, ARandomWalkIsCapped) {
  Random random(23);
  std::vector<double> y{0.0};
  for (int i = 0; i < 1000; ++i) y.push_back(y.back() + .01 * random.Normal());
  const auto noise = FitNoise(PairsOf(y));
  ASSERT_TRUE(noise);
  EXPECT_LE(noise->phi, .97);
  EXPECT_GT(noise->sigma, .009);
}

TEST(AtTick, KeepsTheSpreadAndTheMemory) {
  const GaugeNoise noise{.phi = .8, .sigma = .03};
  const GaugeNoise slow = AtTick(noise, 5, 10);
  EXPECT_NEAR(slow.phi, .64, 1e-12);
  EXPECT_NEAR(slow.sigma / std::sqrt(1 - slow.phi * slow.phi), .05, 1e-12);
  const GaugeNoise back = AtTick(slow, 10, 5);
  EXPECT_NEAR(back.phi, .8, 1e-12);
  EXPECT_NEAR(back.sigma, .03, 1e-12);
  EXPECT_EQ(AtTick({.phi = 0, .sigma = .1}, 5, 1).phi, 0.0);
}

}  // namespace
}  // namespace auspex::evidence
