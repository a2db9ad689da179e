#pragma once

#include <cstdint>

namespace auspex {

// A seeded stream of chance, the same on every machine and standard library (splitmix64 and
// xoshiro256**, Blackman and Vigna 2018; the distributions of <random> differ between libraries).
// Not for secrets. Not thread-safe.
class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t Bits();
  double Uniform();                          // [0, 1)
  std::uint64_t Below(std::uint64_t bound);  // [0, bound), bound > 0
  bool Chance(double probability);
  double Normal();                    // mean 0, sd 1
  double Exponential(double mean);    // mean > 0
  std::int64_t Poisson(double mean);  // mean in [0, 1e15]; exact, in constant expected time
  // Exact, in constant expected time; trials <= 1e15.
  std::int64_t Binomial(std::int64_t trials, double probability);

 private:
  std::uint64_t state_[4];
};

}  // namespace auspex
