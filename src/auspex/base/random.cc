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

std::int64_t Random::Poisson(double mean) {
  if (mean <= 0.0) return 0;
  if (mean > 1e6) return std::max<std::int64_t>(0, std::llround(mean + std::sqrt(mean) * Normal()));
  // Knuth's product in pieces of 500, each far from underflow.
  std::int64_t count = 0;
  for (double left = mean; left > 0.0; left -= 500.0) {
    const double limit = std::exp(-std::min(left, 500.0));
    double product = Uniform();
    for (; product > limit; product *= Uniform()) ++count;
  }
  return count;
}

std::int64_t Random::Binomial(std::int64_t trials, double probability) {
  if (probability <= 0.0 || trials <= 0) return 0;
  if (probability >= 1.0) return trials;
  if (probability > 0.5) return trials - Binomial(trials, 1.0 - probability);
  // Waiting times between successes are geometric: exact, and cheap where successes are rare.
  const double scale = std::log1p(-probability);
  std::int64_t hits = 0;
  double at = 0.0;
  while (true) {
    at += std::floor(std::log1p(-Uniform()) / scale) + 1.0;
    if (at > static_cast<double>(trials)) return hits;
    ++hits;
  }
}

}  // namespace auspex
