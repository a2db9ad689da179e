#include "auspex/rollout/schedule.h"

#include <algorithm>

#include "auspex/rollout/starting.h"

namespace auspex::rollout {
namespace {

double NotBelowZero(double seconds) { return std::max(0.0, seconds); }

Schedule OfRunning(const Rollout& rollout) {
  const RolloutSpec& spec = rollout.spec;
  Schedule schedule;
  const double ran_s = rollout.t * spec.time_scale;
  if (spec.warm_up_s > ran_s) schedule.warm_up_s = spec.warm_up_s - ran_s;
  if (spec.policy == Policy::kAdaptive) {
    schedule.bake_s = NotBelowZero(spec.bake_s - ran_s);
    schedule.deadline_s = NotBelowZero(spec.deadline_s - ran_s);
    schedule.at_deadline = spec.at_deadline;
  } else if (spec.policy == Policy::kSteps && rollout.step < spec.steps.size()) {
    schedule.step_s = NotBelowZero(spec.steps[rollout.step].for_s - rollout.step_seen_s);
    schedule.step = rollout.step + 1;
    schedule.steps = spec.steps.size();
  }
  return schedule;
}

}  // namespace

Schedule ScheduleOf(const Rollout& rollout) {
  Schedule schedule;
  switch (rollout.phase) {
    case Phase::kWaiting:
      schedule.approval_s = NotBelowZero(rollout.spec.approval->timeout_s - rollout.last.t_s);
      schedule.at_timeout = rollout.spec.approval->at_timeout;
      break;
    case Phase::kStarting:
      schedule.start_s = NotBelowZero(kStartSeconds * rollout.spec.time_scale -
                                      (rollout.last.t_s - rollout.origin_s));
      break;
    case Phase::kRunning:
      return OfRunning(rollout);
    case Phase::kObserving:
    case Phase::kEnded:
      break;
  }
  return schedule;
}

}  // namespace auspex::rollout
