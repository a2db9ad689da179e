#include "auspex/base/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace auspex {

Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15U;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    word = z ^ (z >> 31U);
  }
}

std::uint64_t Random::Bits() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17U;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::Uniform() { return static_cast<double>(Bits() >> 11U) * 0x1.0p-53; }

std::uint64_t Random::Below(std::uint64_t bound) {
  // Rejection keeps it exact.
  const std::uint64_t limit = ~std::uint64_t{0} - (~std::uint64_t{0} % bound);
  std::uint64_t bits = Bits();
  while (bits >= limit) bits = Bits();
  return bits % bound;
}

bool Random::Chance(double probability) { return Uniform() < probability; }

double Random::Normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-Uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * Uniform());
}

double Random::Exponential(double mean) { return -mean * std::log1p(-Uniform()); }

namespace {

// From this mean on the rejection methods below are exact and cost the same whatever the mean.
constexpr double kLargeMean = 10.0;

// ln k! - [(k + 1/2) ln(k + 1) - (k + 1) + ln(2 pi)/2].
double StirlingTail(double k) {
  static constexpr double kTails[] = {0.08106146679532726, 0.04134069595540929, 0.02767792568499834,
                                      0.02079067210376509, 0.01664469118982119, 0.01387612882307075,
                                      0.01189670994589177, 0.01041126526197209, 0.00925546218271273,
                                      0.00833056343336287};
  if (k < 10.0) return kTails[static_cast<std::size_t>(k)];
  const double n = k + 1.0;
  return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / (n * n)) / (n * n)) / n;
}

double LogFactorial(double k) {
  static const double kHalfLogTwoPi = 0.5 * std::log(2.0 * std::numbers::pi);
  return (k + 0.5) * std::log(k + 1.0) - (k + 1.0) + kHalfLogTwoPi + StirlingTail(k);
}

// PTRS and BTRS: transformed rejection with squeeze, Hoermann, Insurance: Mathematics and Economics
// 12 (1993) and J. Statistical Computation and Simulation 46 (1993).
std::int64_t LargePoisson(double mean, Random* random) {
  const double log_mean = std::log(mean);
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double scale = 1.1239 + 1.1328 / (b - 3.4);
  const double squeeze = 0.9277 - 3.6224 / (b - 2.0);
  while (true) {
    const double u = random->Uniform() - 0.5;
    const double v = random->Uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2.0 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= squeeze) return static_cast<std::int64_t>(k);
    if (k < 0.0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * scale / (a / (us * us) + b)) <= k * log_mean - mean - LogFactorial(k))
      return static_cast<std::int64_t>(k);
  }
}

std::int64_t LargeBinomial(double n, double p, Random* random) {
  const double sd = std::sqrt(n * p * (1.0 - p));
  const double b = 1.15 + 2.53 * sd;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double alpha = (2.83 + 5.1 / b) * sd;
  const double squeeze = 0.92 - 4.2 / b;
  const double odds = p / (1.0 - p);
  const double mode = std::floor((n + 1.0) * p);
  while (true) {
    const double u = random->Uniform() - 0.5;
    const double v = random->Uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2.0 * a / us + b) * u + n * p + 0.5);
    if (us >= 0.07 && v <= squeeze) return static_cast<std::int64_t>(k);
    if (k < 0.0 || k > n) continue;
    const double bound = (mode + 0.5) * std::log((mode + 1.0) / (odds * (n - mode + 1.0))) +
                         (n + 1.0) * std::log((n - mode + 1.0) / (n - k + 1.0)) +
                         (k + 0.5) * std::log(odds * (n - k + 1.0) / (k + 1.0)) +
                         StirlingTail(mode) + StirlingTail(n - mode) - StirlingTail(k) -
                         StirlingTail(n - k);
    if (std::log(v * alpha / (a / (us * us) + b)) <= bound) return static_cast<std::int64_t>(k);
  }
}

}  // namespace

std::int64_t Random::Poisson(double mean) {
  if (mean <= 0.0) return 0;
  if (mean >= kLargeMean) return LargePoisson(mean, this);
  // Knuth's product.
  const double limit = std::exp(-mean);
  std::int64_t count = 0;
  for (double product = Uniform(); product > limit; product *= Uniform()) ++count;
  return count;
}

std::int64_t Random::Binomial(std::int64_t trials, double probability) {
  if (probability <= 0.0 || trials <= 0) return 0;
  if (probability >= 1.0) return trials;
  if (probability > 0.5) return trials - Binomial(trials, 1.0 - probability);
  const auto n = static_cast<double>(trials);
  if (n * probability >= kLargeMean) return LargeBinomial(n, probability, this);
  // Waiting times between successes are geometric: exact, and cheap where successes are rare.
  const double scale = std::log1p(-probability);
  std::int64_t hits = 0;
  double at = 0.0;
  while (true) {
    at += std::floor(std::log1p(-Uniform()) / scale) + 1.0;
    if (at > n) return hits;
    ++hits;
  }
}

}  // namespace auspex
