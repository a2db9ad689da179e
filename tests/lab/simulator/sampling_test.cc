#include "lab/simulator/sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

namespace auspex::lab::simulator {
namespace {

// Chi-square of `draws` draws against exact chances, cells of fewer than 10 expected joined; as a
// distance from its mean in standard deviations.
double ChiSquareDistance(int draws, const std::vector<double>& chances,
                         const std::function<std::int64_t()>& draw) {
  std::vector<double> seen(chances.size() + 1, 0.0);
  for (int i = 0; i < draws; ++i) {
    const auto k = static_cast<std::size_t>(draw());
    ++seen[std::min(k, chances.size())];
  }
  double chi = 0.0, cells = -1.0, expected = 0.0, counted = 0.0;
  double left = 1.0;
  for (std::size_t k = 0; k <= chances.size(); ++k) {
    const double chance = k < chances.size() ? chances[k] : std::max(0.0, left);
    left -= chance;
    expected += chance * draws;
    counted += seen[k];
    if (expected < 10.0 && k < chances.size()) continue;
    if (expected > 1e-9) {
      chi += (counted - expected) * (counted - expected) / expected;
      ++cells;
    }
    expected = counted = 0.0;
  }
  return (chi - cells) / std::sqrt(2.0 * cells);
}

constexpr int kDraws = 100'000;
// A right sampler exceeds this once in about 1e5 tests; a wrong constant gives tens.
constexpr double kMostDistance = 5.0;

TEST(DrawPoisson, HasTheExactLawBelowAndAboveTheChangeOfMethod) {
  for (const double mean : {.003, .7, 3.0, 9.9, 10.1, 40.0, 700.0}) {
    std::vector<double> chances;
    for (double k = 0.0; k < mean + 12.0 * std::sqrt(mean) + 12.0; ++k)
      chances.push_back(std::exp(k * std::log(mean) - mean - std::lgamma(k + 1.0)));
    Random random(1);
    EXPECT_LT(ChiSquareDistance(kDraws, chances, [&] { return DrawPoisson(mean, &random); }),
              kMostDistance)
        << mean;
  }
}

TEST(DrawBinomial, HasTheExactLawBelowAndAboveTheChangeOfMethod) {
  struct Shape {
    std::int64_t n;
    double p;
  };
  for (const Shape& shape : {Shape{1, .3}, Shape{20, .4}, Shape{5000, 1e-3}, Shape{30, .5},
                             Shape{50, .9}, Shape{2000, .01}, Shape{1000, .5}, Shape{1000, .997}}) {
    const auto n = static_cast<double>(shape.n);
    std::vector<double> chances;
    for (double k = 0.0; k <= n; ++k) {
      chances.push_back(std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) -
                                 std::lgamma(n - k + 1.0) + k * std::log(shape.p) +
                                 (n - k) * std::log1p(-shape.p)));
    }
    Random random(2);
    EXPECT_LT(
        ChiSquareDistance(kDraws, chances, [&] { return DrawBinomial(shape.n, shape.p, &random); }),
        kMostDistance)
        << shape.n << " " << shape.p;
  }
}

TEST(DrawBinomial, TakesTheEdges) {
  Random random(3);
  EXPECT_EQ(DrawBinomial(0, .5, &random), 0);
  EXPECT_EQ(DrawBinomial(7, 0.0, &random), 0);
  EXPECT_EQ(DrawBinomial(7, 1.0, &random), 7);
  EXPECT_EQ(DrawPoisson(0.0, &random), 0);
}

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

TEST(LogFactorial, AgreesWithTheGammaFunction) {
  for (const double k : {0.0, 1.0, 5.0, 15.0, 16.0, 100.0, 1e6})
    EXPECT_NEAR(LogFactorial(k), std::lgamma(k + 1.0), 1e-12 * std::max(1.0, std::lgamma(k + 1.0)));
}

}  // namespace
}  // namespace auspex::lab::simulator
