#include "auspex/rollout/look.h"

#include <algorithm>
#include <cmath>

#include "auspex/rollout/strategy.h"

namespace auspex::rollout {
namespace {

using telemetry::ArmWindow;
using telemetry::Window;

void AddTotals(Rollout::Totals* totals, const ArmWindow& arm) {
  totals->requests += arm.requests;
  totals->errors += arm.errors;
  for (std::size_t i = 0; i < std::min(totals->slower.size(), arm.slower.size()); ++i)
    totals->slower[i] += arm.slower[i];
  totals->harmed += arm.harmed;
}

// Wall seconds that the counts cover where they are not the tick's; else 0.
double CoveredSeconds(const Rollout& rollout, const Inputs& inputs) {
  if (inputs.stopped_at_s > rollout.last.t_s) return inputs.stopped_at_s - rollout.last.t_s;
  return inputs.covers_s;
}

}  // namespace

evidence::TickCounts CountsOf(const Window& window, std::size_t routes) {
  const ArmWindow& c = window.canary;
  const ArmWindow& b = window.baseline;
  evidence::TickCounts counts;
  counts.errors = {c.errors, c.requests, b.errors, b.requests};
  for (std::size_t i = 0; i < counts.slower.size(); ++i) {
    // An arm that did not say has no data, not zero events.
    counts.slower[i].whole = i < c.slower.size() && i < b.slower.size();
    if (i < c.slower.size())
      counts.slower[i].canary_events = c.slower[i], counts.slower[i].canary_requests = c.requests;
    if (i < b.slower.size())
      counts.slower[i].baseline_events = b.slower[i],
      counts.slower[i].baseline_requests = b.requests;
  }
  counts.routes.resize(routes);
  for (std::size_t i = 0; i < routes; ++i) {
    evidence::Counts& route = counts.routes[i];
    route.whole = i < c.routes.size() && i < b.routes.size();
    if (i < c.routes.size())
      route.canary_events = c.routes[i].errors, route.canary_requests = c.routes[i].requests;
    if (i < b.routes.size())
      route.baseline_events = b.routes[i].errors, route.baseline_requests = b.routes[i].requests;
  }
  counts.gauges = window.gauges;
  counts.behaviour.resize(std::max(c.behaviour.size(), b.behaviour.size()));
  for (std::size_t i = 0; i < c.behaviour.size(); ++i)
    counts.behaviour[i].canary_events = c.behaviour[i].events,
    counts.behaviour[i].canary_requests = c.behaviour[i].all;
  for (std::size_t i = 0; i < b.behaviour.size(); ++i)
    counts.behaviour[i].baseline_events = b.behaviour[i].events,
    counts.behaviour[i].baseline_requests = b.behaviour[i].all;
  return counts;
}

void AddBehaviour(const std::vector<evidence::Counts>& tick, std::vector<evidence::Counts>* sum) {
  if (sum->size() < tick.size()) sum->resize(tick.size());
  for (std::size_t i = 0; i < tick.size(); ++i) {
    (*sum)[i].canary_events += tick[i].canary_events;
    (*sum)[i].canary_requests += tick[i].canary_requests;
    (*sum)[i].baseline_events += tick[i].baseline_events;
    (*sum)[i].baseline_requests += tick[i].baseline_requests;
  }
}

bool IsPlanned(const Rollout& rollout) {
  return rollout.spec.planned_shares && rollout.spec.pace == Pace::kSwift &&
         !rollout.evidence->share_disproved();
}

evidence::TickContext ContextOf(const Rollout& rollout, const Inputs& inputs, int given_bp) {
  const double warm = rollout.WarmUp();
  evidence::TickContext context{
      .hazard = StrategyOf(rollout).hazard(rollout, given_bp),
      .warm_up = rollout.t <= warm,
      .high_load = given_bp >= kHighLoadBp,
      .t = rollout.t,
      .warm_up_left = warm > 0.0 ? std::max(0.0, 1.0 - rollout.t / warm) : 0.0};
  if (IsPlanned(rollout) && inputs.hold.empty() && inputs.covers_s == 0.0) {
    context.planned_share = given_bp / 1e4;
    const double ticks = inputs.stopped_at_s > rollout.last.t_s
                             ? (inputs.stopped_at_s - rollout.last.t_s) / rollout.spec.tick_s
                             : 1.0;
    context.planned_requests = rollout.requests_per_tick.value_or(0.0) * ticks;
  }
  return context;
}

TickView LookAt(Rollout* rollout, const Inputs& inputs, int given_bp) {
  const ArmWindow& canary = inputs.window.canary;
  const ArmWindow& baseline = inputs.window.baseline;
  const double n = canary.requests + baseline.requests;
  const double planned = rollout->requests_per_tick.value_or(0.0);
  const double w = given_bp / 1e4;
  PushBounded(&rollout->seen,
              Rollout::Seen{.canary = canary.requests,
                            .baseline = baseline.requests,
                            .both_expected = (canary.requests > 0 || w * planned < 5) &&
                                             (baseline.requests > 0 || (1.0 - w) * planned < 5)},
              StrategyOf(*rollout).seen_ticks(*rollout));
  if (n > 0) {
    const double gain = std::min(1.0, .2 * rollout->TickSeconds() / 10.0);
    const double covers_s = CoveredSeconds(*rollout, inputs);
    const double rate = covers_s > 0.0 ? n * rollout->spec.tick_s / covers_s : n;
    rollout->requests_per_tick =
        rollout->requests_per_tick ? planned + (rate - planned) * gain : rate;
  }
  if (inputs.health_known) {
    rollout->down_ticks = !canary.up && baseline.up ? rollout->down_ticks + 1 : 0;
    if (canary.requests > 0 || canary.in_flight == 0) {
      rollout->stalled_ticks = 0;
    } else if (inputs.ends_known) {
      ++rollout->stalled_ticks;
    }
  }
  AddTotals(&rollout->canary, canary);
  AddTotals(&rollout->baseline, baseline);
  if (baseline.requests > 0) {
    rollout->excess_harmed += canary.harmed - canary.requests * baseline.harmed / baseline.requests;
  }
  return {.canary_requests = canary.requests,
          .baseline_requests = baseline.requests,
          .canary_errors = canary.errors,
          .seconds = inputs.window.t_s - rollout->last.t_s,
          .given = Weight::FromBp(given_bp).value_or(Weight::Zero()),
          .silent = canary.requests == 0 || baseline.requests == 0,
          .hold = inputs.hold};
}

}  // namespace auspex::rollout
