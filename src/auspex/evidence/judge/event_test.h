#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/evidence/rate_evidence.h"

namespace auspex::evidence {

// What happened in one stretch of time: requests of each arm, and how many of both were events.
struct Stratum {
  std::int64_t canary = 0;
  std::int64_t baseline = 0;
  std::int64_t events = 0;  // 0 <= events <= canary + baseline
};

// Are one kind of events more frequent on the canary than tolerated? For a record that is there as
// a whole, where rate_evidence.h is for one that grows. Given a stratum's events, how many of them
// fell on the canary is hypergeometric if the arms are alike, and Fisher's noncentral
// hypergeometric at the odds ratio psi if they are not; so the base rate may be anything, may
// differ between strata, and an edge that makes events of latencies may be chosen from both arms'
// values together. With psi0 the odds of the tolerated rate ratio, P(k | psi) / P(k | psi0) has
// expectation <= 1 under every odds ratio <= psi0 (it rises in k, and k rises with the odds). The
// product over strata, mixed over a grid of psi and over the stratum in which a fault begins, is E.
//
// A tolerated ratio of *rates* (not 1) has no odds ratio of its own: psi0 is the odds at the
// baseline's rate that the stratum's events let expect, one standard error up (ToleratedOdds). With
// the plain estimate E's mean passes 1 where most requests are events (1.5 a stratum of 60 at a
// rate of .85, 9 at 400); one standard error up it is at most 1 for every rate, alternative and
// size that was enumerated (strata of 60 to 300, rates .001 to .88). At rates below .1 the two
// differ by less than a percent.
//
// What it needs: within a stratum, which arm a request went to has nothing to do with it, and
// requests are independent.
class EventTest {
 public:
  // `tolerated` >= 1: ratio of the canary's rate to the baseline's.
  EventTest(std::vector<Stratum> strata, double tolerated);

  // ln E for so many events on the canary in each stratum. O(strata * 14).
  [[nodiscard]] double LogE(std::span<const std::int64_t> canary_events) const;
  // A draw of one stratum's events on the canary at the tolerated odds: the edge of the null.
  [[nodiscard]] std::int64_t Draw(std::size_t stratum, Random* random) const;
  // Of all strata: events of both arms; 0 tells nothing (E = 1).
  [[nodiscard]] std::int64_t events() const { return events_; }
  [[nodiscard]] const std::vector<Stratum>& strata() const { return strata_; }

 private:
  // Of one stratum: l_j = k log_odds_j - log_norm_j.
  struct Terms {
    std::array<double, RateGrid::kMost> log_norm{};
    double tolerated_odds = 1.0;
  };
  std::vector<Stratum> strata_;
  RateGrid grid_;
  std::array<double, RateGrid::kMost> log_odds_{};  // of the alternatives over the tolerated
  std::vector<Terms> terms_;
  std::int64_t events_ = 0;
};

// psi0: the odds ratio, >= 1, that a ratio `tolerated` >= 1 of the rates means in this stratum; at
// most (tolerated - 1) * 1000, where the canary may fail whatever it likes.
[[nodiscard]] double ToleratedOdds(const Stratum& stratum, double tolerated);

// ln of sum over k of C(canary, k) C(baseline, events - k) odds^k; odds > 0.
[[nodiscard]] double LogNoncentralNorm(const Stratum& stratum, double odds);

// Canary's rate over the baseline's, pooled over strata (Mantel and Haenszel), with the 95 %
// interval of Greenland and Robins (Biometrics 41, 1985); where an arm has no event, half an event
// is added to each.
struct RateRatio {
  double ratio = 1.0;
  double low = 0.0;
  double high = 0.0;
};
[[nodiscard]] RateRatio PooledRateRatio(const std::vector<Stratum>& strata,
                                        std::span<const std::int64_t> canary_events);

}  // namespace auspex::evidence
