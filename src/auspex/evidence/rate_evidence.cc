#include "auspex/evidence/rate_evidence.h"

#include <algorithm>
#include <cmath>

namespace auspex::evidence {
namespace {

// Minimax prior weights on the 12 points, for alpha .01 and ratios 1.3 to 100 (section 2).
constexpr std::array<double, RateGrid::kUsual> kMinimaxWeights = {
    .1587, .1328, .0976, .1129, .1042, .0879, .0936, .0777, .0426, .0279, .0282, .0359};
constexpr double kLowestRatio = 1.27;
constexpr double kHighestRatio = 120.0;
// Prior of each of the two alternatives for rare baselines, before all are made to sum to 1.
constexpr double kRareWeight = 0.05;
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

// What the grids of all baselines share.
struct GridTables {
  Lanes odds;
  Lanes usual_prior;
  Lanes rare_prior;
};

GridTables MakeGridTables() {
  GridTables tables;
  tables.odds.at.fill(1.0);
  const double low = Divergence(kLowestRatio);
  const double high = Divergence(kHighestRatio);
  double total = 0.0;
  for (const double weight : kMinimaxWeights) total += weight;
  for (std::size_t i = 0; i < kMinimaxWeights.size(); ++i) {
    tables.odds[i] = RatioAtDivergence(low + (high - low) * static_cast<double>(i) / 11.0);
    tables.usual_prior[i] = kMinimaxWeights[i] / total;
  }
  tables.rare_prior = tables.usual_prior;
  for (std::size_t i = RateGrid::kUsual; i < RateGrid::kMost; ++i)
    tables.rare_prior[i] = kRareWeight;
  for (double& weight : tables.rare_prior.at) weight /= 1.0 + 2.0 * kRareWeight;
  return tables;
}

const GridTables& Tables() {
  static const GridTables kTables = MakeGridTables();
  return kTables;
}

double ClampHistory(double p_hist) { return std::min(std::max(p_hist, 1e-7), 0.6); }

}  // namespace

RateGrid::RateGrid(double p_hist) {
  const double to_60_percent = 1.5 * (1.0 - p_hist) / p_hist;  // odds ratio that lifts p_hist to .6
  if (to_60_percent > 200.0) rare_odds_ = {std::sqrt(kHighestRatio * to_60_percent), to_60_percent};
}

Lanes RateGrid::odds() const {
  Lanes odds = Tables().odds;
  if (size() == kMost) std::copy(rare_odds_.begin(), rare_odds_.end(), &odds[kUsual]);
  return odds;
}

const Lanes& RateGrid::prior() const {
  return size() == kMost ? Tables().rare_prior : Tables().usual_prior;
}

double LogRatioConditional(double psi, const Counts& c, double tolerated) {
  const double events = c.canary_events + c.baseline_events;
  if (events == 0.0 || psi <= tolerated) return 0.0;
  return c.canary_events * std::log(psi / tolerated) -
         events * std::log((psi * c.canary_requests + c.baseline_requests) /
                           (tolerated * c.canary_requests + c.baseline_requests));
}

namespace {

// The alternative and its projection on the null, at exposures of canary and baseline that are
// known up to a common factor.
struct Exposure {
  double canary;
  double baseline;
  bool planned;
};

double LogRatio(double psi, const Counts& c, const Exposure& exposure, double p, double tolerated) {
  const double odds = psi * p / (1.0 - p);
  const double pa = odds / (1.0 + odds);
  if (pa <= tolerated * p * 1.0001) return 0.0;
  const double a = (exposure.canary + exposure.baseline) * tolerated;
  const double b = exposure.canary * (pa + tolerated) + exposure.baseline * (tolerated * p + 1.0);
  const double joint = exposure.canary * pa + exposure.baseline * p;
  const double root = std::sqrt(std::max(0.0, b * b - 4.0 * a * joint));
  double q = 2.0 * joint / (b + root);
  // A step of Newton's method on the equation as a product: the discriminant cancels where shares
  // and rates are extreme, and a projection that is off by 1e-12 is one whose E is too.
  if (exposure.planned && root > 0.0) {
    q += (exposure.canary * (pa - tolerated * q) * (1.0 - q) +
          exposure.baseline * (p - q) * (1.0 - tolerated * q)) /
         root;
  }
  const double qa = tolerated * q;
  if (q <= 0.0 || qa >= 1.0) return 0.0;
  return c.canary_events * std::log(pa / qa) +
         (c.canary_requests - c.canary_events) * std::log((1.0 - pa) / (1.0 - qa)) +
         c.baseline_events * std::log(p / q) +
         (c.baseline_requests - c.baseline_events) * std::log((1.0 - p) / (1.0 - q));
}

}  // namespace

double LogRatioProjected(double psi, const Counts& c, double p, double tolerated) {
  if (c.canary_requests <= 0.0 || c.baseline_requests <= 0.0) return 0.0;
  return LogRatio(psi, c, {c.canary_requests, c.baseline_requests, false}, p, tolerated);
}

double LogRatioPlanned(double psi, const Counts& c, double p, double canary_share,
                       double tolerated) {
  return LogRatio(psi, c, {canary_share, 1.0 - canary_share, true}, p, tolerated);
}

RateEvidence::RateEvidence(const Options& options)
    : keep_(std::exp2(-1.0 / options.half_life_ticks)),
      p_hist_(ClampHistory(options.p_hist)),
      overdispersion_(options.overdispersion),
      begun_(options.begun),
      grid_(p_hist_),
      likelihood_(options.likelihood) {
  Restart();
}

void RateEvidence::Restart() {
  const Lanes& prior = grid_.prior();
  for (std::size_t j = 0; j < grid_.size(); ++j) mass_[j] = begun_ * prior[j];
  wait_ = 1.0 - begun_;
  log_e_ = 0.0;
}

double RateEvidence::BaselineRate() const {
  return std::min(kHighestRate, (baseline_events_ + kHistoryEvents) /
                                    (baseline_requests_ + kHistoryEvents / p_hist_));
}

void RateEvidence::Relearn(double events, double requests) {
  baseline_events_ = events;
  baseline_requests_ = requests;
}

Lanes RateEvidence::LogRatiosOf(const Counts& counts, const Tick& tick) const {
  const double p = BaselineRate();
  // Overdispersion (section 4).
  const double phi = 1.0 + p / (1.0 - p) * Harmonic(counts, tick) * overdispersion_;
  const Lanes odds = grid_.odds();
  if (likelihood_ == Likelihood::kConditional) {
    Lanes log_ratios;
    for (std::size_t j = 0; j < grid_.size(); ++j)
      log_ratios[j] = LogRatioConditional(odds[j], counts, tick.tolerated) / phi;
    return log_ratios;
  }
  const double nc = counts.canary_requests;
  const double nb = counts.baseline_requests;
  const double w = tick.planned_share;
  if (w <= 0.0 && (nc <= 0.0 || nb <= 0.0)) return {};
  return LogRatios(odds, {.canary_events = counts.canary_events,
                          .canary_others = nc - counts.canary_events,
                          .baseline_events = counts.baseline_events,
                          .baseline_others = nb - counts.baseline_events,
                          .canary_exposure = w > 0.0 ? w : nc,
                          .baseline_exposure = w > 0.0 ? 1.0 - w : nb,
                          .p = p,
                          .tolerated = tick.tolerated,
                          .refine = w > 0.0,
                          .phi = phi});
}

// Requests that the two arms' comparison is worth: n_c n_b / (n_c + n_b) of what came, or of what
// was to be expected; 1e-9 only avoids 0/0.
double RateEvidence::Harmonic(const Counts& counts, const Tick& tick) {
  if (tick.planned_share > 0.0 && tick.planned_requests > 0.0)
    return tick.planned_requests * tick.planned_share * (1.0 - tick.planned_share);
  const double nc = counts.canary_requests;
  const double nb = counts.baseline_requests;
  return nc * nb / (nc + nb + 1e-9);
}

void RateEvidence::Step(const Counts& seen, const Tick& tick) {
  Counts counts = seen;
  if (tick.history_events > 0.0) {
    counts.baseline_events += tick.history_events;
    counts.baseline_requests += tick.history_events / BaselineRate();
  }
  Lanes factor = LogRatiosOf(counts, tick);
  const double most = ExpBelowMost(&factor);
  const double begins = wait_ * tick.hazard;
  wait_ -= begins;
  StepMasses(grid_.prior(), factor,
             {.size = grid_.size(),
              .begins = begins,
              .drift = std::min(kMostDrift, std::max(0.0, tick.drift))},
             &mass_);
  wait_ *= factor[kLanes - 1];  // behind the grid, where the log ratio is 0: e^-most
  // The masses first: where nothing was learned, the order of a sum decides on which side of 0 log
  // E falls.
  double total = 0.0;
  for (std::size_t j = 0; j < grid_.size(); ++j) total += mass_[j];
  total += wait_;
  total = std::max(total, 1e-290);  // keeps the logarithm finite
  log_e_ += most + std::log(total);
  Divide(total, &mass_);
  wait_ /= total;

  baseline_events_ = keep_ * baseline_events_ + seen.baseline_events;
  baseline_requests_ = keep_ * baseline_requests_ + seen.baseline_requests;
}

}  // namespace auspex::evidence
