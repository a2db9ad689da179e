#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/rollout/rollout.h"

// What the benchmarks feed a rollout with: a service of five routes, of which errors, three latency
// edges and memory are known from history. Nothing is wrong with its canary.
//
// That is 22 rate metrics in a tick: errors, t50, t90, t99 and five routes as proof, the same nine
// again for the pace, and four copies for high load; level and slope of memory stand beside them.
namespace auspex::bench {

inline constexpr std::size_t kRoutes = 5;

// Never ends by itself: bake and deadline are a year.
[[nodiscard]] rollout::RolloutSpec LongSpec(rollout::Pace pace = rollout::Pace::kClassic);

// One tick of `requests` in the mean, a share `weight` of them on the canary.
[[nodiscard]] rollout::Inputs DrawTick(double t_s, double requests, Weight weight, Random* random);

// A rollout that is past its warm-up and at its highest weight, so that all 22 metrics move.
class RunningRollout {
 public:
  explicit RunningRollout(std::uint64_t seed, rollout::Pace pace = rollout::Pace::kClassic);
  // Draws the next tick; the caller decides.
  [[nodiscard]] rollout::Inputs Draw();
  void Adopt(rollout::Rollout next) { rollout_ = std::move(next); }
  [[nodiscard]] const rollout::Rollout& rollout() const { return rollout_; }
  [[nodiscard]] rollout::Rollout Take() { return std::move(rollout_); }

 private:
  Random random_;
  rollout::Rollout rollout_;
  double gauge_ = 0.0;
};

}  // namespace auspex::bench
