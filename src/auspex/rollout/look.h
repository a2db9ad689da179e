#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "auspex/rollout/adaptive.h"
#include "auspex/rollout/rollout.h"

// What one tick showed, before anything is decided on it: its counts as the evidence wants them,
// how they are to be judged, and what they say of traffic, health and harm. Pure.
namespace auspex::rollout {

// `routes`: of the rollout; a window that lists fewer has no data of the rest.
[[nodiscard]] evidence::TickCounts CountsOf(const telemetry::Window& window, std::size_t routes);

void AddBehaviour(const std::vector<evidence::Counts>& tick, std::vector<evidence::Counts>* sum);

// Each request of a tick counts as drawn with the weight that was asked for it.
[[nodiscard]] bool IsPlanned(const Rollout& rollout);

// Before LookAt: of the tick that the window shows, before its traffic is added to what is
// expected. The planned share holds only for a tick that went by plan.
[[nodiscard]] evidence::TickContext ContextOf(const Rollout& rollout, const Inputs& inputs,
                                              int given_bp);

// Adds the tick to what the rollout has seen of traffic, health and harm.
TickView LookAt(Rollout* rollout, const Inputs& inputs, int given_bp);

template <typename T>
void PushBounded(std::deque<T>* queue, T value, std::size_t most) {
  queue->push_back(std::move(value));
  while (queue->size() > most) queue->pop_front();
}

}  // namespace auspex::rollout
