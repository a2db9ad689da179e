#pragma once

#include <optional>
#include <string>

#include "auspex/rollout/adaptive.h"

namespace auspex::rollout {

inline constexpr int kRuleFirstBp = 1000;

// The policy `rule`, the simplest thing that works: confidence < .3 or the canary's error rate of
// the last 60 s (at least 100 requests) above its limit rolls back; else a step a minute, +10
// points below 50 %, +5 above.
[[nodiscard]] Choice ChooseRule(const Rollout& rollout, const TickView& tick);
// Ticks of the minute that rollout.minute covers.
[[nodiscard]] std::size_t MinuteTicks(const Rollout& rollout);
// The canary's error rate of that minute is above the spec's limit, on at least 100 requests: the
// sentence that says so; else nothing. Policies `steps` and `rule`.
[[nodiscard]] std::optional<std::string> OverErrorLimit(const Rollout& rollout);

}  // namespace auspex::rollout
