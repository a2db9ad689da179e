#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "auspex/evidence/judge/judgement.h"
#include "auspex/evidence/judge/weighing.h"

namespace auspex::evidence {

struct JudgedRequest {
  double at_s = 0.0;
  double latency_ms = 0.0;  // NaN: not known
  std::uint32_t route = 0;  // index into the names; 0: none
  bool canary = false;
  bool ok = true;
};

// Canary against baseline from single requests, sorted by time, both arms present. Metrics: errors,
// errors of the five busiest routes, and requests slower than edges. There is no "before" to take
// the edges from, so they are quantiles of both arms together, the canary's latencies first divided
// by the tolerated ratio: under "no worse than tolerated" the arms' values are then exchangeable
// (or the canary's smaller), and an edge that depends on all values together, whichever arm they
// are of, is as good as one fixed in advance. The record is cut by time into strata with both arms
// in each, so that a base rate or a weight that moves is not taken for the canary's (Simpson).
//
// p: arms drawn anew within the strata at the edge of the null (failures at the tolerated odds,
// all else alike), the same E from each draw.
//
// Pure; equal inputs and seed give equal answers. O(n log n), and up to 999 draws of n where E > 1
// proves nothing alone. `route_names[0]` is not looked at.
[[nodiscard]] Judgement JudgeRequests(const std::vector<JudgedRequest>& requests,
                                      const std::vector<std::string>& route_names,
                                      const JudgeOptions& options);

}  // namespace auspex::evidence
