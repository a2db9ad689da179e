#include "auspex/evidence/effect.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace auspex::evidence {
namespace {

// Dense where releases differ, coarse where only the order of magnitude counts.
constexpr std::array<double, RateEffect::kPoints> kRatios = {
    .125, .25, .45, .65, .8, .9, .96, 1.,  1.04, 1.1, 1.18, 1.3, 1.5,
    1.75, 2.1, 2.6, 3.5, 5., 8., 13., 22., 40.,  80., 160., 300.};
// Steps within a cell of the grid, for the mean and the interval's ends.
constexpr int kSteps = 16;

struct Grid {
  std::array<double, RateEffect::kPoints> log_ratio{};
  std::array<double, RateEffect::kPoints> log_prior{};
};

// Laplace in ln rho about no effect, scale 1: most releases change little, and none is ruled out.
double LogPriorDensity(double theta) { return -std::abs(theta); }

const Grid& TheGrid() {
  static const Grid kGrid = [] {
    Grid grid;
    for (std::size_t j = 0; j < kRatios.size(); ++j) grid.log_ratio[j] = std::log(kRatios[j]);
    double total = 0.0;
    for (std::size_t j = 0; j < kRatios.size(); ++j) {
      const double low = grid.log_ratio[j == 0 ? 0 : j - 1];
      const double high = grid.log_ratio[std::min(j + 1, kRatios.size() - 1)];
      grid.log_prior[j] = std::log((high - low) / 2.0) + LogPriorDensity(grid.log_ratio[j]);
      total += std::exp(grid.log_prior[j]);
    }
    for (double& prior : grid.log_prior) prior -= std::log(total);
    return grid;
  }();
  return kGrid;
}

using Values = std::array<double, RateEffect::kPoints>;

double Secant(const Values& l, std::size_t j) {  // slope from point j to j + 1
  const Grid& grid = TheGrid();
  return (l[j + 1] - l[j]) / (grid.log_ratio[j + 1] - grid.log_ratio[j]);
}

// L at the share `at` of cell j: no less than it is.
double UpperBound(const Values& l, std::size_t j, double at) {
  const Grid& grid = TheGrid();
  const double width = grid.log_ratio[j + 1] - grid.log_ratio[j];
  double bound = std::numeric_limits<double>::infinity();
  if (j > 0) bound = std::min(bound, l[j] + Secant(l, j - 1) * at * width);
  if (j + 2 < l.size()) bound = std::min(bound, l[j + 1] - Secant(l, j + 1) * (1.0 - at) * width);
  return bound;
}

// L at the share `at` of cell j, by the cubic through the cell's ends whose slopes there are the
// means of the neighbouring secants.
double Interpolated(const Values& l, std::size_t j, double at) {
  const Grid& grid = TheGrid();
  const double width = grid.log_ratio[j + 1] - grid.log_ratio[j];
  const double here = Secant(l, j);
  const double left = width * (j > 0 ? (Secant(l, j - 1) + here) / 2.0 : here);
  const double right = width * (j + 2 < l.size() ? (here + Secant(l, j + 1)) / 2.0 : here);
  const double u = 1.0 - at;
  return l[j] * (1.0 + 2.0 * at) * u * u + l[j + 1] * at * at * (3.0 - 2.0 * at) +
         left * at * u * u - right * at * at * u;
}

}  // namespace

void RateEffect::Step(const Counts& counts, double s2) {
  const double p = std::min(.9, (baseline_events_ + .5) / (baseline_requests_ + 1.0));
  baseline_events_ += counts.baseline_events;
  baseline_requests_ += counts.baseline_requests;
  const double events = counts.canary_events + counts.baseline_events;
  const double nc = counts.canary_requests;
  const double nb = counts.baseline_requests;
  if (!(nc > 0.0) || !(nb > 0.0) || !(events > 0.0)) return;
  seen_ = true;
  const Grid& grid = TheGrid();
  const double share = nc / (nc + nb);
  const double phi = 1.0 + p / (1.0 - p) * share * nb * s2;
  for (std::size_t j = 0; j < kRatios.size(); ++j) {
    log_likelihood_[j] += (counts.canary_events * grid.log_ratio[j] -
                           events * std::log1p(share * (kRatios[j] - 1.0))) /
                          phi;
  }
}

std::optional<Effect> RateEffect::Now(double alpha) const {
  if (!seen_) return std::nullopt;
  const Grid& grid = TheGrid();
  const Values& l = log_likelihood_;
  const double most = *std::max_element(l.begin(), l.end());
  double mixture = 0.0;
  for (std::size_t j = 0; j < l.size(); ++j) mixture += std::exp(grid.log_prior[j] + l[j] - most);
  const double bar = most + std::log(mixture) + std::log(alpha);  // L(rho0) above it: not rejected

  std::array<double, (kPoints - 1) * kSteps> log_posterior{};
  double low = std::numeric_limits<double>::infinity(), high = -low, peak = -low;
  bool below = false, beyond = false;
  for (std::size_t j = 0; j + 1 < l.size(); ++j) {
    const double width = grid.log_ratio[j + 1] - grid.log_ratio[j];
    for (int i = 0; i < kSteps; ++i) {
      const double from = i / double{kSteps}, at = (i + .5) / kSteps, to = (i + 1) / double{kSteps};
      double& posterior = log_posterior[j * kSteps + static_cast<std::size_t>(i)];
      posterior = Interpolated(l, j, at) + std::log(width) +
                  LogPriorDensity(grid.log_ratio[j] + at * width);
      peak = std::max(peak, posterior);
      // The whole step where either end of it, or its middle, may be inside.
      if (std::max({UpperBound(l, j, from), UpperBound(l, j, at), UpperBound(l, j, to)}) < bar)
        continue;
      low = std::min(low, grid.log_ratio[j] + from * width);
      high = std::max(high, grid.log_ratio[j] + to * width);
      // An end of the grid that is inside bounds nothing.
      below = below || (j == 0 && i == 0);
      beyond = beyond || (j + 2 == l.size() && i + 1 == kSteps);
    }
  }
  double weight = 0.0, mean = 0.0;
  for (std::size_t k = 0; k < log_posterior.size(); ++k) {
    const std::size_t j = k / kSteps;
    const double at = (static_cast<double>(k % kSteps) + .5) / kSteps;
    const double w = std::exp(log_posterior[k] - peak);
    weight += w;
    mean += w * (grid.log_ratio[j] + at * (grid.log_ratio[j + 1] - grid.log_ratio[j]));
  }
  Effect effect{.ratio = std::exp(mean / weight),
                .low = below ? 0.0 : std::exp(low),
                .high = beyond ? std::numeric_limits<double>::infinity() : std::exp(high)};
  effect.low = std::min(effect.low, effect.ratio);
  effect.high = std::max(effect.high, effect.ratio);
  return effect;
}

void EffectSizes::Step(const std::vector<std::optional<Rate>>& rates) {
  if (effects_.size() < rates.size()) effects_.resize(rates.size());
  for (std::size_t i = 0; i < rates.size(); ++i) {
    if (rates[i]) effects_[i].Step(rates[i]->counts, rates[i]->s2);
  }
}

std::optional<Effect> EffectSizes::Of(std::size_t rate) const {
  return rate < effects_.size() ? effects_[rate].Now() : std::nullopt;
}

}  // namespace auspex::evidence
