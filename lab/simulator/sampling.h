#pragma once

#include <cstdint>

#include "auspex/base/random.h"

// Counts by chance, exact at every mean and fast at large ones. base/Random's own distributions
// take time in proportion to the mean, which a simulation of thousands of rollouts has not got.
namespace auspex::lab::simulator {

// `mean` >= 0. Inversion below 10, above it transformed rejection (PTRS, Hoermann, Insurance:
// Mathematics and Economics 12, 1993).
[[nodiscard]] std::int64_t DrawPoisson(double mean, Random* random);
// `trials` >= 0, `probability` in [0, 1]. Inversion below 10 expected hits, above it transformed
// rejection (BTRS, Hoermann, J. Statist. Comput. Simul. 46, 1993).
[[nodiscard]] std::int64_t DrawBinomial(std::int64_t trials, double probability, Random* random);
// `shape` > 0, scale 1 (Marsaglia and Tsang, ACM Trans. Math. Softw. 26, 2000).
[[nodiscard]] double DrawGamma(double shape, Random* random);
// In (0, 1). Beta(k, n - k + 1) is the law of the k-th smallest of n uniforms.
[[nodiscard]] double DrawBeta(double a, double b, Random* random);

// ln(k!), k >= 0.
[[nodiscard]] double LogFactorial(double k);

}  // namespace auspex::lab::simulator
