#pragma once

#include "lab/simulator/policy.h"

namespace auspex::lab::simulator {

// What no controller can beat by much: a sequential test that knows the fault, when it begins, and
// both arms' rates at every moment; only not whether this deployment has it. It rolls back when the
// likelihood ratio reaches 1/alpha, alpha .01, and paces by docs/statistics.md, section 7,
// balanced, with the true excess in place of the expected one and no bound on its growth.
class LimitRun final : public Run {
 public:
  // `deployment` outlives it.
  LimitRun(const Deployment& deployment, double tick_s);
  [[nodiscard]] const Look& Next() const override { return look_; }
  void See(double begin_s, const Tick& tick) override;

 private:
  [[nodiscard]] double LogRatio(double begin_s, const ArmCounts& canary) const;
  // The weight for the tick that begins at `begin_s`.
  [[nodiscard]] double Weight(double begin_s) const;

  const Deployment* deployment_;
  Look look_;
  double log_ratio_ = 0.0;
};

}  // namespace auspex::lab::simulator
