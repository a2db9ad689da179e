#pragma once

#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// Before the first rollout of a service there is no history: the baseline is observed at weight 0
// until 60 s and 2,000 requests (at most 10 min, at time scale 1), then quantiles and rates of what
// was seen are the history (section 1). Adds the tick to `rollout`; true once enough is known.
bool ObserveTick(Rollout* rollout, const Inputs& inputs);
// The history that observing gave, written into the rollout's spec: error rate, edges, busiest
// routes, traffic.
void LearnHistory(Rollout* rollout);
// Baseline requests still wanted.
[[nodiscard]] double ObservationNeeded(const Rollout& rollout);

}  // namespace auspex::rollout
