#pragma once

#include <memory>
#include <string>

#include "auspex/base/clock.h"
#include "auspex/base/config.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

// A server that speaks Prometheus' HTTP API (/api/v1/query, /api/v1/query_range): Prometheus, VictoriaMetrics, Thanos, Mimir.
// 429 and 5xx are tried again with growing pauses (Retry-After is heeded) until the deadline. Equal queries for the same
// second share one request and its answer, whoever asks. Thread-safe. Errors: as MetricSource says.
struct PrometheusConfig {
  std::string url;              // http://host:port[/prefix]
  Secret bearer;
  std::string ca_file;
  Duration staleness = 300s;    // an older point is no data
};

Result<std::unique_ptr<MetricSource>> MakePrometheus(const PrometheusConfig& config, const Clock* clock);

}  // namespace auspex::telemetry
