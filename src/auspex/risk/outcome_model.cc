#include "auspex/risk/outcome_model.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace auspex::risk {
namespace {

constexpr int kMostSteps = 50;
constexpr double kConverged = 1e-12;
constexpr double kLeastScale = 1e-9;
constexpr double kNormal80 = 1.2815515655446004;  // upper 10 % point

double Sigmoid(double x) {
  return x >= 0.0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x));
}

double Known(double value) { return std::isnan(value) ? 0.0 : value; }

// The lower factor of a symmetric positive definite matrix, in place.
void Factor(std::vector<double>* a, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k)
      for (std::size_t i = j; i < n; ++i) (*a)[i * n + j] -= (*a)[i * n + k] * (*a)[j * n + k];
    const double root = std::sqrt((*a)[j * n + j]);
    for (std::size_t i = j; i < n; ++i) (*a)[i * n + j] /= root;
  }
}

std::vector<double> Solve(const std::vector<double>& factor, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= factor[i * n + k] * b[k];
    b[i] /= factor[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= factor[k * n + i] * b[k];
    b[i] /= factor[i * n + i];
  }
  return b;
}

std::vector<double> Inverse(const std::vector<double>& factor, std::size_t n) {
  std::vector<double> inverse(n * n);
  for (std::size_t j = 0; j < n; ++j) {
    std::vector<double> unit(n, 0.0);
    unit[j] = 1.0;
    const std::vector<double> column = Solve(factor, std::move(unit));
    for (std::size_t i = 0; i < n; ++i) inverse[i * n + j] = column[i];
  }
  return inverse;
}

double LossOf(double eta, bool failed) {
  const double against = failed ? -eta : eta;
  return against > 30.0 ? against : std::log1p(std::exp(against));
}

constexpr double Square(double x) { return x * x; }

// By how much an average over m ~ N(mean, variance) of sigma(m) falls short of sigma(mean), MacKay.
double Shrink(double variance) { return std::sqrt(1.0 + std::numbers::pi * variance / 8.0); }

double Stretched(double base_log_odds) {
  return base_log_odds * Shrink(Square(OutcomeModel::kSharedSd) + Square(OutcomeModel::kServiceSd));
}

// What the fit moves: the shared parameters (w, then a), and one effect a service.
struct Point {
  std::vector<double> shared;
  std::vector<double> service;
};

// Of the negative log posterior at a point. Services meet only through the shared parameters, so
// their block of the second derivatives is diagonal.
struct Slope {
  std::vector<double> shared;       // first derivatives
  std::vector<double> service;      // likewise
  std::vector<double> curvature;    // n x n, lower half
  std::vector<double> information;  // second derivative, a service
  std::vector<double> coupling;     // services x n
};

class Posterior {
 public:
  Posterior(const std::vector<Belief>& beliefs, std::span<const Outcome> outcomes,
            std::vector<std::size_t> service_of, std::size_t services)
      : beliefs_(beliefs),
        outcomes_(outcomes),
        service_of_(std::move(service_of)),
        services_(services),
        n_(beliefs.size() + 1) {}

  [[nodiscard]] Point Start() const {
    Point start{std::vector<double>(n_, 0.0), std::vector<double>(services_, 0.0)};
    for (std::size_t j = 0; j + 1 < n_; ++j) start.shared[j] = beliefs_[j].mean;
    return start;
  }

  [[nodiscard]] double Loss(const Point& at) const {
    double sum = 0.0;
    for (std::size_t j = 0; j < n_; ++j) sum += Square((at.shared[j] - MeanOf(j)) / SdOf(j)) / 2.0;
    for (const double one : at.service) sum += Square(one / OutcomeModel::kServiceSd) / 2.0;
    for (std::size_t i = 0; i < outcomes_.size(); ++i)
      sum += LossOf(Eta(i, at), outcomes_[i].failed);
    return sum;
  }

  [[nodiscard]] Slope SlopeAt(const Point& at) const {
    Slope slope{std::vector<double>(n_), std::vector<double>(services_),
                std::vector<double>(n_ * n_, 0.0),
                std::vector<double>(services_, 1.0 / Square(OutcomeModel::kServiceSd)),
                std::vector<double>(services_ * n_, 0.0)};
    for (std::size_t j = 0; j < n_; ++j) {
      slope.shared[j] = (at.shared[j] - MeanOf(j)) / Square(SdOf(j));
      slope.curvature[j * n_ + j] = 1.0 / Square(SdOf(j));
    }
    for (std::size_t s = 0; s < services_; ++s)
      slope.service[s] = at.service[s] / Square(OutcomeModel::kServiceSd);
    for (std::size_t i = 0; i < outcomes_.size(); ++i) Add(i, at, &slope);
    return slope;
  }

  // The Newton step, and in `covariance` that of the shared parameters.
  [[nodiscard]] Point Step(Slope slope, std::vector<double>* covariance) const {
    for (std::size_t s = 0; s < services_; ++s) {
      const double* coupling = &slope.coupling[s * n_];
      for (std::size_t j = 0; j < n_; ++j) {
        const double share = coupling[j] / slope.information[s];
        slope.shared[j] -= share * slope.service[s];
        for (std::size_t k = 0; k <= j; ++k) slope.curvature[j * n_ + k] -= share * coupling[k];
      }
    }
    Factor(&slope.curvature, n_);
    *covariance = Inverse(slope.curvature, n_);
    Point step{Solve(slope.curvature, slope.shared), slope.service};
    for (std::size_t s = 0; s < services_; ++s) {
      for (std::size_t j = 0; j < n_; ++j)
        step.service[s] -= slope.coupling[s * n_ + j] * step.shared[j];
      step.service[s] /= slope.information[s];
    }
    return step;
  }

 private:
  [[nodiscard]] double MeanOf(std::size_t j) const { return j + 1 < n_ ? beliefs_[j].mean : 0.0; }
  [[nodiscard]] double SdOf(std::size_t j) const {
    return j + 1 < n_ ? beliefs_[j].sd : OutcomeModel::kSharedSd;
  }
  [[nodiscard]] double ValueOf(std::size_t i, std::size_t j) const {
    return j + 1 < n_ ? Known(outcomes_[i].scaled[j]) : 1.0;
  }
  [[nodiscard]] double Eta(std::size_t i, const Point& at) const {
    double eta = Stretched(outcomes_[i].base_log_odds) + at.service[service_of_[i]];
    for (std::size_t j = 0; j < n_; ++j) eta += at.shared[j] * ValueOf(i, j);
    return eta;
  }
  void Add(std::size_t i, const Point& at, Slope* slope) const {
    const std::size_t s = service_of_[i];
    const double p = Sigmoid(Eta(i, at));
    const double error = p - (outcomes_[i].failed ? 1.0 : 0.0);
    const double curve = p * (1.0 - p);
    slope->service[s] += error;
    slope->information[s] += curve;
    for (std::size_t j = 0; j < n_; ++j) {
      const double value = ValueOf(i, j);
      slope->shared[j] += error * value;
      slope->coupling[s * n_ + j] += curve * value;
      for (std::size_t k = 0; k <= j; ++k)
        slope->curvature[j * n_ + k] += curve * value * ValueOf(i, k);
    }
  }

  const std::vector<Belief>& beliefs_;
  std::span<const Outcome> outcomes_;
  std::vector<std::size_t> service_of_;
  std::size_t services_;
  std::size_t n_;
};

Point Moved(const Point& from, const Point& step, double scale) {
  Point to = from;
  for (std::size_t j = 0; j < to.shared.size(); ++j) to.shared[j] -= scale * step.shared[j];
  for (std::size_t s = 0; s < to.service.size(); ++s) to.service[s] -= scale * step.service[s];
  return to;
}

// The mode. The loss is convex, and a step is halved until it falls, so this ends; near the mode
// whole steps square the distance.
Point Mode(const Posterior& posterior) {
  Point at = posterior.Start();
  double loss = posterior.Loss(at);
  std::vector<double> unused;
  for (int round = 0; round < kMostSteps; ++round) {
    const Point step = posterior.Step(posterior.SlopeAt(at), &unused);
    double scale = 1.0;
    Point next = Moved(at, step, scale);
    double next_loss = posterior.Loss(next);
    while (!(next_loss <= loss) && scale > kLeastScale) {
      scale /= 2.0;
      next = Moved(at, step, scale);
      next_loss = posterior.Loss(next);
    }
    if (!(next_loss <= loss)) return at;
    at = std::move(next);
    if (loss - next_loss < kConverged * (1.0 + std::abs(loss))) return at;
    loss = next_loss;
  }
  return at;
}

Status CheckInput(const std::vector<Belief>& beliefs, std::span<const Outcome> outcomes) {
  for (const Belief& belief : beliefs) {
    if (!(belief.sd > 0.0) || !std::isfinite(belief.sd) || !std::isfinite(belief.mean))
      return Fail(ErrorCode::kInvalidArgument, "a belief of mean {} and sd {}: sd is above 0",
                  belief.mean, belief.sd);
  }
  if (outcomes.size() > OutcomeModel::kMostOutcomes)
    return Fail(ErrorCode::kInvalidArgument, "{} outcomes, at most {}: leave out the oldest",
                outcomes.size(), OutcomeModel::kMostOutcomes);
  for (const Outcome& outcome : outcomes) {
    const bool infinite = std::any_of(outcome.scaled.begin(), outcome.scaled.end(),
                                      [](double value) { return std::isinf(value); });
    if (outcome.scaled.size() != beliefs.size() || !std::isfinite(outcome.base_log_odds) ||
        infinite)
      return Fail(ErrorCode::kInvalidArgument,
                  "an outcome of {} has {} values, where {} finite ones are wanted, and a finite "
                  "base",
                  outcome.service, outcome.scaled.size(), beliefs.size());
  }
  return {};
}

}  // namespace

Result<OutcomeModel> OutcomeModel::Fit(const std::vector<Belief>& beliefs,
                                       std::span<const Outcome> outcomes) {
  AUSPEX_TRY(CheckInput(beliefs, outcomes));
  std::map<std::string, std::size_t, std::less<>> places;
  std::vector<std::size_t> service_of;
  service_of.reserve(outcomes.size());
  for (const Outcome& outcome : outcomes)
    service_of.push_back(places.try_emplace(outcome.service, places.size()).first->second);
  const Posterior posterior(beliefs, outcomes, service_of, places.size());
  const Point mode = Mode(posterior);

  OutcomeModel model;
  const Slope slope = posterior.SlopeAt(mode);
  static_cast<void>(posterior.Step(slope, &model.covariance_));
  const std::size_t n = beliefs.size() + 1;
  for (const auto& [name, place] : places) {
    const double* coupling = &slope.coupling[place * n];
    model.services_[name] = {.effect = mode.service[place],
                             .information = slope.information[place],
                             .coupling = {coupling, coupling + n},
                             .outcomes = 0};
  }
  for (const Outcome& outcome : outcomes) ++model.services_.find(outcome.service)->second.outcomes;
  model.coefficients_.assign(mode.shared.begin(), mode.shared.end() - 1);
  model.shared_ = mode.shared.back();
  model.outcomes_ = outcomes.size();
  return model;
}

OutcomeModel::Answer OutcomeModel::Predict(std::string_view service, double base_log_odds,
                                           std::span<const double> scaled) const {
  const auto found = services_.find(service);
  const Service* own = found == services_.end() ? nullptr : &found->second;
  Answer answer;
  answer.outcomes_all = outcomes_;
  answer.outcomes_own = own == nullptr ? 0 : own->outcomes;
  answer.shared = shared_ + (own == nullptr ? 0.0 : own->effect);
  double mean = Stretched(base_log_odds) + answer.shared;
  std::vector<double> row;  // less what the service's effect shares with the parameters
  for (std::size_t j = 0; j < width(); ++j) {
    const double value = Known(scaled[j]);
    answer.contributions.push_back(coefficients_[j] * value);
    mean += answer.contributions.back();
    row.push_back(value);
  }
  row.push_back(1.0);
  double variance = Square(kServiceSd);
  if (own != nullptr) {
    variance = 1.0 / own->information;
    for (std::size_t j = 0; j < row.size(); ++j) row[j] -= own->coupling[j] / own->information;
  }
  for (std::size_t j = 0; j < row.size(); ++j)
    for (std::size_t k = 0; k < row.size(); ++k)
      variance += row[j] * covariance_[j * row.size() + k] * row[k];
  const double reach = kNormal80 * std::sqrt(variance);
  answer.p = Sigmoid(mean / Shrink(variance));
  // Where nearly nothing is known the average lies outside of the middle 80 %.
  answer.low = std::min(answer.p, Sigmoid(mean - reach));
  answer.high = std::max(answer.p, Sigmoid(mean + reach));
  return answer;
}

}  // namespace auspex::risk
