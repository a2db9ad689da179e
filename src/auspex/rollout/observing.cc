#include "auspex/rollout/observing.h"

#include <algorithm>

#include "auspex/rollout/history.h"

namespace auspex::rollout {
namespace {

constexpr double kLeastSeconds = 60.0, kMostSeconds = 600.0;  // at time scale 1

// Before the canary has traffic, in the order of the spec's.
std::map<std::string, telemetry::RateCounts> BehaviourOf(const Rollout& rollout) {
  std::map<std::string, telemetry::RateCounts> baseline;
  const auto& known = rollout.spec.history.behaviour;
  for (std::size_t i = 0; i < std::min(known.size(), rollout.behaviour.size()); ++i) {
    const evidence::Counts& seen = rollout.behaviour[i];
    baseline[known[i].name] = {.events = seen.baseline_events, .all = seen.baseline_requests};
  }
  return baseline;
}

}  // namespace

double ObservationNeeded(const Rollout& rollout) {
  return std::max(0.0, kLeastHistoryRequests - rollout.observed_requests);
}

bool ObserveTick(Rollout* rollout, const Inputs& inputs) {
  const telemetry::ArmWindow& baseline = inputs.window.baseline;
  rollout->observed_requests += baseline.requests;
  rollout->observed_errors += baseline.errors;
  if (inputs.window.observed) {
    const telemetry::Window::Observation& seen = *inputs.window.observed;
    if (seen.latency_us.count() > 0) {
      // Other buckets than before: their counts cannot be added.
      if (seen.bucket_edges_us != rollout->observed.bucket_edges_us)
        rollout->observed.latency_us = {};
      rollout->observed.bucket_edges_us = seen.bucket_edges_us;
      rollout->observed.latency_us.Merge(seen.latency_us);
    }
    for (const auto& [name, counts] : seen.routes) {
      telemetry::RouteCounts& sum = rollout->observed.routes[name];
      sum.requests += counts.requests;
      sum.errors += counts.errors;
    }
  }
  const double t = (inputs.window.t_s - rollout->origin_s) / rollout->spec.time_scale;
  // Silence is not a baseline: without a request it goes on.
  if (rollout->observed_requests == 0 || !inputs.hold.empty() || rollout->paused) return false;
  return t >= kMostSeconds ||
         (t >= kLeastSeconds && rollout->observed_requests >= kLeastHistoryRequests);
}

void LearnHistory(Rollout* rollout) {
  ApplyHistory({.latency_us = rollout->observed.latency_us,
                .routes = rollout->observed.routes,
                .requests = rollout->observed_requests,
                .errors = rollout->observed_errors,
                .requests_both = rollout->observed_requests,
                .seconds = rollout->last.t_s - rollout->origin_s,
                .bucket_edges_us = rollout->observed.bucket_edges_us,
                .behaviour = BehaviourOf(*rollout)},
               &rollout->spec);
  rollout->observed = {};
  rollout->behaviour.clear();
}

}  // namespace auspex::rollout
