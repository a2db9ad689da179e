#pragma once

#include <memory>
#include <string>

#include "auspex/base/clock.h"
#include "auspex/base/config.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

// A server that speaks Prometheus' HTTP API (/api/v1/query, /api/v1/query_range): Prometheus,
// VictoriaMetrics, Thanos, Mimir. No answer, 429, 502, 503 and 504 are tried again with growing
// pauses (Retry-After is heeded) while the deadline allows. Equal queries for the same second share
// one request and its answer, whoever asks, also where it is kNoData or kInvalidArgument;
// kUnavailable is for those who waited for it, and the next one asks again. Kept: the last 256
// answers of at most 4 MiB together. Deadlines are real time. Thread-safe. Errors: as
// MetricSource says.
struct PrometheusConfig {
  std::string url = {};  // http://host:port[/prefix]
  Secret bearer = {};
  std::string ca_file = {};
  // An older point is no data. Prometheus gives the last sample of its own look-back (5 min) the
  // time of the query, so an age shows only in answers that keep the sample's time (a range
  // selector, VictoriaMetrics, timestamp()). Newer servers are asked to look back no further than
  // this (`lookback_delta`); 2.42 does not listen.
  Duration staleness = 300s;
  Duration request_timeout = 10s;  // of one try
  bool verify_peer = true;
};

Result<std::unique_ptr<MetricSource>> MakePrometheus(const PrometheusConfig& config,
                                                     const Clock* clock);

}  // namespace auspex::telemetry
