#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "auspex/rollout/spec.h"
#include "auspex/traffic/router.h"

namespace auspex::rollout {

// A signal that a metrics server answers. In its expressions `$version` and `$server` stand for
// each arm's. One of three kinds:
struct SignalConfig {
  std::string name;
  std::string role;        // errors, latency, saturation, traffic, behaviour, business
  std::string query = {};  // a gauge, seen as ln(canary / baseline)
  std::string good = {};   // counters of good ones and of all: a rate
  std::string all = {};
  std::string histogram = {};  // `…_bucket`: requests by latency
  [[nodiscard]] bool IsRate() const { return !all.empty(); }
  // Asked for by `$version`: both versions must be known.
  [[nodiscard]] bool ByVersion() const {
    const auto has = [](const std::string& text) {
      return text.find("$version") != std::string::npos;
    };
    return has(query) || has(good) || has(all) || has(histogram);
  }
};

// One service as configured (`kind: Service`).
struct ServiceConfig {
  std::string name;
  int criticality = 3;
  Mode mode = Mode::kBalanced;
  Policy policy = Policy::kAdaptive;
  Pace pace = Pace::kClassic;
  double alpha = 0.01;
  double prior_risk = 0.15;
  double alert_above_risk = 0.5;  // P(fail) from which a failure is foretold, before any traffic
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
  double scrape_s = 0.0;  // how old what the metrics server says may be; of a scraped service
  std::vector<LadderStep> steps;
  std::optional<Approval> approval;

  // Its requests are counted by a metrics server, not one by one in the proxy's log.
  [[nodiscard]] bool Scraped() const {
    return std::any_of(signals.begin(), signals.end(), [](const SignalConfig& signal) {
      return signal.role == "errors" && signal.IsRate();
    });
  }
};

// Signals that are rates of what users do, in their order.
[[nodiscard]] std::vector<std::string> BehaviourNames(const ServiceConfig& service);

// A spec for a deployment of this service, before anything is known of its history.
[[nodiscard]] RolloutSpec SpecFor(const ServiceConfig& service, const std::string& deployment);

}  // namespace auspex::rollout
