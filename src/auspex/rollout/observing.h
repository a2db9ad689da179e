#pragma once

#include <map>
#include <string>
#include <string_view>

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

// The edges for the canary: 5 % wider, so that a tolerated slowness is no event.
[[nodiscard]] telemetry::Edges CanaryEdges(const telemetry::Edges& baseline);

// The same from aggregates of any source: a sketch, counts, seconds.
struct BaselineAggregate {
  telemetry::Sketch latency_us;
  std::map<std::string, telemetry::RouteCounts> routes;
  double requests = 0;  // of the baseline
  double errors = 0;
  double requests_both = 0;  // of both arms: the service's traffic
  double seconds = 0;
};
void ApplyHistory(const BaselineAggregate& seen, RolloutSpec* spec);
// Enough to start without observing.
[[nodiscard]] bool IsEnoughHistory(const BaselineAggregate& seen);
// As JSON, and its sum with others.
[[nodiscard]] std::string ToJson(const BaselineAggregate& seen);
Result<BaselineAggregate> AggregateFromJson(std::string_view text);
void Merge(const BaselineAggregate& other, BaselineAggregate* sum);

}  // namespace auspex::rollout
