#include "lab/simulator/policies/minutes.h"

namespace auspex::lab::simulator {
namespace {

constexpr double kHalfMinute = 30.0;

void AddArm(const Traffic& traffic, Traffic::Sample sample, const ArmCounts& counts,
            MinuteSeries* series) {
  if (counts.requests == 0) return;
  sample.requests = counts.requests;
  series->error_rate.push_back(static_cast<double>(counts.errors) /
                               static_cast<double>(counts.requests));
  sample.q = .5;
  series->latency_ms_p50.push_back(traffic.DrawLatencyQuantile(sample));
  sample.q = .99;
  series->latency_ms_p99.push_back(traffic.DrawLatencyQuantile(sample));
}

}  // namespace

void AddMinute(const Traffic& traffic, double begin_s, double weight, const Tick& tick,
               ArmSeries* series) {
  const Traffic::Sample sample{
      .at_s = begin_s + kHalfMinute, .weight = weight, .canary = true, .requests = 0};
  AddArm(traffic, sample, tick.canary, &series->canary);
  Traffic::Sample baseline = sample;
  baseline.canary = false;
  AddArm(traffic, baseline, tick.baseline, &series->baseline);
}

}  // namespace auspex::lab::simulator
