#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auspex/rollout/service_config.h"
#include "auspex/telemetry/counters.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::rollout {

template <typename T>
struct BothArms {
  T canary;
  T baseline;
};

// What a metrics server said of the configured signals, by name; those that had data for both arms.
struct SignalReading {
  std::map<std::string, double> gauges;    // ln(canary / baseline)
  std::map<std::string, double> baseline;  // ln of a gauge's own of the baseline, where positive
  std::map<std::string, BothArms<telemetry::RateReading>> rates;
  std::map<std::string, BothArms<telemetry::BucketReading>> histograms;
  // Seconds from the newest sample of the baseline's requests, of a scraped service, to `at`: what
  // was counted is so old. nullopt: the server does not tell.
  std::optional<double> age_s;
  // Signals that have no data for an arm, each with why and how to mend it. They are in none of the
  // above: absent is neither good nor bad.
  std::vector<std::string> unseen;
  std::string
      failure;  // the server did not answer, or not with what was asked for: why; else empty
};

// Asks the metrics server for each signal of both arms, all at one moment. A signal without data is
// left out and, where it counts requests, named as unseen; a server that does not answer is a
// failure. Returns by `deadline`.
struct SignalQuestion {
  std::vector<SignalConfig> signals;
  std::string canary_version,
      baseline_version;  // for `$version`; a signal that needs an unknown one is left out
  std::string canary_server, baseline_server;  // for `$server`
  WallTime at;
};
[[nodiscard]] SignalReading ReadSignals(telemetry::MetricSource* source,
                                        const SignalQuestion& question, MonotonicTime deadline);

}  // namespace auspex::rollout
