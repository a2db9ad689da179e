#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "auspex/evidence/lanes.h"

namespace auspex::evidence {

// Tolerated ratio of the canary's rate to the baseline's: rho0 of section 1.
inline constexpr double kToleratedRatio = 1.10;

// Events k of n requests on each side in one tick; 0 <= k <= n, finite.
struct Counts {
  double canary_events = 0;
  double canary_requests = 0;
  double baseline_events = 0;
  double baseline_requests = 0;
  bool whole = true;  // each arm said all of its events: else an empty arm is no arm
  friend bool operator==(const Counts&, const Counts&) = default;
};

// The alternatives psi_j (odds ratios) and their prior weights pi_j: 12 points from 1.27 to 120
// evenly spaced in the root of the Poisson divergence, with minimax weights; two more where the
// baseline is so rare that an error rate of .6 lies beyond them (section 2). Each metric of each
// rollout keeps one, so it holds those two alone: all else is the same for every baseline.
class RateGrid {
 public:
  static constexpr std::size_t kUsual = 12;
  static constexpr std::size_t kMost = 14;
  explicit RateGrid(double p_hist);  // in [1e-7, .6]
  [[nodiscard]] std::size_t size() const { return rare_odds_[0] > 0.0 ? kMost : kUsual; }
  // Behind size(): odds 1, which is no alternative, and prior 0.
  [[nodiscard]] Lanes odds() const;
  [[nodiscard]] const Lanes& prior() const;

 private:
  std::array<double, kMost - kUsual> rare_odds_{};  // 0: none
};

// Log of the one-tick e-value against canary <= tolerated * baseline: the alternative puts the
// canary at the odds psi p/(1-p) and the baseline at p, divided by its reverse information
// projection on the null. Its exponential has expectation <= 1 for every pair of Bernoulli rates in
// the null and every p in (0, .9] fixed before the tick. 0 where an arm is empty.
[[nodiscard]] double LogRatioProjected(double psi, const Counts& counts, double p,
                                       double tolerated = kToleratedRatio);
// The same where each request's arm was drawn with the chance `canary_share` in (0, 1), fixed
// before the tick: the projection is taken at the planned share, so that an empty arm tells
// something too, and it may stop after any request (section 12.1). The expectation is <= 1 per
// request only if the share is what the router really gives.
[[nodiscard]] double LogRatioPlanned(double psi, const Counts& counts, double p,
                                     double canary_share, double tolerated = kToleratedRatio);
// Its limit for p -> 0, the binomial likelihood ratio given the total of events. Used in tests and
// where p is unknown.
[[nodiscard]] double LogRatioConditional(double psi, const Counts& counts,
                                         double tolerated = kToleratedRatio);

// The e-process of one metric with faults that may begin at any time (section 3). A value: copies
// are independent.
class RateEvidence {
 public:
  enum class Likelihood : std::uint8_t { kProjected, kConditional };
  struct Options {
    double p_hist = 1e-3;           // the baseline's rate in history; clamped to [1e-7, .6]
    double overdispersion = 0.0;    // s2 of section 4, per tick
    double begun = 0.6;             // prior share of "faulty from the start"
    double half_life_ticks = 60.0;  // of the baseline's rate
    Likelihood likelihood = Likelihood::kProjected;
  };
  struct Tick {
    double tolerated = kToleratedRatio;
    double hazard = 0.0;          // chance that a fault begins in this tick, h
    double drift = 0.0;           // share of mass that moves to the next larger one; .5 at most
    double history_events = 0.0;  // pseudo-counts a: a events of a/p requests join the baseline
    // The canary's planned share in (0, 1), and the requests of both arms that were to be expected;
    // 0: what came counts.
    double planned_share = 0.0;
    double planned_requests = 0.0;
  };

  explicit RateEvidence(const Options& options);

  void Step(const Counts& counts, const Tick& tick);
  // As at the start, but what is known of the baseline's rate stays.
  void Restart();
  // The baseline's rate is what these counts say, and the little that history adds.
  void Relearn(double events, double requests);

  // From the next tick on: s2 as it has come to be known.
  void SetOverdispersion(double s2) { overdispersion_ = s2; }
  [[nodiscard]] double overdispersion() const { return overdispersion_; }

  // The baseline's rate from earlier ticks and history, in (0, .9].
  [[nodiscard]] double BaselineRate() const;
  [[nodiscard]] double log_e() const { return log_e_; }
  // The share of E that says "already faulty": 1 - wait.
  [[nodiscard]] double Active() const { return 1.0 - wait_; }
  [[nodiscard]] double wait() const { return wait_; }
  [[nodiscard]] const RateGrid& grid() const { return grid_; }
  [[nodiscard]] double mass(std::size_t j) const { return mass_[j]; }
  // The canary's rate under each alternative at the baseline's rate.
  void AlternativeRates(Lanes* rates) const { Alternatives(grid_.odds(), BaselineRate(), rates); }

 private:
  [[nodiscard]] Lanes LogRatiosOf(const Counts& counts, const Tick& tick) const;
  [[nodiscard]] static double Harmonic(const Counts& counts, const Tick& tick);

  // The widest first: a rollout keeps two dozen of these, and what pads them counts.
  Lanes mass_;  // m_j; with wait_ they sum to 1
  double wait_ = 0.0;
  double log_e_ = 0.0;
  double baseline_events_ = 0.0;    // eK
  double baseline_requests_ = 0.0;  // eN
  double keep_;                     // of both, from tick to tick
  double p_hist_;
  double overdispersion_;
  double begun_;
  RateGrid grid_;
  Likelihood likelihood_;
};

}  // namespace auspex::evidence
