#pragma once

#include <span>
#include <vector>

#include "lab/simulator/policies/minutes.h"
#include "lab/simulator/policy.h"

namespace auspex::lab::simulator {

// PipeCD's Automated Deployment Analysis, strategy CANARY_BASELINE: 10 % on the canary and as much
// on a fresh baseline for 30 minutes, then all. Every five minutes the values of the last five
// minutes of each metric (error rate, p99), one a minute, go into a Mann-Whitney test of their own:
// deviation HIGH, alpha .05. More failures of a metric than its failureLimit (0, the code's
// default) fail the stage. No p-value is carried from one
// look to the next.
class PipecdRun final : public Run {
 public:
  // `traffic` outlives it.
  explicit PipecdRun(const Traffic* traffic);
  [[nodiscard]] const Look& Next() const override { return look_; }
  void See(double begin_s, const Tick& tick) override;

 private:
  const Traffic* traffic_;
  Look look_;
  ArmSeries series_;
};

// The part of a series that a look sees: its last six values.
[[nodiscard]] std::span<const double> PipecdRange(const std::vector<double>& series);

// One look at one metric.
[[nodiscard]] bool PipecdFails(std::span<const double> canary, std::span<const double> baseline);

}  // namespace auspex::lab::simulator
