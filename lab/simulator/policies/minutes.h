#pragma once

#include <vector>

#include "lab/simulator/traffic.h"

namespace auspex::lab::simulator {

// What a time-series database keeps of a minute: one averaged value an arm, and no counts. A minute
// without requests has no values.
struct MinuteSeries {
  std::vector<double> error_rate;
  std::vector<double> latency_ms_p50;
  std::vector<double> latency_ms_p99;
};
struct ArmSeries {
  MinuteSeries canary;
  MinuteSeries baseline;
};

// Adds the minute that began at `begin_s`. Latency quantiles are sample quantiles of the minute's
// requests.
void AddMinute(const Traffic& traffic, double begin_s, double weight, const Tick& tick,
               ArmSeries* series);

}  // namespace auspex::lab::simulator
