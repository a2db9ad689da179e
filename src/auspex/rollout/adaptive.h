#pragma once

#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// What the tick at hand showed, beyond what is stored in the rollout.
struct TickView {
  double canary_requests = 0;
  double baseline_requests = 0;
  double canary_errors = 0;
  double seconds = 0;   // since the tick before, wall time
  Weight given;         // by the router, in this tick
  bool silent = false;  // an arm had no request
  std::string hold;     // Inputs::hold
};

// How a policy leaves the tick. `action` only where the rollout ends.
struct Choice {
  Weight next;
  std::string reason;
  std::optional<Action> end;
  std::optional<Verdict> verdict;
  std::string by;
  bool alert = false;
  bool awaits_person = false;  // from now on, until somebody promotes or aborts it
};

// The policy `adaptive`: roll back what is proven or predicted with confidence, else the pace of
// section 7; silence, stalled and down canaries, deadline and promotion as there. `rollout` has the
// tick's evidence already.
[[nodiscard]] Choice ChooseAdaptive(const Rollout& rollout, const TickView& tick);

// What a metric of the evidence (MetricState::name) showed so far: "errors: 9.7 % of the canary's
// 483 requests, 1.1 % of the baseline's 12196"; without counts where it does not count all
// requests.
[[nodiscard]] std::string MetricSentence(const Rollout& rollout, const std::string& name);

// The sentence of the metric that carries most of the evidence.
[[nodiscard]] std::string MostSpeaks(const Rollout& rollout);

// The sentence behind E >= 1/alpha: which metric, with its counts.
[[nodiscard]] std::string ProofSentence(const Rollout& rollout);

}  // namespace auspex::rollout
