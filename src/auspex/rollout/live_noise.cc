#include "auspex/rollout/live_noise.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace auspex::rollout {
namespace {

using evidence::EffectSizes;

std::vector<evidence::InstanceCounts> InstancesOf(const telemetry::ArmWindow& arm) {
  std::vector<evidence::InstanceCounts> instances;
  instances.reserve(arm.instances.size());
  for (const telemetry::ArmWindow::Instance& one : arm.instances)
    instances.push_back({.requests = one.requests, .errors = one.errors});
  return instances;
}

}  // namespace

void LearnGauges(const telemetry::Window& window, Rollout* rollout) {
  for (evidence::History::Gauge& gauge : rollout->spec.history.gauges) {
    if (!gauge.learn) continue;
    evidence::PairRecorder& pairs = rollout->self_pairs[gauge.name];
    const auto found = window.baseline_values.find(gauge.name);
    pairs.Add(found == window.baseline_values.end() ? std::nullopt : std::optional(found->second));
    std::optional<evidence::GaugeNoise> noise = evidence::FitNoise(pairs.Sums());
    if (!noise) continue;
    noise->sigma *= std::numbers::sqrt2;
    gauge.noise = *noise;
    gauge.learn = false;
    rollout->self_pairs.erase(gauge.name);
    rollout->evidence->BeginGauge(gauge.name, *noise);
    std::erase_if(rollout->spec.assumed,
                  [&](const Assumption& assumption) { return assumption.gauge == gauge.name; });
    rollout->spec.learned.push_back(
        fmt::format("noise of signal {}: phi {:.2f}, sigma {:.3g} a tick, from the baseline's own "
                    "values",
                    gauge.name, noise->phi, noise->sigma));
  }
}

void LearnFromCounts(const evidence::TickCounts& counts, const telemetry::Window& window,
                     Rollout* rollout) {
  const evidence::History& history = rollout->spec.history;
  const double live_s2 = rollout->instances ? rollout->instances->s2() : 0.0;
  const double error_s2 = std::max(history.error_s2, live_s2);
  std::vector<std::optional<EffectSizes::Rate>> rates = {
      EffectSizes::Rate{.counts = counts.errors, .s2 = error_s2}};
  const bool judged = rollout->t > rollout->WarmUp();  // a cold start is no effect of the release
  for (std::size_t i = 0; i < counts.slower.size(); ++i) {
    rates.push_back(judged ? std::optional(EffectSizes::Rate{.counts = counts.slower[i],
                                                             .s2 = history.latency_s2[i]})
                           : std::nullopt);
  }
  for (const evidence::Counts& route : counts.routes)
    rates.push_back(EffectSizes::Rate{.counts = route, .s2 = error_s2});
  rollout->effects.Step(rates);

  if (window.canary.instances.empty()) return;
  if (!rollout->instances) rollout->instances.emplace(rollout->TickSeconds());
  rollout->instances->Step(InstancesOf(window.canary), InstancesOf(window.baseline));
  rollout->evidence->SetErrorSpread(rollout->instances->s2());
}

}  // namespace auspex::rollout
