#pragma once

#include "lab/simulator/policies/thresholds.h"
#include "lab/simulator/policy.h"

namespace auspex::lab::simulator {

// Argo Rollouts with a background analysis: 20, 40, 60, 80 % for ten minutes each, then all.
//
// - Two metrics, error rate and p99 of the last minute, each with its own counts, all totals and
//   not in a row: failed > failureLimit ends the run as Failed, more than four errors in a row as
//   Error; both abort the rollout.
// - A measurement without data is an error, and is repeated ten seconds later instead of at the
// next
//   interval.
// - The first measurement comes one interval after the start (initialDelay), when there is a full
// minute.
class ArgoRun final : public Run {
 public:
  struct Options {
    double interval_s = 60.0;
    int failure_limit = 2;
  };
  ArgoRun(const Thresholds& limits, const Options& options);
  [[nodiscard]] const Look& Next() const override { return look_; }
  void See(double begin_s, const Tick& tick) override;

 private:
  void Measure(double now_s);
  void Abort(std::string by);

  Thresholds limits_;
  Options options_;
  Look look_;
  std::vector<ArmCounts> minute_;  // ticks of the last minute
  double next_measurement_s_;
  int failed_errors_ = 0;
  int failed_latency_ = 0;
  int errors_in_a_row_ = 0;
};

}  // namespace auspex::lab::simulator
