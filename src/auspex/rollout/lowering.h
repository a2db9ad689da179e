#pragma once

#include "auspex/rollout/adaptive.h"
#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// What the router saw in the tick; nullopt where it said nothing of load.
[[nodiscard]] std::optional<Load> LoadOf(const Rollout& rollout, const Inputs& inputs,
                                         Weight given);

// The choice within what both arms can carry (capacity.h). A weight that would overload the canary
// is capped, and a promotion waits; a weight that falls faster than the baseline can take over goes
// down in steps, of at most kLongestLowering in all. A rollback that needs steps is remembered in
// `rollout->retreat` and carried through whatever comes; its last step is the rollback. A canary
// that is down or stalled, and a person's weight, are not held up.
[[nodiscard]] Choice WithinCapacity(Rollout* rollout, const std::optional<Load>& load, double t_s,
                                    Choice choice);

}  // namespace auspex::rollout
