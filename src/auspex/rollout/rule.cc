#include "auspex/rollout/rule.h"

#include <algorithm>
#include <cmath>

namespace auspex::rollout {

std::size_t MinuteTicks(const Rollout& rollout) {
  return static_cast<std::size_t>(std::max(1L, std::lrint(60.0 / rollout.TickSeconds())));
}

std::optional<std::string> OverErrorLimit(const Rollout& rollout) {
  constexpr double kLeastRequests = 100;
  double errors = 0, requests = 0;
  for (const auto& [k, n] : rollout.minute) errors += k, requests += n;
  if (requests < kLeastRequests || errors <= rollout.spec.error_rate * requests) return {};
  return fmt::format(
      "{:.3g} % of the canary's {:.0f} requests of the last minute failed, the limit is {:g} %",
      100.0 * errors / requests, requests, 100.0 * rollout.spec.error_rate);
}

Choice ChooseRule(const Rollout& rollout, const TickView& tick) {
  const double confidence = 1.0 - rollout.evidence->p_fail();
  if (confidence < 0.3) {
    return {.next = Weight::Zero(),
            .reason = fmt::format("confidence {:.3g} is below 0.3; most speaks {}", confidence,
                                  ProofSentence(rollout)),
            .end = Action::kRollBack,
            .verdict = Verdict::kFail,
            .by = "prediction",
            .alert = true};
  }
  if (const std::optional<std::string> over = OverErrorLimit(rollout)) {
    return {.next = Weight::Zero(),
            .reason = *over,
            .end = Action::kRollBack,
            .verdict = Verdict::kFail,
            .by = "rule",
            .alert = true};
  }
  Choice choice{.next = rollout.asked, .reason = "plain rule", .end = {}, .verdict = {}, .by = {}};
  if (rollout.paused || !tick.hold.empty()) {
    choice.reason = rollout.paused ? "paused by a person" : tick.hold + ": holding";
    choice.alert = !tick.hold.empty();
    return choice;
  }
  if (static_cast<std::size_t>(rollout.ticks) % MinuteTicks(rollout) != 0) return choice;
  const int now = rollout.asked.bp();
  const int next = now + (now < 5000 ? 1000 : 500);
  if (next >= Weight::kWholeBp) {
    return {.next = Weight::Whole(),
            .reason = "the last step",
            .end = Action::kPromote,
            .verdict = Verdict::kPass,
            .by = {}};
  }
  choice.next = Weight::FromBp(next).value_or(rollout.asked);
  return choice;
}

}  // namespace auspex::rollout
