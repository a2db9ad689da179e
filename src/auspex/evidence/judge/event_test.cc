#include "auspex/evidence/judge/event_test.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace auspex::evidence {
namespace {

// Prior share of "faulty from the first stratum on", as in the rollout (docs/statistics.md 3); the
// rest is spread evenly over the strata in which a fault may begin.
constexpr double kBegun = 0.6;
// Terms of a sum below this share of the largest are left out.
constexpr double kNegligible = 1e-18;
// From this variance on (a thousand events about the mode) a sum is an integral: to 1e-6.
constexpr double kNormalFrom = 1e6;
constexpr double kNormal95 = 1.959963984540054;

double LogFactorial(std::int64_t n) {
  static const std::vector<double> kSmall = [] {
    std::vector<double> table(256, 0.0);
    for (std::size_t i = 2; i < table.size(); ++i)
      table[i] = table[i - 1] + std::log(static_cast<double>(i));
    return table;
  }();
  if (n < 256) return kSmall[static_cast<std::size_t>(n)];
  // Stirling's series; the next term is below 1e-15 from 256 on.
  const double x = static_cast<double>(n);
  return (x + 0.5) * std::log(x) - x + 0.5 * std::log(2.0 * std::numbers::pi) + 1.0 / (12.0 * x) -
         1.0 / (360.0 * x * x * x);
}

double LogChoose(std::int64_t n, std::int64_t k) {
  return LogFactorial(n) - LogFactorial(k) - LogFactorial(n - k);
}

std::int64_t Least(const Stratum& s) { return std::max<std::int64_t>(0, s.events - s.baseline); }
std::int64_t Most(const Stratum& s) { return std::min(s.events, s.canary); }

// Of the noncentral hypergeometric: where the ratio of neighbouring terms passes 1, a root of a
// quadratic (Liao and Rosen, The American Statistician 55, 2001).
std::int64_t Mode(const Stratum& s, double odds) {
  const double nc = static_cast<double>(s.canary);
  const double nb = static_cast<double>(s.baseline);
  const double k = static_cast<double>(s.events);
  const double a = odds - 1.0;
  const double b = (nc + k + 2.0) * odds + nb - k;
  const double c = odds * (nc + 1.0) * (k + 1.0);
  const double root = 2.0 * c / (b + std::sqrt(std::max(0.0, b * b - 4.0 * a * c)));
  return std::clamp(static_cast<std::int64_t>(root), Least(s), Most(s));
}

// Around the mode, by the curvature of the logarithm.
double Variance(const Stratum& s, std::int64_t mode) {
  const double k = static_cast<double>(mode);
  const double c = static_cast<double>(s.canary);
  const double b = static_cast<double>(s.baseline);
  const double n = static_cast<double>(s.events);
  return 1.0 /
         (1.0 / (k + 0.5) + 1.0 / (c - k + 0.5) + 1.0 / (n - k + 0.5) + 1.0 / (b - n + k + 0.5));
}

// Term k + 1 over term k.
double StepUp(const Stratum& s, double odds, std::int64_t k) {
  return static_cast<double>(s.canary - k) * static_cast<double>(s.events - k) /
         (static_cast<double>(k + 1) * static_cast<double>(s.baseline - s.events + k + 1)) * odds;
}

}  // namespace

double ToleratedOdds(const Stratum& stratum, double tolerated) {
  if (tolerated == 1.0) return 1.0;
  constexpr double kLeastRest = 1e-3;  // of the canary's requests that must succeed
  const double n = std::max(
      1.0, tolerated * static_cast<double>(stratum.canary) + static_cast<double>(stratum.baseline));
  // The baseline's rate if the canary's is `tolerated` times as high.
  const double p = std::min(1.0, static_cast<double>(stratum.events) / n);
  const double above = std::min(1.0 / tolerated, p + std::sqrt(p * (1.0 - p) / n));
  return tolerated * (1.0 - above) / std::max(kLeastRest, 1.0 - tolerated * above);
}

double LogNoncentralNorm(const Stratum& s, double odds) {
  const std::int64_t mode = Mode(s, odds);
  const double log_mode = LogChoose(s.canary, mode) + LogChoose(s.baseline, s.events - mode) +
                          static_cast<double>(mode) * std::log(odds);
  if (const double variance = Variance(s, mode); variance > kNormalFrom)
    return log_mode + 0.5 * std::log(2.0 * std::numbers::pi * variance);
  double sum = 1.0;
  double term = 1.0;
  for (std::int64_t k = mode; k < Most(s) && term > kNegligible; ++k)
    sum += term *= StepUp(s, odds, k);
  term = 1.0;
  for (std::int64_t k = mode; k > Least(s) && term > kNegligible; --k)
    sum += term /= StepUp(s, odds, k - 1);
  return log_mode + std::log(sum);
}

EventTest::EventTest(std::vector<Stratum> strata, double tolerated)
    : strata_(std::move(strata)), grid_(0.5) {
  // The grid is made for the ratio tolerated in rollouts; here only its distances from that count.
  const Lanes odds = grid_.odds();
  for (std::size_t j = 0; j < grid_.size(); ++j) log_odds_[j] = std::log(odds[j] / kToleratedRatio);
  terms_.reserve(strata_.size());
  for (const Stratum& s : strata_) {
    events_ += s.events;
    Terms terms;
    terms.tolerated_odds = ToleratedOdds(s, tolerated);
    const double at_edge = LogNoncentralNorm(s, terms.tolerated_odds);
    for (std::size_t j = 0; j < grid_.size(); ++j)
      terms.log_norm[j] =
          LogNoncentralNorm(s, terms.tolerated_odds * std::exp(log_odds_[j])) - at_edge;
    terms_.push_back(terms);
  }
}

double EventTest::LogE(std::span<const std::int64_t> canary_events) const {
  const Lanes& prior = grid_.prior();
  std::array<double, RateGrid::kMost> mass{};
  for (std::size_t j = 0; j < grid_.size(); ++j) mass[j] = kBegun * prior[j];
  double wait = 1.0 - kBegun;
  double log_e = 0.0;
  for (std::size_t s = 0; s < strata_.size(); ++s) {
    const double begins = wait / static_cast<double>(strata_.size() - s);
    wait -= begins;
    std::array<double, RateGrid::kMost> log_ratio{};
    double most = 0.0;
    for (std::size_t j = 0; j < grid_.size(); ++j) {
      log_ratio[j] = static_cast<double>(canary_events[s]) * log_odds_[j] - terms_[s].log_norm[j];
      most = std::max(most, log_ratio[j]);
    }
    double total = wait *= std::exp(-most);
    for (std::size_t j = 0; j < grid_.size(); ++j) {
      mass[j] = (mass[j] + begins * prior[j]) * std::exp(log_ratio[j] - most);
      total += mass[j];
    }
    total = std::max(total, 1e-290);  // keeps the logarithm finite
    log_e += most + std::log(total);
    for (std::size_t j = 0; j < grid_.size(); ++j) mass[j] /= total;
    wait /= total;
  }
  return log_e;
}

std::int64_t EventTest::Draw(std::size_t stratum, Random* random) const {
  const Stratum& s = strata_[stratum];
  const double odds = terms_[stratum].tolerated_odds;
  const std::int64_t mode = Mode(s, odds);
  if (const double variance = Variance(s, mode); variance > kNormalFrom) {
    const auto off =
        static_cast<std::int64_t>(std::llround(std::sqrt(variance) * random->Normal()));
    return std::clamp(mode + off, Least(s), Most(s));
  }
  const double log_mode = LogChoose(s.canary, mode) + LogChoose(s.baseline, s.events - mode) +
                          static_cast<double>(mode) * std::log(odds);
  // Inversion, from the mode outwards.
  double left = random->Uniform();
  double up = std::exp(log_mode - LogNoncentralNorm(s, odds));
  double down = up;
  std::int64_t high = mode;
  std::int64_t low = mode;
  left -= up;
  while (left > 0.0 && (high < Most(s) || low > Least(s))) {
    if (up + down < kNegligible) break;
    if (high < Most(s)) {
      left -= up *= StepUp(s, odds, high++);
      if (left <= 0.0) return high;
    } else {
      up = 0.0;
    }
    if (low > Least(s)) {
      left -= down /= StepUp(s, odds, --low);
      if (left <= 0.0) return low;
    } else {
      down = 0.0;
    }
  }
  return mode;
}

RateRatio PooledRateRatio(const std::vector<Stratum>& strata,
                          std::span<const std::int64_t> canary_events) {
  double top = 0.0, bottom = 0.0, variance = 0.0;
  double kc = 0.0, kb = 0.0, nc = 0.0, nb = 0.0;
  for (std::size_t i = 0; i < strata.size(); ++i) {
    const double c = static_cast<double>(strata[i].canary);
    const double b = static_cast<double>(strata[i].baseline);
    const double n = c + b;
    if (c == 0.0 || b == 0.0) continue;
    const double on_c = static_cast<double>(canary_events[i]);
    const double on_b = static_cast<double>(strata[i].events) - on_c;
    top += on_c * b / n;
    bottom += on_b * c / n;
    variance += ((on_c + on_b) * c * b - on_c * on_b * n) / (n * n);
    kc += on_c;
    kb += on_b;
    nc += c;
    nb += b;
  }
  if (kc == 0.0 || kb == 0.0 || variance <= 0.0) {
    const double ratio = (kc + 0.5) / (nc + 1.0) / ((kb + 0.5) / (nb + 1.0));
    const double reach = std::exp(kNormal95 * std::sqrt(1.0 / (kc + 0.5) + 1.0 / (kb + 0.5)));
    return {ratio, ratio / reach, ratio * reach};
  }
  const double ratio = top / bottom;
  const double reach = std::exp(kNormal95 * std::sqrt(variance / (top * bottom)));
  return {ratio, ratio / reach, ratio * reach};
}

}  // namespace auspex::evidence
