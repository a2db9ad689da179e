#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"

namespace auspex::risk {

// What is believed of a coefficient before any outcome was seen: normal, in log-odds per unit of
// the scaled feature.
struct Belief {
  double mean = 0.0;
  double sd = 1.0;  // > 0
};

// A deployment whose outcome is known.
struct Outcome {
  std::string service;
  double base_log_odds = 0.0;  // of the service's configured prior risk
  std::vector<double> scaled;  // one value a coefficient, 0: as usual; NaN: not known, counts as 0
  bool failed = false;
};

// P(a deployment fails) as a logistic regression that starts from beliefs and moves with outcomes:
//
//   logit p = stretch * base + a + u_service + sum_j w_j x_j,
//   w_j ~ N(belief_j), a ~ N(0, kSharedSd^2), u_service ~ N(0, kServiceSd^2).
//
// With no outcome it answers by the beliefs; with outcomes of other services alone a new service
// borrows `a` and `w` from them; with outcomes of its own, u_service takes over. The posterior is
// approximated at its mode (Laplace), and p averages over it by MacKay's approximation
// (sigma(m / sqrt(1 + pi v / 8)), "The evidence framework applied to classification networks",
// Neural Computation 4, 1992). The stretch makes that average, where nothing is known, the base
// itself. Equal inputs give equal bits. A value; reads are thread-safe.
class OutcomeModel {
 public:
  static constexpr double kSharedSd = 0.5;
  static constexpr double kServiceSd = 0.7;
  static constexpr std::size_t kMostOutcomes = 1'000'000;

  // Errors: kInvalidArgument (an outcome of another width, a belief without a positive sd, more
  // than kMostOutcomes). Cost: outcomes x coefficients^2, some tens of times.
  static Result<OutcomeModel> Fit(const std::vector<Belief>& beliefs,
                                  std::span<const Outcome> outcomes);

  struct Answer {
    double p = 0.0;
    double low = 0.0;  // 80 % interval of what is known of p
    double high = 0.0;
    double shared = 0.0;                // a and u_service, in log-odds
    std::vector<double> contributions;  // w_j x_j, in log-odds
    std::size_t outcomes_own = 0;       // of this service, that the model has seen
    std::size_t outcomes_all = 0;
  };
  // Precondition: `scaled` has a value a coefficient.
  [[nodiscard]] Answer Predict(std::string_view service, double base_log_odds,
                               std::span<const double> scaled) const;

  [[nodiscard]] std::size_t width() const { return coefficients_.size(); }
  // The mode of w, in the order of the beliefs.
  [[nodiscard]] const std::vector<double>& coefficients() const { return coefficients_; }

 private:
  struct Service {
    double effect = 0.0;           // u
    double information = 0.0;      // second derivative of the loss by u
    std::vector<double> coupling;  // of u with w and a, likewise
    std::size_t outcomes = 0;
  };
  OutcomeModel() = default;

  std::vector<double> coefficients_;
  double shared_ = 0.0;             // a
  std::vector<double> covariance_;  // of (w, a), row-major
  std::map<std::string, Service, std::less<>> services_;
  std::size_t outcomes_ = 0;
};

}  // namespace auspex::risk
