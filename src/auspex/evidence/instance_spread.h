#pragma once

#include <cstddef>
#include <vector>

namespace auspex::evidence {

// Requests and errors of one instance of an arm in one tick.
struct InstanceCounts {
  double requests = 0.0;
  double errors = 0.0;
};

// Overdispersion of errors, estimated while a rollout runs from how its instances differ (section
// 4): four or more instances of one version would differ by counting alone if nothing else moved
// them. Blocks of 5 minutes; within a block the variance between instances of the logarithm of
// their rates is Pearson's statistic less what counting gives (the same moment estimator as
// noise.h). A constant bias of an instance counts too, which errs to the wide side. A value.
class InstanceSpread {
 public:
  static constexpr std::size_t kLeastInstances = 4;

  // `tick_s` > 0, at time scale 1.
  explicit InstanceSpread(double tick_s);
  // One tick. An arm that lists none, or another number than in the tick before, begins its block
  // anew.
  void Step(const std::vector<InstanceCounts>& canary, const std::vector<InstanceCounts>& baseline);
  // s2 per tick, of the log ratio of the two arms, one standard error up; 0 until the canary has
  // had four instances for a whole block. A canary that is no worse differs from instance to
  // instance as the baseline does, and one that fails on some of them differs by much more: what it
  // shows counts up to what the baseline's own instances show. Where the baseline lists fewer than
  // four, its instances are taken to be as noisy as the canary's (and, where it lists none, to be
  // as many), and the whole counts up to kAssumedVariance, what arms of which nothing is known are
  // taken to have.
  [[nodiscard]] double s2() const { return s2_; }

 private:
  struct Arm {
    std::vector<InstanceCounts> block;  // summed over the block at hand
    double ticks = 0.0;
    double excess = 0.0, weight = 0.0, freedom = 0.0;  // over all complete blocks
    double concentration = 0.0;                        // sum of squared shares, of the last one
    [[nodiscard]] double Variance() const;             // of one instance's log rate over a block
  };
  void Add(const std::vector<InstanceCounts>& instances, Arm* arm) const;

  double ticks_per_block_;
  double most_unchecked_;  // of s2, without a baseline's instances
  Arm canary_, baseline_;
  double s2_ = 0.0;
};

}  // namespace auspex::evidence
