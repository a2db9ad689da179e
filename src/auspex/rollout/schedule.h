#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// What the clock has yet to do to a rollout: wall seconds from the end of its last tick on. Only
// what its phase and policy wait for has a value; of one that has ended, nothing.
struct Schedule {
  std::optional<double> approval_s;  // for a person's answer; then `at_timeout`
  AtTimeout at_timeout = AtTimeout::kReject;
  std::optional<double> start_s;     // for the canary's health check; then it is rolled back
  std::optional<double> warm_up_s;   // until latency is judged; before that it is not
  std::optional<double> bake_s;      // until it may be promoted; 0: it may
  std::optional<double> deadline_s;  // then as pace and `at_deadline` say; 0: it has come
  AtDeadline at_deadline = AtDeadline::kPromote;
  std::optional<double> step_s;  // of step `step`, with traffic on both versions
  std::size_t step = 0;          // from 1
  std::size_t steps = 0;
};
[[nodiscard]] Schedule ScheduleOf(const Rollout& rollout);

}  // namespace auspex::rollout
