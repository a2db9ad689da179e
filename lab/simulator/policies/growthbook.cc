#include "lab/simulator/policies/growthbook.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace auspex::lab::simulator {
namespace {

constexpr double kAlpha = 0.05, kTunedFor = 5000.0, kLeastChange = 0.005;
constexpr double kMinute = 60.0;
struct Step {
  double coverage;
  double until_s;
};
constexpr std::array<Step, 5> kSteps = {
    {{.10, 180.0}, {.25, 360.0}, {.50, 540.0}, {.75, 720.0}, {1.0, 3600.0}}};

Split SplitOf(double coverage) { return {.canary = coverage / 2.0, .baseline = coverage / 2.0}; }

void Add(const ArmCounts& counts, std::int64_t events, GuardrailArm* arm) {
  arm->units += static_cast<double>(counts.requests);
  arm->events += static_cast<double>(events);
}

}  // namespace

double SequenceWidth(double units) {
  // rho minimises the width at N* (their eq. 161), with 2 alpha since it is one-sided.
  const double log_alpha = -2.0 * std::log(2.0 * kAlpha);
  const double rho2 = (log_alpha + std::log(log_alpha + 1.0)) / kTunedFor;
  const double v = units * rho2;
  return std::sqrt(units) *
         std::sqrt(2.0 * (v + 1.0) / (units * v) * std::log1p(std::sqrt(v + 1.0) / (2.0 * kAlpha)));
}

bool GuardrailLost(const Guardrail& guardrail, double event_floor) {
  const GuardrailArm& control = guardrail.control;
  const GuardrailArm& rollout = guardrail.rollout;
  if (control.events <= 0.0 || rollout.events <= 0.0) return false;
  if (std::max(control.events, rollout.events) < event_floor) return false;
  const double pc = control.events / control.units;
  const double pr = rollout.events / rollout.units;
  if (pr - pc < kLeastChange * pc) return false;
  const double error = std::sqrt(pc * (1.0 - pc) / control.units + pr * (1.0 - pr) / rollout.units);
  return pr - pc > error * SequenceWidth(control.units + rollout.units);
}

GrowthbookRun::GrowthbookRun(const Deployment& deployment) {
  look_.seconds = kMinute;
  look_.split = SplitOf(kSteps.front().coverage);
  look_.edges = {.canary = {deployment.history.latency_ms[2]},
                 .baseline = {deployment.history.latency_ms[2]}};
}

void GrowthbookRun::See(double begin_s, const Tick& tick) {
  Add(tick.canary, tick.canary.errors, &errors_.rollout);
  Add(tick.baseline, tick.baseline.errors, &errors_.control);
  Add(tick.canary, tick.canary.slower.front(), &slow_.rollout);
  Add(tick.baseline, tick.baseline.slower.front(), &slow_.control);
  const double now_s = begin_s + kMinute;
  if (now_s < kSteps[step_].until_s - 1e-6) return;
  const bool lost = GuardrailLost(errors_) || GuardrailLost(slow_);
  const bool last = step_ + 1 == kSteps.size();
  if (!lost && !last) {
    look_.split = SplitOf(kSteps[++step_].coverage);
    return;
  }
  look_.ended = true;
  look_.end = lost ? Outcome::End::kRolledBack : Outcome::End::kPromoted;
  look_.by_evidence = lost;
  look_.by = lost ? "guardrail" : "steps";
}

}  // namespace auspex::lab::simulator
