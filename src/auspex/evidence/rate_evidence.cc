#include "auspex/evidence/rate_evidence.h"

#include <algorithm>
#include <cmath>

namespace auspex::evidence {
namespace {

// Minimax prior weights on the 12 points, for alpha .01 and ratios 1.3 to 100 (section 2).
constexpr std::array<double, 12> kMinimaxWeights = {.1587, .1328, .0976, .1129, .1042, .0879,
                                                    .0936, .0777, .0426, .0279, .0282, .0359};
constexpr double kLowestRatio = 1.27;
constexpr double kHighestRatio = 120.0;
// Prior strength of the history in the baseline's rate, in events: a0 of section 2.
constexpr double kHistoryEvents = 4.0;
constexpr double kHighestRate = 0.9;
// Of a mass in one tick, as of the hazard (section 3): of a tick of 1,000 s more than all would go,
// and a mass be negative.
constexpr double kMostDrift = 0.5;

// Log of the root of the Poisson divergence of ratio r from the tolerated one.
double Divergence(double r) {
  return 0.5 * std::log(r * std::log(r / kToleratedRatio) - (r - kToleratedRatio));
}

double RatioAtDivergence(double target) {
  double low = 1.1000001;
  double high = 1e6;
  for (int i = 0; i < 200; ++i) {
    const double middle = std::sqrt(low * high);
    (Divergence(middle) < target ? low : high) = middle;
  }
  return std::sqrt(low * high);
}

std::array<double, 12> MakeBasePoints() {
  std::array<double, 12> points{};
  const double low = Divergence(kLowestRatio);
  const double high = Divergence(kHighestRatio);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i] = RatioAtDivergence(low + (high - low) * static_cast<double>(i) / 11.0);
  }
  return points;
}

double ClampHistory(double p_hist) { return std::min(std::max(p_hist, 1e-7), 0.6); }

}  // namespace

RateGrid MakeRateGrid(double p_hist) {
  static const std::array<double, 12> kPoints = MakeBasePoints();
  RateGrid grid;
  grid.size = kPoints.size();
  std::copy(kPoints.begin(), kPoints.end(), grid.odds.begin());
  double total = 0.0;
  for (const double weight : kMinimaxWeights) total += weight;
  for (std::size_t i = 0; i < kMinimaxWeights.size(); ++i)
    grid.prior[i] = kMinimaxWeights[i] / total;

  const double to_60_percent = 1.5 * (1.0 - p_hist) / p_hist;  // odds ratio that lifts p_hist to .6
  if (to_60_percent > 200.0) {
    grid.odds[12] = std::sqrt(kHighestRatio * to_60_percent);
    grid.odds[13] = to_60_percent;
    grid.prior[12] = grid.prior[13] = 0.05;
    grid.size = 14;
    for (double& weight : grid.prior) weight /= 1.1;
  }
  return grid;
}

double LogRatioConditional(double psi, const Counts& c, double tolerated) {
  const double events = c.canary_events + c.baseline_events;
  if (events == 0.0 || psi <= tolerated) return 0.0;
  return c.canary_events * std::log(psi / tolerated) -
         events * std::log((psi * c.canary_requests + c.baseline_requests) /
                           (tolerated * c.canary_requests + c.baseline_requests));
}

double LogRatioProjected(double psi, const Counts& c, double p, double tolerated) {
  const double odds = psi * p / (1.0 - p);
  const double pa = odds / (1.0 + odds);
  const double nc = c.canary_requests;
  const double nb = c.baseline_requests;
  if (pa <= tolerated * p * 1.0001 || nc <= 0.0 || nb <= 0.0) return 0.0;
  const double a = (nc + nb) * tolerated;
  const double b = nc * (pa + tolerated) + nb * (tolerated * p + 1.0);
  const double joint = nc * pa + nb * p;
  const double q = 2.0 * joint / (b + std::sqrt(std::max(0.0, b * b - 4.0 * a * joint)));
  const double qa = tolerated * q;
  if (q <= 0.0 || qa >= 1.0) return 0.0;
  return c.canary_events * std::log(pa / qa) +
         (nc - c.canary_events) * std::log((1.0 - pa) / (1.0 - qa)) +
         c.baseline_events * std::log(p / q) +
         (nb - c.baseline_events) * std::log((1.0 - p) / (1.0 - q));
}

RateEvidence::RateEvidence(const Options& options) : options_(options) {
  options_.p_hist = ClampHistory(options.p_hist);
  grid_ = std::make_shared<const RateGrid>(MakeRateGrid(options_.p_hist));
  Restart();
}

void RateEvidence::Restart() {
  for (std::size_t j = 0; j < grid_->size; ++j) mass_[j] = options_.begun * grid_->prior[j];
  wait_ = 1.0 - options_.begun;
  log_e_ = 0.0;
}

double RateEvidence::BaselineRate() const {
  return std::min(kHighestRate, (baseline_events_ + kHistoryEvents) /
                                    (baseline_requests_ + kHistoryEvents / options_.p_hist));
}

void RateEvidence::Step(const Counts& seen, const Tick& tick) {
  const double p = BaselineRate();
  Counts counts = seen;
  if (tick.history_events > 0.0) {
    counts.baseline_events += tick.history_events;
    counts.baseline_requests += tick.history_events / p;
  }
  const double nc = counts.canary_requests;
  const double nb = counts.baseline_requests;
  // Overdispersion (section 4); 1e-9 only avoids 0/0.
  const double phi = 1.0 + p / (1.0 - p) * (nc * nb / (nc + nb + 1e-9)) * options_.overdispersion;

  const std::size_t size = grid_->size;
  std::array<double, RateGrid::kMost> log_ratio{};
  double most = 0.0;
  for (std::size_t j = 0; j < size; ++j) {
    const double psi = grid_->odds[j];
    log_ratio[j] = (options_.likelihood == Likelihood::kProjected
                        ? LogRatioProjected(psi, counts, p, tick.tolerated)
                        : LogRatioConditional(psi, counts, tick.tolerated)) /
                   phi;
    most = std::max(most, log_ratio[j]);
  }

  const double begins = wait_ * tick.hazard;
  wait_ -= begins;
  for (std::size_t j = 0; j < size; ++j) {
    mass_[j] = (mass_[j] + begins * grid_->prior[j]) * std::exp(log_ratio[j] - most);
  }
  if (tick.drift > 0.0) {
    const double drift = std::min(kMostDrift, tick.drift);
    for (std::size_t j = size - 1; j > 0; --j) {
      mass_[j] += drift * mass_[j - 1];
      mass_[j - 1] *= 1.0 - drift;
    }
  }
  wait_ *= std::exp(-most);
  // The masses first: where nothing was learned, the order of a sum decides on which side of 0 log
  // E falls.
  double total = 0.0;
  for (std::size_t j = 0; j < size; ++j) total += mass_[j];
  total += wait_;
  total = std::max(total, 1e-290);  // keeps the logarithm finite
  log_e_ += most + std::log(total);
  for (std::size_t j = 0; j < size; ++j) mass_[j] /= total;
  wait_ /= total;

  const double keep = std::exp2(-1.0 / options_.half_life_ticks);
  baseline_events_ = keep * baseline_events_ + seen.baseline_events;
  baseline_requests_ = keep * baseline_requests_ + seen.baseline_requests;
}

}  // namespace auspex::evidence
