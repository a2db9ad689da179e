#pragma once

#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// The largest next weight whose expected harm fits the budget (section 7; with pace swift section
// 12.1).
struct PaceStep {
  Weight next;
  evidence::CanaryEvidence::Throttle view;  // G's
  bool capped = false;  // the pace's cap, and nothing before it, bounds the weight
};
struct PaceLimits {
  bool first = false;    // the first weight of the rollout
  bool may_rise = true;  // false: silence, or a reason to hold
};
[[nodiscard]] PaceStep NextWeight(const Rollout& rollout, PaceLimits limits);

// w_min. Classic: twenty requests per 10 s, within [.1 %, 5 %]; swift: one per 10 s, within [.02 %,
// 5 %]; .1 % where the traffic is unknown.
[[nodiscard]] Weight LeastWeight(const Rollout& rollout);

}  // namespace auspex::rollout
