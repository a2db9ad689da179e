#pragma once

#include "auspex/base/random.h"

// The laws that base/Random has not.
namespace auspex::lab::simulator {

// `shape` > 0, scale 1 (Marsaglia and Tsang, ACM Trans. Math. Softw. 26, 2000).
[[nodiscard]] double DrawGamma(double shape, Random* random);
// In (0, 1). Beta(k, n - k + 1) is the law of the k-th smallest of n uniforms.
[[nodiscard]] double DrawBeta(double a, double b, Random* random);

}  // namespace auspex::lab::simulator
