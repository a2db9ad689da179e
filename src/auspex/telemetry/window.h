#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auspex/telemetry/sketch.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

// One arm in one tick. Counts are >= 0, finite, events <= requests.
struct ArmWindow {
  struct Route {
    double requests = 0;
    double errors = 0;
  };
  double requests = 0;
  double errors = 0;
  std::vector<double> slower;  // over the edges of t50, t90, t99, t99.9; fewer: no data of the rest
  std::vector<Route> routes;   // in the order of the rollout's routes; missing ones: no data
  // Each instance's part of requests and errors, always in the same order; empty: not told.
  struct Instance {
    double requests = 0;
    double errors = 0;
  };
  static constexpr std::size_t kMostInstances = 1000;
  std::vector<Instance> instances = {};
  // Events among all of something that users do, that a metrics server counts; in the order of the
  // rollout's behaviour, missing ones: no data.
  struct Behaviour {
    double events = 0;
    double all = 0;
  };
  std::vector<Behaviour> behaviour = {};
  bool up = true;             // what the proxy's health check says
  double in_flight = 0;       // requests that the proxy has not ended
  double queued = 0;          // that wait at the proxy for the server
  double most_in_flight = 0;  // that the server takes at a time (maxconn); 0: no limit
  double harmed = 0;          // failed, or slower than the harm edge
};

// What one tick showed. `t_s`: its end, seconds since the deployment was announced.
struct Window {
  double t_s = 0;
  ArmWindow canary;
  ArmWindow baseline;
  std::map<std::string, double> gauges;  // ln(canary / baseline); absent = no data
  // ln(baseline's own value), of gauges whose noise is not known yet.
  std::map<std::string, double> baseline_values;

  // While the baseline is being observed before the canary gets traffic.
  struct Observation {
    Sketch latency_us;
    std::map<std::string, RouteCounts> routes;
    std::vector<std::int64_t> bucket_edges_us =
        {};  // where latencies are known by bucket only; ascending
  };
  std::optional<Observation> observed;
};

}  // namespace auspex::telemetry
