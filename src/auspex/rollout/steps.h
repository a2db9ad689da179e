#pragma once

#include "auspex/rollout/adaptive.h"

namespace auspex::rollout {

// The policy `steps`, a fixed ladder with two gates: E < 1/alpha, and the canary's error rate of
// the last 60 s (at least 100 requests) within its limit; a gate that fails rolls back. A step is
// over when both arms have had traffic for its time: silence, a router or a feed that is away and a
// pause do not count, so no step is passed unseen. The end of the last one promotes. Counts the
// tick into rollout->step and step_seen_s; `rollout` has the tick's evidence already.
[[nodiscard]] Choice ChooseSteps(Rollout* rollout, const TickView& tick);

}  // namespace auspex::rollout
