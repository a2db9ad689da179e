#pragma once

#include "auspex/rollout/live.h"

namespace auspex::rollout {

// Asks the metrics server for each signal of both arms. A signal without data is left out; a server
// that does not answer is a failure. Returns by `deadline`.
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
