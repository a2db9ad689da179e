#pragma once

#include <optional>
#include <vector>

#include "auspex/evidence/gauge_evidence.h"
#include "auspex/evidence/rate_evidence.h"

// How far two arms differ when nothing is wrong: what section 4 wants to know of a service's past
// good rollouts. Recorders take ticks; what they found is sums, so that the records of several
// rollouts are merged by adding, and few numbers are stored.
namespace auspex::evidence {

// ---- rates: overdispersion

// Of blocks of one rate's log ratio canary/baseline, about each record's own mean: a ratio that
// stays off 1 is a bias, which needs tolerance and not this.
struct SpreadSums {
  double blocks = 0.0;        // with enough events on both arms
  double freedom = 0.0;       // blocks, less one a record
  double excess_s = 0.0;      // squares beyond what counting alone gives, times the block's seconds
  double counting_s = 0.0;    // what counting alone gives, likewise
  double weight = 0.0;        // what a variance of 1 would add to them
  double neighbours_s = 0.0;  // the same of products of one block and the next
  double neighbour_weight = 0.0;
  friend bool operator==(const SpreadSums&, const SpreadSums&) = default;
};
void Merge(const SpreadSums& other, SpreadSums* sum);

// Long-run variance of the log ratio, in seconds: s2 of a tick of D seconds is this / D. >= 0; 0
// where nothing is known. The generalised moment estimator of a variance between studies
// (DerSimonian and Kacker, Contemporary Clinical Trials 28, 2007), plus twice the covariance of
// neighbouring blocks where it is above 0: a block of 5 minutes alone misses a third of the noise
// of an AR(1) with coefficient .9 at ticks of 10 s.
[[nodiscard]] double LongRunVariance(const SpreadSums& sums);
// What is assumed of arms of which nothing is known: that they wander by 5 %, with a memory of
// about 100 s, as section 9.8's AR(1) of .9 at ticks of 10 s: sd² (1 + .9)/(1 - .9) a tick. 5 % is
// what the scenario set lets a good release drift (section 11), and what the latency edges
// tolerate. Seconds, as LongRunVariance.
inline constexpr double kAssumedDeviation = 0.05;
inline constexpr double kAssumedVariance = kAssumedDeviation * kAssumedDeviation * 19.0 * 10.0;
// The standard error of a variance with so many degrees of freedom, as a share of it: sqrt(2 / n).
// > 0.
[[nodiscard]] double RelativeError(double freedom);
// How much of it there may be where only counting is seen: the standard error that counting leaves,
// seconds. 0 where nothing is known.
[[nodiscard]] double CountingError(const SpreadSums& sums);

// Blocks of ticks. Within a block ticks are never pooled: the ratio is Mantel and Haenszel's, its
// counting variance that of Greenland and Robins (Biometrics 41, 1985). A value.
class SpreadRecorder {
 public:
  // `block_s` > 0: longer than the noise's memory; 300 s at time scale 1.
  explicit SpreadRecorder(double block_s) : block_s_(block_s) {}
  void Add(const Counts& tick, double seconds);
  // Of the blocks that are complete.
  [[nodiscard]] SpreadSums Sums() const;

 private:
  struct Block {
    double log_ratio = 0.0;
    double variance = 0.0;  // by counting
  };
  void Close();

  double block_s_;
  std::vector<std::optional<Block>> blocks_;  // nullopt: too few events
  double seconds_ = 0.0;                      // of the block at hand, as all below
  double canary_ = 0.0, baseline_ = 0.0;      // sums k_c n_b / N and k_b n_c / N
  double spread_ = 0.0;                       // of Greenland and Robins
  double canary_events_ = 0.0, baseline_events_ = 0.0;
};

// ---- gauges: AR(1)

// Of pairs (a value, the next one), each about its record's own mean.
struct PairSums {
  double pairs = 0.0;
  double records = 0.0;
  double xx = 0.0, xy = 0.0, yy = 0.0;
  friend bool operator==(const PairSums&, const PairSums&) = default;
};
void Merge(const PairSums& other, PairSums* sum);

// A tick without a value drops its pair. A value.
class PairRecorder {
 public:
  void Add(std::optional<double> y);
  [[nodiscard]] double pairs() const { return pairs_; }
  [[nodiscard]] PairSums Sums() const;

 private:
  std::optional<double> previous_;
  double pairs_ = 0.0;
  double mean_x_ = 0.0, mean_y_ = 0.0;
  double xx_ = 0.0, xy_ = 0.0, yy_ = 0.0;
};

inline constexpr double kLeastPairs = 30.0;  // of section 1: fewer say nothing of phi

// Least squares, phi raised by its bias (1 + 3 phi)/n (Marriott and Pope, Biometrika 41, 1954) and
// by one standard error (section 12.1), within [0, .97]; sigma is that of the phi which is used, at
// least what leaves the gauge a standard deviation of 1 %: one that never moved before may move a
// little. nullopt below kLeastPairs. LevelEvidence and whoever makes a SlopeEvidence take sigma 1.1
// times as large on top.
[[nodiscard]] std::optional<GaugeNoise> FitNoise(const PairSums& sums);
// The same noise seen at ticks of another length, both > 0.
[[nodiscard]] GaugeNoise AtTick(const GaugeNoise& noise, double from_s, double to_s);

}  // namespace auspex::evidence
