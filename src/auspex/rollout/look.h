#pragma once

#include <cstddef>
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

// Keeps the last `most` >= 1. The queues are short: moving a few values costs less than the blocks
// of a deque, of which an empty one already holds 576 bytes.
template <typename T>
void PushBounded(std::vector<T>* queue, T value, std::size_t most) {
  if (queue->size() >= most)
    queue->erase(queue->begin(), queue->end() - static_cast<std::ptrdiff_t>(most - 1));
  queue->push_back(std::move(value));
}

}  // namespace auspex::rollout
