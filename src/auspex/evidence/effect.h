#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "auspex/evidence/rate_evidence.h"

namespace auspex::evidence {

// How many times the baseline's rate the canary's is. `low` 0 or `high` infinite: not bounded on
// that side.
struct Effect {
  double ratio = 1.0;  // posterior mean, of the logarithm
  double low = 0.0;
  double high = 0.0;
};

// Effect size of one rate with an interval that holds at all looks together (a confidence
// sequence), for a ratio that stays what it is. Given the k events of a tick, how many fall on the
// canary is binomial in the ratio rho and the requests of each arm: ticks are never pooled, their
// likelihoods l(rho) are multiplied, on a grid of rho. The interval is each rho0 that the e-process
//
//   E(rho0) = sum_j prior_j exp(L(rho_j) - L(rho0))
//
// does not reject, E < 1/alpha: Robbins' mixture inverted over rho0 (Ann. Math. Statist. 41, 1970).
// E has expectation <= 1 under Bernoulli requests with p_c = rho0 p_b, whatever p_b does: for
// Poisson counts exactly 1, and a Bernoulli's moment generating function is below Poisson's.
// Between grid points L, which is concave in ln rho, is bounded from above by the neighbouring
// secants, so the interval errs to the wide side. A value.
class RateEffect {
 public:
  // One tick. Where `s2` is above 0 its likelihood is tempered as that of the evidence is (section
  // 3), with the baseline's rate of earlier ticks; then the promise is empirical as well.
  void Step(const Counts& counts, double s2);
  // nullopt: no events yet. `alpha` in (0, 1).
  [[nodiscard]] std::optional<Effect> Now(double alpha = 0.05) const;

  static constexpr std::size_t kPoints = 25;

 private:
  std::array<double, kPoints> log_likelihood_{};
  double baseline_events_ = 0.0;
  double baseline_requests_ = 0.0;
  bool seen_ = false;
};

// The effects of a rollout's rates, in the order errors, slower than each edge, routes. A value.
class EffectSizes {
 public:
  // Of one tick, with its overdispersion.
  struct Rate {
    Counts counts;
    double s2 = 0.0;
  };
  // Missing ones are not counted: latency in warm-up.
  void Step(const std::vector<std::optional<Rate>>& rates);
  // nullopt: no such rate, or no events yet.
  [[nodiscard]] std::optional<Effect> Of(std::size_t rate) const;

 private:
  std::vector<RateEffect> effects_;
};

}  // namespace auspex::evidence
