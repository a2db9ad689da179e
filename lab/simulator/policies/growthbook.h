#pragma once

#include "lab/simulator/policy.h"

namespace auspex::lab::simulator {

// One arm of a guardrail: users (here requests) and those with the event.
struct GuardrailArm {
  double units = 0.0;
  double events = 0.0;
};
struct Guardrail {
  GuardrailArm control;
  GuardrailArm rollout;
};

// Half-width, in standard errors, of the asymptotic confidence sequence for N units of both arms
// (Waudby-Smith et al., eq. 134, one-sided, alpha .05, tuned for N* = 5,000).
[[nodiscard]] double SequenceWidth(double units);
// Is the guardrail lost? The sequence excludes "no harm", the control has an event, the larger
// total is at least `event_floor` (150 there; 0 to do without) and the change at least .5 %.
inline constexpr double kGrowthbookEventFloor = 150.0;
[[nodiscard]] bool GuardrailLost(const Guardrail& guardrail,
                                 double event_floor = kGrowthbookEventFloor);

// GrowthBook's Safe Rollout with its default ramp in an hour: coverage 10, 25, 50, 75 % for three
// minutes each, then 100 % until the hour is over; half of what is covered is the canary, the other
// half the control. Guardrails: errors, and requests slower than the service's p99. Any lost one
// rolls back, but only when the hold of the step ends; inconclusive at the end ships.
class GrowthbookRun final : public Run {
 public:
  explicit GrowthbookRun(const Deployment& deployment);
  [[nodiscard]] const Look& Next() const override { return look_; }
  void See(double begin_s, const Tick& tick) override;

 private:
  Look look_;
  Guardrail errors_;
  Guardrail slow_;
  std::size_t step_ = 0;
};

}  // namespace auspex::lab::simulator
