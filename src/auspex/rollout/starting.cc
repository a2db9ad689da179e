#include "auspex/rollout/starting.h"

#include <fmt/format.h>

#include "auspex/base/clock.h"

namespace auspex::rollout {
namespace {

double MostSeconds(const RolloutSpec& spec) { return kStartSeconds * spec.time_scale; }

}  // namespace

bool CanaryIsUp(const RolloutSpec& spec, const Inputs& inputs) {
  return inputs.health_known ? inputs.window.canary.up : spec.canary_up;
}

bool MustAwait(const RolloutSpec& spec, bool canary_up) { return spec.await_canary && !canary_up; }

Choice AwaitCanary(const Rollout& rollout, const Inputs& inputs) {
  const double most = MostSeconds(rollout.spec);
  const bool up = CanaryIsUp(rollout.spec, inputs);
  Choice choice{.next = Weight::Zero(),
                .reason = fmt::format("the router reports the canary down, so it gets no traffic "
                                      "yet: waiting for its health check, {} at most",
                                      ToText(FromSeconds(most))),
                .end = {},
                .verdict = {},
                .by = {}};
  if (!inputs.hold.empty()) {
    choice.reason = inputs.hold + ": holding";
    choice.alert = true;
  } else if (rollout.paused) {
    choice.reason = up ? "paused by a person; the canary is up, without traffic"
                       : "paused by a person; the canary is down, without traffic";
  } else if (!up && inputs.health_known && inputs.window.baseline.up &&
             inputs.window.t_s - rollout.origin_s >= most) {
    choice.reason = fmt::format(
        "the router reported the canary down for {}, so it never got traffic: start the new "
        "version, and deploy it again",
        ToText(FromSeconds(most)));
    choice.end = Action::kRollBack;
    choice.verdict = Verdict::kFail;
    choice.by = "canary down";
    choice.alert = true;
  }
  return choice;
}

}  // namespace auspex::rollout
