#include "auspex/rollout/steps.h"

#include <algorithm>
#include <cmath>

#include "auspex/rollout/rule.h"

namespace auspex::rollout {
namespace {

// Of one tick: what passes while the daemon is away is not watched.
constexpr double kMostTicks = 2.0;
// Of a step's weight: a router's nearest one is this close.
constexpr double kAsGoodAsGiven = 0.8;

// Did the tick go by at the step's weight? Not while a person's or the capacity's is in force, or
// the router's is yet to come.
bool AtItsWeight(const Rollout& rollout, const TickView& tick) {
  const Weight wanted = rollout.spec.steps[rollout.step].weight;
  return rollout.asked >= wanted && tick.given.share() >= kAsGoodAsGiven * wanted.share();
}

Choice Fails(std::string reason, std::string by) {
  return {.next = Weight::Zero(),
          .reason = std::move(reason),
          .end = Action::kRollBack,
          .verdict = Verdict::kFail,
          .by = std::move(by),
          .alert = true};
}

}  // namespace

Choice ChooseSteps(Rollout* rollout, const TickView& tick) {
  const RolloutSpec& spec = rollout->spec;
  if (rollout->evidence->log_e() >= -std::log(spec.alpha))
    return Fails("proven: " + ProofSentence(*rollout), "evidence");
  if (const std::optional<std::string> over = OverErrorLimit(*rollout))
    return Fails(*over, "steps");
  Choice choice{.next = rollout->asked, .reason = {}, .end = {}, .verdict = {}, .by = {}};
  if (rollout->down_ticks > 0) {
    choice.next = Weight::Zero();
    choice.reason = "the canary is down";
    choice.alert = true;
    return choice;
  }
  if (rollout->paused || !tick.hold.empty()) {
    choice.reason = rollout->paused ? "paused by a person; a failed gate still rolls back"
                                    : tick.hold + ": holding";
    choice.alert = !rollout->paused;
    return choice;
  }
  const std::size_t before = rollout->step;
  const bool at_weight = AtItsWeight(*rollout, tick);
  if (!tick.silent && at_weight)
    rollout->step_seen_s += std::min(tick.seconds, kMostTicks * spec.tick_s);
  if (rollout->step_seen_s >= spec.steps[rollout->step].for_s - 1e-9) {
    ++rollout->step;
    rollout->step_seen_s = 0.0;
  }
  if (rollout->step == spec.steps.size()) {
    rollout->step = before;  // ended: it stays a step that there is
    // The gates are E and the error limit, so nothing that is likely alone stands in the way: then
    // at least it is told.
    const evidence::CanaryEvidence& evidence = *rollout->evidence;
    Choice promotion{
        .next = Weight::Whole(),
        .reason = fmt::format("the last step is over, and each gate held: E = {:.3g} "
                              "of {:g}; P(fail) is {:.2g}",
                              std::exp(evidence.log_e()), 1.0 / spec.alpha, evidence.p_fail()),
        .end = Action::kPromote,
        .verdict = Verdict::kPass,
        .by = {}};
    if (evidence.p_fail() > spec.risk) {
      promotion.alert = true;
      promotion.reason += fmt::format(
          ", more than before the rollout ({:.2g}), and no gate of a ladder; most speaks {}",
          spec.risk, MostSpeaks(*rollout));
    }
    // A ladder that is over before the warm-up was no test of the latency.
    if (rollout->t <= rollout->WarmUp()) {
      promotion.verdict = Verdict::kNotProven;
      promotion.by = "steps";
      promotion.reason += fmt::format(
          "; its latency was not judged: the warm-up lasts {:g} s, longer than the steps",
          spec.warm_up_s);
    }
    return promotion;
  }
  const LadderStep& step = spec.steps[rollout->step];
  choice.next = step.weight;
  choice.reason = fmt::format("step {} of {}: {:.0f} s of {:.0f} s with traffic", rollout->step + 1,
                              spec.steps.size(), rollout->step_seen_s, step.for_s);
  if (!at_weight && rollout->step == before) {
    choice.reason += fmt::format("; the weight is {} and not yet the step's: its time waits",
                                 std::min(tick.given, rollout->asked).ToPercent());
  } else if (tick.silent && rollout->step == before) {
    choice.reason +=
        fmt::format("; no requests on the {}", tick.canary_requests == 0 ? "canary" : "baseline");
  }
  return choice;
}

}  // namespace auspex::rollout
