#include "lab/simulator/sampling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace auspex::lab::simulator {
namespace {

// Where inversion's search becomes slower than rejection, and rejection's constants hold.
constexpr double kSmallMean = 10.0;

std::int64_t PoissonByInversion(double mean, Random* random) {
  double left = random->Uniform();
  double chance = std::exp(-mean);
  std::int64_t k = 0;
  // Beyond 110 the chance is below the last bit of a uniform.
  for (; left > chance && k < 110; chance *= mean / static_cast<double>(k)) {
    left -= chance;
    ++k;
  }
  return k;
}

std::int64_t PoissonByRejection(double mean, Random* random) {
  const double log_mean = std::log(mean);
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double accept_at_once = 0.9277 - 3.6224 / (b - 2.0);
  while (true) {
    const double u = random->Uniform() - 0.5;
    const double v = random->Uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2.0 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= accept_at_once) return static_cast<std::int64_t>(k);
    if (k < 0.0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= k * log_mean - mean - LogFactorial(k))
      return static_cast<std::int64_t>(k);
  }
}

std::int64_t BinomialByInversion(std::int64_t trials, double p, Random* random) {
  const auto n = static_cast<double>(trials);
  const double odds = p / (1.0 - p);
  double left = random->Uniform();
  double chance = std::exp(n * std::log1p(-p));
  std::int64_t k = 0;
  while (left > chance && k < trials) {
    left -= chance;
    chance *= odds * (n - static_cast<double>(k)) / (static_cast<double>(k) + 1.0);
    ++k;
    if (k > 110) break;  // beyond the last bit of a uniform
  }
  return k;
}

std::int64_t BinomialByRejection(std::int64_t trials, double p, Random* random) {
  const auto n = static_cast<double>(trials);
  const double spq = std::sqrt(n * p * (1.0 - p));
  const double b = 1.15 + 2.53 * spq;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = n * p + 0.5;
  const double accept_at_once = 0.92 - 4.2 / b;
  const double alpha = (2.83 + 5.1 / b) * spq;
  const double log_odds = std::log(p / (1.0 - p));
  const double mode = std::floor((n + 1.0) * p);
  const double at_mode = LogFactorial(mode) + LogFactorial(n - mode);
  while (true) {
    const double u = random->Uniform() - 0.5;
    const double v = random->Uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2.0 * a / us + b) * u + c);
    if (us >= 0.07 && v <= accept_at_once) return static_cast<std::int64_t>(k);
    if (k < 0.0 || k > n) continue;
    if (std::log(v * alpha / (a / (us * us) + b)) <=
        at_mode - LogFactorial(k) - LogFactorial(n - k) + (k - mode) * log_odds)
      return static_cast<std::int64_t>(k);
  }
}

}  // namespace

double LogFactorial(double k) {
  static const std::array<double, 16> kSmall = [] {
    std::array<double, 16> table{};
    for (std::size_t i = 2; i < table.size(); ++i)
      table[i] = table[i - 1] + std::log(static_cast<double>(i));
    return table;
  }();
  if (k < static_cast<double>(kSmall.size())) return kSmall[static_cast<std::size_t>(k)];
  // Stirling's series; its first term left out is below 1e-13 from 16 on.
  const double x = k + 1.0;
  const double r = 1.0 / (x * x);
  return (x - 0.5) * std::log(x) - x + 0.5 * std::log(2.0 * std::numbers::pi) +
         (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r / 1680.0))) / x;
}

std::int64_t DrawPoisson(double mean, Random* random) {
  if (!(mean > 0.0)) return 0;
  return mean < kSmallMean ? PoissonByInversion(mean, random) : PoissonByRejection(mean, random);
}

std::int64_t DrawBinomial(std::int64_t trials, double probability, Random* random) {
  if (trials <= 0 || !(probability > 0.0)) return 0;
  if (probability >= 1.0) return trials;
  if (probability > 0.5) return trials - DrawBinomial(trials, 1.0 - probability, random);
  return static_cast<double>(trials) * probability < kSmallMean
             ? BinomialByInversion(trials, probability, random)
             : BinomialByRejection(trials, probability, random);
}

double DrawGamma(double shape, Random* random) {
  if (shape < 1.0)
    return DrawGamma(shape + 1.0, random) * std::pow(1.0 - random->Uniform(), 1.0 / shape);
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = random->Normal();
    const double root = 1.0 + c * x;
    if (root <= 0.0) continue;
    const double v = root * root * root;
    if (std::log1p(-random->Uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double DrawBeta(double a, double b, Random* random) {
  const double x = DrawGamma(a, random);
  const double y = DrawGamma(b, random);
  return std::clamp(x / (x + y), 1e-12, 1.0 - 1e-12);
}

}  // namespace auspex::lab::simulator
