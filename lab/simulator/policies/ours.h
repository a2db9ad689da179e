#pragma once

#include "auspex/rollout/rollout.h"
#include "lab/simulator/policy.h"

namespace auspex::lab::simulator {

// The product's own controller, driven through Start and Advance with what the request feed would
// have counted. Its history is the day before (KnownHistory); its requests_per_s the service's
// daily mean.
class AuspexRun final : public Run {
 public:
  struct Options {
    rollout::Policy policy = rollout::Policy::kAdaptive;
    rollout::Mode mode = rollout::Mode::kBalanced;
    double tick_s = 10.0;
    double error_limit = .05;  // of the policy `rule`
    bool memory = false;       // whether it sees the memory gauge, every ten seconds
    rollout::Pace pace = rollout::Pace::kClassic;
    bool fuse = false;  // whether the router stops the canary within a tick
    // Whether each request counts as drawn with the weight of its tick, as traffic.h has it (pace
    // swift). A daemon cannot know that: it counts.
    bool planned = true;
  };
  // `deployment` outlives it.
  AuspexRun(const Deployment& deployment, const Options& options);
  [[nodiscard]] const Look& Next() const override { return look_; }
  void See(double begin_s, const Tick& tick) override;

  [[nodiscard]] const rollout::Rollout& rollout() const { return rollout_; }
  // What it was told and answered last: for replays.
  [[nodiscard]] const rollout::Inputs& inputs() const { return inputs_; }
  [[nodiscard]] const rollout::Decision& decision() const { return rollout_.last; }

 private:
  void Adopt(rollout::Turn turn);

  const Deployment* deployment_;
  Options options_;
  rollout::Rollout rollout_;
  rollout::Inputs inputs_;
  Look look_;
};

[[nodiscard]] rollout::RolloutSpec SpecOf(const Deployment& deployment,
                                          const AuspexRun::Options& options);

}  // namespace auspex::lab::simulator
