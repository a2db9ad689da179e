#include "lab/simulator/sampling.h"

#include <gtest/gtest.h>

#include <cmath>

namespace auspex::lab::simulator {
namespace {

constexpr int kDraws = 100'000;

TEST(DrawBeta, IsTheLawOfAnOrderStatistic) {
  Random random(4);
  for (const double n : {1.0, 10.0, 500.0}) {
    const double k = std::ceil(.9 * n);
    const double mean = k / (n + 1.0);
    double total = 0.0, squares = 0.0;
    for (int i = 0; i < kDraws; ++i) {
      const double x = DrawBeta(k, n - k + 1.0, &random);
      total += x;
      squares += (x - mean) * (x - mean);
    }
    const double variance = mean * (1.0 - mean) / (n + 2.0);
    EXPECT_NEAR(total / kDraws, mean, 5.0 * std::sqrt(variance / kDraws));
    EXPECT_NEAR(squares / kDraws, variance, .05 * variance);
  }
}

}  // namespace
}  // namespace auspex::lab::simulator
