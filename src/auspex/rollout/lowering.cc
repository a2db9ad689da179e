#include "auspex/rollout/lowering.h"

#include <algorithm>
#include <string>
#include <utility>

namespace auspex::rollout {
namespace {

Choice InSteps(Rollout* rollout, Weight next, const std::string& why, Choice choice) {
  Choice step{.next = next,
              .reason = fmt::format("{}; {} in steps: {}", choice.reason,
                                    choice.end ? "rolled back" : "less", why),
              .end = {},
              .verdict = {},
              .by = choice.by,
              .alert = true};
  if (choice.end) rollout->retreat = std::make_shared<const Choice>(std::move(choice));
  return step;
}

// Why the weight falls all the way now although the baseline is not known to carry it; empty: not
// yet. Users of a baseline that is down would have nobody at all.
std::string WhyNoLonger(const Rollout& rollout, const std::optional<Load>& load, double t_s) {
  const double longest = kLongestLowering * rollout.spec.time_scale;
  if (t_s - rollout.lowering->since_s >= longest)
    return fmt::format("after {:g} s in steps at once", longest);
  const bool alone = load && !load->baseline.up;
  const double harmed = rollout.excess_harmed - rollout.lowering->harmed_then;
  const double drowned = kLoweringHarmTicks * rollout.requests_per_tick.value_or(0.0);
  if (!rollout.retreat || alone || drowned <= 0.0 || harmed < drowned) return "";
  return fmt::format(
      "at once: {:.0f} more were harmed in steps, as many as a baseline that is "
      "drowned harms",
      harmed);
}

Choice Lower(Rollout* rollout, const std::optional<Load>& load, const WeightBounds& bounds,
             double t_s, Choice choice) {
  // A router that says nothing for a while changes no plan.
  const Weight least = load ? bounds.least : rollout->retreat ? rollout->asked : Weight::Zero();
  if (choice.next >= least) {
    rollout->lowering.reset();
    return choice;
  }
  if (!rollout->lowering)
    rollout->lowering = {.since_s = t_s, .harmed_then = rollout->excess_harmed};
  if (const std::string why = WhyNoLonger(*rollout, load, t_s); !why.empty()) {
    choice.reason += "; " + why;
    return choice;
  }
  return InSteps(rollout, std::min(least, rollout->asked),
                 load ? bounds.why_least : "the router does not answer", std::move(choice));
}

Choice Cap(const Rollout& rollout, const WeightBounds& bounds, Choice choice) {
  // Where the baseline cannot take more either, it stays.
  const Weight most = std::max(bounds.most, std::min(bounds.least, rollout.asked));
  if (choice.next <= most) return choice;
  choice.alert = choice.alert || choice.end || most < rollout.asked;
  choice.reason = "capacity: " + bounds.why_most;
  choice.next = most;
  choice.end.reset();
  choice.verdict.reset();
  choice.by.clear();
  return choice;
}

}  // namespace

std::optional<Load> LoadOf(const Rollout& rollout, const Inputs& inputs, Weight given) {
  if (!inputs.load_known || !inputs.health_known) return std::nullopt;
  const auto arm = [](const telemetry::ArmWindow& seen) {
    return ArmLoad{.requests = seen.requests,
                   .in_flight = seen.in_flight,
                   .queued = seen.queued,
                   .most_in_flight = seen.most_in_flight,
                   .up = seen.up};
  };
  return Load{
      .given = given,
      .per_s = rollout.requests_per_tick.value_or(0.0) / rollout.spec.tick_s,
      .seconds = std::max(0.0, inputs.window.t_s - rollout.last.t_s) / rollout.spec.time_scale,
      .canary = arm(inputs.window.canary),
      .baseline = arm(inputs.window.baseline)};
}

Choice WithinCapacity(Rollout* rollout, const std::optional<Load>& load, double t_s,
                      Choice choice) {
  if (!load && !rollout->retreat) return choice;
  const bool protects = rollout->down_ticks > 0 || rollout->stalled_ticks > 0;
  // A person may give more than was carried; to take all away goes in steps for them too.
  const bool ordered = choice.by == "manual" && choice.end != Action::kRollBack;
  if (protects || ordered) return choice;
  WeightBounds bounds;
  if (load)
    bounds = BoundsFor(rollout->carried, *load,
                       {.growth = rollout->spec.policy == Policy::kAdaptive,
                        .proven_bad = choice.verdict == Verdict::kFail});
  if (choice.next < rollout->asked) {
    choice = Lower(rollout, load, bounds, t_s, std::move(choice));
  } else {
    rollout->lowering.reset();
  }
  return Cap(*rollout, bounds, std::move(choice));
}

}  // namespace auspex::rollout
