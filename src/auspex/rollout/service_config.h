#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "auspex/rollout/spec.h"
#include "auspex/traffic/router.h"

namespace auspex::rollout {

// A signal that a metrics server answers, as a gauge: ln(canary / baseline).
struct SignalConfig {
  std::string name;
  std::string role;   // saturation, latency, …
  std::string query;  // `$version` and `$server` stand for each arm's
};

// One service as configured (`kind: Service`).
struct ServiceConfig {
  std::string name;
  int criticality = 3;
  Mode mode = Mode::kBalanced;
  Policy policy = Policy::kAdaptive;
  double alpha = 0.01;
  double prior_risk = 0.15;
  double rollback_below = 0.1;
  double detect = 2.0;
  AtDeadline at_deadline = AtDeadline::kPromote;
  double error_rate = 0.05;
  double time_scale = 1.0;
  double tick_s = 10.0;  // wall seconds, 1 to 60
  double warm_up_s = kWarmUpSeconds;
  bool warm_up_given = false;  // else it is learned from the service's cold starts
  double bake_s = kBakeSeconds;
  double deadline_s = kDeadlineSeconds;
  std::string router = "haproxy";
  traffic::RouterConfig router_config;
  std::string backend;
  std::array<std::string, 2> servers;
  std::vector<SignalConfig> signals;
  std::vector<LadderStep> steps;
  std::optional<Approval> approval;
};

// A spec for a deployment of this service, before anything is known of its history.
[[nodiscard]] RolloutSpec SpecFor(const ServiceConfig& service, const std::string& deployment);

}  // namespace auspex::rollout
