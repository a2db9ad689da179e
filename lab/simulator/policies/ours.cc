#include "lab/simulator/policies/ours.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "auspex/evidence/noise.h"

namespace auspex::lab::simulator {
namespace {

// The canary's edges are 5 % wider (docs/statistics.md, section 1).
constexpr double kWiderEdge = 1.05;

telemetry::ArmWindow WindowOf(const ArmCounts& counts) {
  telemetry::ArmWindow arm;
  arm.requests = static_cast<double>(counts.requests);
  arm.errors = static_cast<double>(counts.errors);
  for (const std::int64_t slower : counts.slower) arm.slower.push_back(static_cast<double>(slower));
  for (const ArmCounts::Route& route : counts.routes) {
    arm.routes.push_back({.requests = static_cast<double>(route.requests),
                          .errors = static_cast<double>(route.errors)});
  }
  arm.harmed = arm.errors;
  return arm;
}

}  // namespace

rollout::RolloutSpec SpecOf(const Deployment& deployment, const AuspexRun::Options& options) {
  const KnownHistory& known = deployment.history;
  rollout::RolloutSpec spec;
  spec.deployment = "d";
  spec.service = "service";
  spec.policy = options.policy;
  spec.mode = options.mode;
  spec.tick_s = options.tick_s;
  spec.pace = options.pace;
  spec.planned_shares = options.planned && options.pace == rollout::Pace::kSwift;
  spec.fuse = options.fuse;
  spec.risk = deployment.risk;
  spec.error_rate = options.error_limit;
  spec.requests_per_s = deployment.service.requests_per_s;
  spec.t99_s = known.latency_ms[2] / 1e3;
  spec.history.error_rate = known.error_rate;
  spec.history.error_s2 = known.error_s2_per_s / options.tick_s;
  for (std::size_t i = 0; i < kRouteShares.size(); ++i) {
    spec.history.routes.push_back(
        {.share = kRouteShares[i], .error_rate = known.route_error_rate[i]});
  }
  if (options.memory) {
    // The set knows the noise from one value to the next, a history that of a tick.
    const evidence::GaugeNoise noise{.phi = known.memory_phi, .sigma = known.memory_sigma};
    spec.history.gauges.push_back(
        {.name = "memory", .noise = evidence::AtTick(noise, kCellSeconds, options.tick_s)});
  }
  return spec;
}

AuspexRun::AuspexRun(const Deployment& deployment, const Options& options)
    : deployment_(&deployment), options_(options) {
  look_.seconds = options.tick_s;
  const std::size_t edges = options.pace == rollout::Pace::kSwift ? 4 : 3;
  for (std::size_t i = 0; i < edges; ++i)
    look_.edges.baseline.push_back(deployment.history.latency_ms[i]);
  look_.edges.canary = look_.edges.baseline;
  for (double& edge : look_.edges.canary) edge *= kWiderEdge;
  Adopt(rollout::Start(SpecOf(deployment, options)));
}

void AuspexRun::Adopt(rollout::Turn turn) {
  rollout_ = std::move(turn.next);
  look_.split.canary = rollout_.asked.share();
  look_.split.fuse.reset();
  if (rollout_.last.fuse) look_.split.fuse = static_cast<std::int64_t>(*rollout_.last.fuse);
  if (rollout_.phase != rollout::Phase::kEnded) return;
  look_.ended = true;
  look_.end = rollout_.last.action == rollout::Action::kPromote ? Outcome::End::kPromoted
                                                                : Outcome::End::kRolledBack;
  look_.by = rollout_.last.by;
  look_.by_evidence = rollout_.last.by == "evidence";
}

void AuspexRun::See(double begin_s, const Tick& tick) {
  inputs_ = {};
  inputs_.window.t_s = begin_s + look_.seconds;
  inputs_.window.canary = WindowOf(tick.canary);
  inputs_.window.baseline = WindowOf(tick.baseline);
  if (tick.stopped_after_s) inputs_.stopped_at_s = begin_s + *tick.stopped_after_s;
  const double cells = std::round(inputs_.window.t_s / kCellSeconds);
  if (options_.memory && std::abs(cells * kCellSeconds - inputs_.window.t_s) < 1e-6)
    inputs_.window.gauges["memory"] = MemoryAt(*deployment_, static_cast<std::size_t>(cells) - 1);
  Adopt(rollout::Advance(std::move(rollout_), inputs_));
}

}  // namespace auspex::lab::simulator
