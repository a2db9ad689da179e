#pragma once

#include "auspex/rollout/adaptive.h"
#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// How long a canary may take to pass its health check before the deployment ends, seconds at time
// scale 1: Kubernetes' progressDeadlineSeconds by default.
inline constexpr double kStartSeconds = 600.0;

// By the router: in this tick, else when the deployment was announced.
[[nodiscard]] bool CanaryIsUp(const RolloutSpec& spec, const Inputs& inputs);

// Whether to begin with waiting for the canary rather than with its first weight.
[[nodiscard]] bool MustAwait(const RolloutSpec& spec, bool canary_up);

// A tick of waiting, at weight 0. Ends as a fault of the canary where it is still down after
// kStartSeconds and the baseline is up.
[[nodiscard]] Choice AwaitCanary(const Rollout& rollout, const Inputs& inputs);

}  // namespace auspex::rollout
