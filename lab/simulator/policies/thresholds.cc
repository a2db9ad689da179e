#include "lab/simulator/policies/thresholds.h"

namespace auspex::lab::simulator {

Thresholds TunedThresholds(const Deployment& deployment) {
  return {.error_rate = 2.0 * deployment.history.error_rate + .001,
          .latency_ms_p99 = 1.3 * deployment.history.latency_ms[2]};
}

bool KeepsErrorRate(const ArmCounts& canary, const Thresholds& limits) {
  return static_cast<double>(canary.errors) <=
         limits.error_rate * static_cast<double>(canary.requests);
}

bool KeepsLatency(const ArmCounts& canary) {
  return static_cast<double>(canary.slower.front()) <= .01 * static_cast<double>(canary.requests);
}

}  // namespace auspex::lab::simulator
