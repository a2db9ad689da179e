#pragma once

#include <string>
#include <vector>

#include "auspex/evidence/judge/judgement.h"
#include "auspex/evidence/judge/weighing.h"

namespace auspex::evidence {

struct JudgedPoint {
  double at_s = 0.0;
  double value = 0.0;   // NaN: missing
  double count = -1.0;  // requests behind it; below 0: not known
};

struct JudgedMetric {
  enum class Kind {
    kShare,  // value: the share of count that failed
    kValue,  // a mean, a gauge, a rate without its count
  };
  // Which way is bad.
  enum class Direction { kIncrease, kDecrease, kEither };
  std::string name;
  Kind kind = Kind::kValue;
  Direction direction = Direction::kIncrease;
  std::vector<JudgedPoint> canary;  // sorted by time
  std::vector<JudgedPoint> baseline;
};

// What a file does not say: kShare where all rows have counts, all values lie in [0, 1] and the
// name speaks of errors or every value times its count is a whole number; else kValue.
[[nodiscard]] JudgedMetric::Kind GuessKind(const JudgedMetric& metric);
// kDecrease where the name says that more is better (success, throughput, orders, …).
[[nodiscard]] JudgedMetric::Direction GuessDirection(const std::string& name);

// Canary against baseline from one value per interval. `metrics` is not empty.
//
// A share with counts is judged as requests are (event_test.h), an interval a stratum. Where only
// values exist their sizes are of no known law, so ranks decide: how many of the highest values of
// both arms are the canary's, at five edges, after its values were brought nearer by the tolerated
// ratio; and the Wilcoxon rank sum, whose p is turned into an e-value by the calibrator
// (1 - p + p ln p) / (p ln² p) (Vovk and Wang, Annals of Statistics 49, 2021), a fifth of the
// whole. Values that follow each other alike (lag-1 autocorrelation of the arms' difference, from
// 20 intervals on) hold less than their number: ln E is divided by (1 + r)/(1 - r), and no p is
// given. The metrics' p are joined by Bonferroni, in proportion to their weights. Pure.
[[nodiscard]] Judgement JudgeSeries(const std::vector<JudgedMetric>& metrics,
                                    const JudgeOptions& options);

// Of a p in (0, 1]; at most 1e300.
[[nodiscard]] double LogCalibrated(double p);

}  // namespace auspex::evidence
