#include "auspex/base/random.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace auspex {
namespace {

// Against the algorithm as its authors publish it (https://prng.di.unimi.it/xoshiro256starstar.c,
// splitmix64.c), written out once more.
TEST(Random, IsXoshiro256StarStarSeededBySplitmix64) {
  std::uint64_t seed = 42, s[4];
  for (std::uint64_t& word : s) {
    std::uint64_t z = (seed += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    word = z ^ (z >> 31);
  }
  EXPECT_EQ(s[0], 13679457532755275413U);  // splitmix64's first output for 42
  const auto rotl = [](std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
  Random random(42);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    ASSERT_EQ(random.Bits(), result) << i;
  }
}

RC_GTEST_PROP(Random, BelowStaysBelow, (std::uint64_t seed)) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t bound = *rc::gen::oneOf(
      rc::gen::inRange<std::uint64_t>(1, 10),
      rc::gen::element<std::uint64_t>(std::uint64_t{1}, kLargest / 2, kLargest / 2 + 2, kLargest));
  Random random(seed);
  for (int i = 0; i < 20; ++i) RC_ASSERT(random.Below(bound) < bound);
}

RC_GTEST_PROP(Random, UniformStaysInTheHalfOpenRange, (std::uint64_t seed)) {
  Random random(seed);
  for (int i = 0; i < 100; ++i) {
    const double u = random.Uniform();
    RC_ASSERT(u >= 0.0 && u < 1.0);
  }
}

TEST(Random, BelowIsEven) {
  Random random(7);
  std::array<int, 6> seen{};
  for (int i = 0; i < 60'000; ++i) ++seen[random.Below(6)];
  double chi = 0.0;
  for (const int n : seen) chi += (n - 10'000.0) * (n - 10'000.0) / 10'000.0;
  EXPECT_LT(chi, 20.5);  // chi-square, 5 degrees of freedom, p = 0.001
}

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};

template <typename Draw>
Moments MomentsOf(Draw draw) {
  constexpr int kDraws = 40'000;
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const auto x = static_cast<double>(draw());
    sum += x;
    squares += x * x;
  }
  const double mean = sum / kDraws;
  return {.mean = mean, .variance = squares / kDraws - mean * mean};
}

// Mean and variance within 5 % (at least 8 standard errors of the mean, 3 of the variance in the
// widest case).
void ExpectMoments(const Moments& got, double mean, double variance) {
  EXPECT_NEAR(got.mean, mean, 0.05 * std::max(mean, std::sqrt(variance)));
  EXPECT_NEAR(got.variance, variance, 0.05 * variance);
}

TEST(Random, DistributionsHaveTheirMeansAndVariances) {
  Random random(11);
  ExpectMoments(MomentsOf([&] { return random.Normal(); }), 0.0, 1.0);
  ExpectMoments(MomentsOf([&] { return random.Exponential(3.0); }), 3.0, 9.0);
  ExpectMoments(MomentsOf([&] { return random.Poisson(0.7); }), 0.7, 0.7);
  ExpectMoments(MomentsOf([&] { return random.Poisson(1200.0); }), 1200.0, 1200.0);
  ExpectMoments(MomentsOf([&] { return random.Poisson(4e6); }), 4e6, 4e6);
  ExpectMoments(MomentsOf([&] { return random.Binomial(50, 0.1); }), 5.0, 4.5);
  ExpectMoments(MomentsOf([&] { return random.Binomial(50, 0.8); }), 40.0, 8.0);
}

// Pearson's chi-square of draws against a probability mass function, over the values that are
// expected at least ten times; the rest are one cell. `log_mass` of k in [0, most].
template <typename Draw, typename LogMass>
void ExpectMass(Draw draw, LogMass log_mass, int most) {
  constexpr int kDraws = 200'000;
  std::vector<int> seen(static_cast<std::size_t>(most) + 1);
  int beyond = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::int64_t k = draw();
    ASSERT_GE(k, 0);
    if (k > most) ++beyond;
    if (k <= most) ++seen[static_cast<std::size_t>(k)];
  }
  double chi = 0.0, rest_expected = kDraws;
  int cells = 0, rest_seen = beyond;
  for (int k = 0; k <= most; ++k) {
    const double expected = kDraws * std::exp(log_mass(k));
    const int n = seen[static_cast<std::size_t>(k)];
    if (expected < 10.0) {
      rest_seen += n;
      continue;
    }
    chi += (n - expected) * (n - expected) / expected;
    rest_expected -= expected;
    ++cells;
  }
  if (rest_expected > 5.0)
    chi += (rest_seen - rest_expected) * (rest_seen - rest_expected) / rest_expected;
  // Wilson and Hilferty: the cube root of chi-square is almost normal; 4 standard deviations.
  const double spread = 2.0 / (9.0 * cells);
  EXPECT_LT(std::cbrt(chi / cells), 1.0 - spread + 4.0 * std::sqrt(spread)) << "chi " << chi;
}

TEST(Random, PoissonHasItsMass) {
  Random random(17);
  for (const double mean : {9.9, 10.0, 13.5, 80.0, 700.0}) {
    ExpectMass([&] { return random.Poisson(mean); },
               [mean](int k) { return k * std::log(mean) - mean - std::lgamma(k + 1.0); }, 2000);
  }
}

TEST(Random, BinomialHasItsMass) {
  Random random(19);
  struct Case {
    int n;
    double p;
  };
  for (const Case& c : {Case{20, .5}, Case{21, .49}, Case{40, .9}, Case{1000, .01}, Case{1000, .3},
                        Case{100'000, .0007}}) {
    ExpectMass([&] { return random.Binomial(c.n, c.p); },
               [c](int k) {
                 return std::lgamma(c.n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(c.n - k + 1.0) +
                        k * std::log(c.p) + (c.n - k) * std::log1p(-c.p);
               },
               std::min(c.n, 1000));
  }
}

TEST(Random, CertaintiesAreCertain) {
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(random.Chance(0.0));
    EXPECT_TRUE(random.Chance(1.0));
    EXPECT_EQ(random.Binomial(10, 0.0), 0);
    EXPECT_EQ(random.Binomial(10, 1.0), 10);
    EXPECT_EQ(random.Binomial(0, 0.5), 0);
    EXPECT_EQ(random.Poisson(0.0), 0);
  }
}

}  // namespace
}  // namespace auspex
