#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/rollout/rollout.h"

// What the tests of rollout share: traffic by chance, and a rollout that is fed with it.
namespace auspex::rollout::testing {

struct Traffic {
  double requests_per_s = 300;
  double error_rate = .001;
  double canary_errors = 1;  // the canary's error rate over the baseline's
  double canary_slow = 1;    // the canary's share of slow requests over the baseline's
  double outage = 1;         // multiplies the error rate of both
};

inline telemetry::ArmWindow ArmOf(std::int64_t requests, double error_rate, double slow,
                                  Random* random) {
  telemetry::ArmWindow arm;
  arm.requests = static_cast<double>(requests);
  arm.errors = static_cast<double>(random->Binomial(requests, std::min(1.0, error_rate)));
  std::int64_t left = requests;
  for (const double share : {.5, .2, .1, .1}) {
    left = random->Binomial(left, std::min(1.0, share * slow));
    arm.slower.push_back(static_cast<double>(left));
  }
  arm.harmed = arm.errors;
  return arm;
}

inline Inputs InputsOf(double t_s, double requests, Weight weight, const Traffic& traffic,
                       Random* random) {
  const std::int64_t all = random->Poisson(requests);
  const std::int64_t canary = random->Binomial(all, weight.share());
  const double rate = traffic.error_rate * traffic.outage;
  Inputs inputs;
  inputs.window.t_s = t_s;
  inputs.window.canary = ArmOf(canary, rate * traffic.canary_errors, traffic.canary_slow, random);
  inputs.window.baseline = ArmOf(all - canary, rate, 1, random);
  return inputs;
}

inline Weight Bp(int bp) { return Weight::FromBp(bp).value_or(Weight::Zero()); }

inline RolloutSpec BasicSpec() {
  RolloutSpec spec;
  spec.deployment = "d1";
  spec.service = "checkout";
  spec.requests_per_s = 300;
  return spec;
}

inline bool Has(const std::vector<Command>& commands, Command::Kind kind) {
  return std::any_of(commands.begin(), commands.end(),
                     [kind](const Command& command) { return command.kind == kind; });
}

class Simulation {
 public:
  explicit Simulation(const RolloutSpec& spec, const Traffic& at_first = {}, std::uint64_t seed = 1)
      : traffic(at_first), random(seed) {
    Adopt(Start(spec));
  }

  using Edit = std::function<void(Inputs*)>;
  // One tick; `edit` may change what it shows.
  const Decision& Tick(const Edit& edit = {}) {
    const double tick_s = rollout.spec.tick_s;
    t_s += tick_s;
    Inputs inputs = InputsOf(t_s, traffic.requests_per_s * tick_s, rollout.asked, traffic, &random);
    if (edit) edit(&inputs);
    Adopt(Advance(rollout, inputs));
    return rollout.last;
  }
  // Until it ends or `until_s` has come.
  const Decision& Run(double until_s, const Edit& edit = {}) {
    while (!Ended() && t_s + rollout.spec.tick_s <= until_s + 1e-9) Tick(edit);
    return rollout.last;
  }
  [[nodiscard]] bool Ended() const { return rollout.phase == Phase::kEnded; }

  Traffic traffic;
  Random random;
  Rollout rollout;
  std::vector<Command> commands;  // of the last turn
  double t_s = 0;

 private:
  void Adopt(Turn turn) {
    rollout = std::move(turn.next);
    commands = std::move(turn.commands);
  }
};

inline void SilenceCanary(Inputs* inputs) { inputs->window.canary = {}; }

}  // namespace auspex::rollout::testing
