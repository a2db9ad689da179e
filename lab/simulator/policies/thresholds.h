#pragma once

#include "lab/simulator/traffic.h"

namespace auspex::lab::simulator {

// What Flagger's and Argo's metric templates compare with: an error rate and a p99 of the canary
// over the last minutes, against limits that somebody wrote down.
struct Thresholds {
  double error_rate = 0.0;
  double latency_ms_p99 = 0.0;
};

// Flagger's documented example: success rate >= 99 %, p99 <= 500 ms.
inline constexpr Thresholds kDocumentedThresholds = {.error_rate = .01, .latency_ms_p99 = 500.0};
// What a careful user writes for one service: twice its usual error rate and .1 % more, 1.3 times
// its usual p99.
[[nodiscard]] Thresholds TunedThresholds(const Deployment& deployment);

// Do the canary's requests keep the limit? Counted over the edge `latency_ms_p99`: at most 1 % may
// be slower.
[[nodiscard]] bool KeepsErrorRate(const ArmCounts& canary, const Thresholds& limits);
[[nodiscard]] bool KeepsLatency(const ArmCounts& canary);

}  // namespace auspex::lab::simulator
