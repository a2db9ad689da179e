#pragma once

#include "auspex/evidence/evidence.h"
#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// What a rollout learns of its own noise and effects as it goes, beside the evidence. All of it
// counts from the tick after the one that showed it.

// The baseline's own values of gauges whose noise nobody knows yet (section 1: 30 self-pairs),
// while observing and after. A pair is the value now and the value a tick ago, of the baseline
// alone. An AR(1) fitted to that gives the gauge's phi and its innovation once; two instances that
// wander by themselves give sigma sqrt(2) times as much. What moves both versions alike (load) is
// in it too and would cancel between canary and baseline: the error is to the wide side.
void LearnGauges(const telemetry::Window& window, Rollout* rollout);

// Effect sizes of the tick's counts, and the spread of instances where the window lists them. After
// the evidence has seen the tick.
void LearnFromCounts(const evidence::TickCounts& counts, const telemetry::Window& window,
                     Rollout* rollout);

}  // namespace auspex::rollout
