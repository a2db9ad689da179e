#pragma once

#include "lab/simulator/policies/minutes.h"
#include "lab/simulator/policy.h"

namespace auspex::lab::simulator {

// Kayenta as Spinnaker runs it: 10 % on the canary and as much on a fresh baseline for an hour,
// then all. Every ten minutes its judge (evidence/judge/kayenta.h) looks at all minutes so far of
// three metrics, error rate, p50 and p99, direction increase; thresholds 95 and 75, as its guide
// has them: a score of the marginal one or less fails at once, the last one must reach the pass.
class KayentaRun final : public Run {
 public:
  // `traffic` outlives it.
  explicit KayentaRun(const Traffic* traffic);
  [[nodiscard]] const Look& Next() const override { return look_; }
  void See(double begin_s, const Tick& tick) override;

 private:
  const Traffic* traffic_;
  Look look_;
  ArmSeries series_;
};

}  // namespace auspex::lab::simulator
