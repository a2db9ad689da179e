#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "auspex/evidence/judge/judgement.h"

// What the judges of requests and of series share: many e-values, one answer.
namespace auspex::evidence {

// What of alpha a look may spend: all of it where there is one, else alpha / (N (N + 1)), whose sum
// over all N is alpha. Edges and strata are taken anew from what a record has by then, so the E of
// one look is no factor of the next one's, and only such a sum bounds them together.
[[nodiscard]] double LevelOf(double alpha, std::int64_t look);

struct JudgeOptions {
  double alpha = 0.01;  // bound on calling a good canary bad
  // Rate ratio of errors that is tolerated, and ratio of latencies (or other values).
  double tolerated_rate_ratio = 1.10;
  double tolerated_value_ratio = 1.05;
  // 0: the record is judged once. N > 0: it grows, and this is the Nth time that it is judged.
  std::int64_t look = 0;
  std::uint64_t seed = 1;  // of the draws behind p
  [[nodiscard]] double level() const { return LevelOf(alpha, look); }
};

// One metric on its way: what it shows, and its prior weight.
struct Weighed {
  MetricJudgement metric;  // verdict not yet set
  double weight = 0.0;     // normalised over the metrics; not all are 0
  double log_e = 0.0;
};

// ln of the mean of the E_m by weight: an e-value whatever the metrics' dependence. 0 for none.
[[nodiscard]] double LogMeanE(const std::vector<Weighed>& metrics);

// P(canary faulty) by ln E and, where it was worked out, p: logistic in the stronger of ln E and
// -ln p. p knows how much the record could have shown, where an E near 1 can mean "alike" or
// "little data"; below its finest step only E goes on. Fitted on half of the delag recordings:
// their canaries with 5, 10 and 20 % of requests delayed, against as many good ones, half of these
// alike and half at the edge of tolerance, where p is uniform (bench/judge_figures.py --fit;
// docs/judge.md has the other half). It holds where half of the canaries judged are faulty: for
// others multiply the odds.
[[nodiscard]] double CalibratedPFail(double log_e, std::optional<double> p_value);

// How rarely draws from the edge of the null reach what was seen: p = (1 + hits) / (1 + draws).
// Stops early where p is surely above alpha. `draw` gives ln E of one draw.
[[nodiscard]] double PValueByDraws(double seen, double alpha, std::int64_t most_draws,
                                   const std::function<double()>& draw);

// Draws that a record may cost where each looks at `cost` values: as many as take some seconds, 999
// at most, and at least the 199 that show a p of half a per cent. These are what a record of more
// than 1.5 million requests costs, in proportion to its length (docs/judge.md has the times).
[[nodiscard]] std::int64_t DrawsFor(double cost);

// Events on the canary that prove it at `level` if none is on the baseline: the fewest that by lot
// all fall on its `canary` of `all` requests no more often than that. Expected must be so many more
// that they come in 9 of 10 records, where the fault hits a share `hit` of the canary's requests.
// Infinite where the canary has too few for any.
[[nodiscard]] double EventsToExpect(double canary, double all, double level, double hit);

// Both arms of one rate in the whole record.
struct ArmTotals {
  double canary = 0.0, baseline = 0.0;  // requests
  double canary_events = 0.0, baseline_events = 0.0;
};
// Requests of both arms, more than there are, until twice the baseline's rate would be proven.
// nullopt: never.
[[nodiscard]] std::optional<double> RequestsStillNeeded(const ArmTotals& totals, double log_e,
                                                        double level);

// Sets the verdicts: fail where the whole is proven, at E >= 1/level or p <= level (and E > 1), or
// one metric is; pass where it is not, the canary is more likely good than not, and `enough` data
// could have shown a fault; else inconclusive. `missing` says what is, where not enough.
[[nodiscard]] Judgement Conclude(std::vector<Weighed> metrics, std::optional<double> p_value,
                                 const JudgeOptions& options, bool enough,
                                 const std::string& missing);

// "3.2 %", two or more digits.
[[nodiscard]] std::string Percent(double share);
// "E = 120", "E = 4.1e+06".
[[nodiscard]] std::string EText(double log_e);

}  // namespace auspex::evidence
