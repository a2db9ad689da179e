#include "auspex/rollout/adaptive.h"

#include <algorithm>
#include <cmath>

#include "auspex/rollout/pace.h"
#include "auspex/rollout/strategy.h"

namespace auspex::rollout {
namespace {

constexpr double kLowConfidence = 0.3;
constexpr std::size_t kPromotionTicks = 6;

Choice RollBack(Verdict verdict, std::string reason, std::string by) {
  return {.next = Weight::Zero(),
          .reason = std::move(reason),
          .end = Action::kRollBack,
          .verdict = verdict,
          .by = std::move(by),
          .alert = true};
}

Choice Promote(Verdict verdict, std::string reason, std::string by) {
  return {.next = Weight::Whole(),
          .reason = std::move(reason),
          .end = Action::kPromote,
          .verdict = verdict,
          .by = std::move(by),
          .alert = false};
}

// Both arms answered in the last six ticks, and in each one where five or more requests were to be
// expected.
bool Alive(const Rollout& rollout) {
  if (rollout.seen.size() < kPromotionTicks) return false;
  double canary = 0, baseline = 0;
  for (const Rollout::Seen& seen : rollout.seen) {
    if (!seen.both_expected) return false;
    canary += seen.canary;
    baseline += seen.baseline;
  }
  return canary > 0 && baseline > 0;
}

constexpr std::string_view kHighLoad = "high.", kBehaviour = "behaviour.";

// What the metric counts, as a person would say it.
std::string MetricInWords(std::string_view name, const std::vector<std::string>& routes) {
  if (name.starts_with(kHighLoad))
    return MetricInWords(name.substr(kHighLoad.size()), routes) + " at high load";
  if (name.starts_with("route")) {
    const std::size_t index = static_cast<std::size_t>(std::stoul(std::string(name.substr(5))));
    const bool named = index < routes.size() && !routes[index].empty();
    return named ? fmt::format("errors of route {}", routes[index])
                 : fmt::format("errors of {}", name);
  }
  if (name == "t50") return "requests slower than the baseline's median";
  if (name == "t90") return "requests slower than the baseline's p90";
  if (name == "t99") return "requests slower than the baseline's p99";
  if (name == "t999") return "requests slower than the baseline's p99.9";
  if (name.starts_with(kBehaviour))
    return fmt::format("{} that did not succeed", name.substr(kBehaviour.size()));
  if (name.starts_with("level.")) return fmt::format("{} above the baseline's", name.substr(6));
  if (name.starts_with("slope."))
    return fmt::format("{} growing against the baseline's", name.substr(6));
  return std::string(name);
}

std::optional<std::string> BehaviourInWords(const Rollout& rollout, std::string_view name) {
  const auto& known = rollout.spec.history.behaviour;
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.name == name; });
  const auto i = static_cast<std::size_t>(found - known.begin());
  if (i >= rollout.behaviour.size()) return std::nullopt;
  const evidence::Counts& seen = rollout.behaviour[i];
  const auto percent = [](double events, double all) { return all > 0 ? 100 * events / all : 0.0; };
  return fmt::format("{:.3g} % of the canary's {:.0f}, {:.3g} % of the baseline's {:.0f}",
                     percent(seen.canary_events, seen.canary_requests), seen.canary_requests,
                     percent(seen.baseline_events, seen.baseline_requests), seen.baseline_requests);
}

// Of a metric that all requests count for.
std::optional<std::string> CountsInWords(const Rollout& rollout, const std::string& name) {
  if (name.starts_with(kBehaviour))
    return BehaviourInWords(rollout, std::string_view(name).substr(kBehaviour.size()));
  static constexpr std::string_view kEdges[] = {"t50", "t90", "t99", "t999"};
  const auto edge = std::find(std::begin(kEdges), std::end(kEdges), name);
  const bool slower = edge != std::end(kEdges);
  if (name != "errors" && !slower) return std::nullopt;
  const auto i = static_cast<std::size_t>(edge - std::begin(kEdges));
  const auto events = [&](const Rollout::Totals& arm) {
    return slower ? arm.slower[i] : arm.errors;
  };
  const auto percent = [&](const Rollout::Totals& arm) {
    return arm.requests > 0 ? 100.0 * events(arm) / arm.requests : 0.0;
  };
  return fmt::format("{:.3g} % of the canary's {:.0f} requests, {:.3g} % of the baseline's {:.0f}",
                     percent(rollout.canary), rollout.canary.requests, percent(rollout.baseline),
                     rollout.baseline.requests);
}

std::optional<Choice> AtTheDeadline(const Rollout& rollout, const TickView& tick,
                                    double throttle_p_fail) {
  if (rollout.t < rollout.Deadline() || rollout.paused || !tick.hold.empty()) return std::nullopt;
  const bool below = rollout.asked.bp() < kAlmostWholeBp;
  using Deadline = Strategy::Deadline;
  Deadline says = StrategyOf(rollout).at_deadline(rollout, throttle_p_fail);
  // Once a person was asked nothing promotes it but that person's answer.
  if (rollout.awaits_person && says == Deadline::kPromote) says = Deadline::kPerson;
  switch (says) {
    case Deadline::kRollBack:
      return RollBack(Verdict::kNotProven,
                      below ? "the deadline came with the canary still below 90 % of the traffic"
                            : "the deadline came and at_deadline says roll back",
                      "deadline");
    case Deadline::kSuspect:
      return RollBack(Verdict::kNotProven,
                      "the deadline came, and it looks rather faulty than not; most speaks " +
                          MostSpeaks(rollout),
                      "deadline");
    case Deadline::kPromote:
      if (!Alive(rollout)) break;
      return Promote(Verdict::kNotProven, "no evidence against it, too little for it", "deadline");
    case Deadline::kPerson:
      return Choice{
          .next = rollout.asked,
          .reason =
              "the deadline came, and it is neither proven good nor bad: a person promotes "
              "or aborts it; it is held until then, and rolled back if it comes to look "
              "faulty",
          .end = {},
          .verdict = {},
          .by = {},
          .alert = true,
          .awaits_person = true};
    case Deadline::kHold:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::string MetricSentence(const Rollout& rollout, const std::string& name) {
  const std::string words = MetricInWords(name, rollout.spec.route_names);
  const std::optional<std::string> counts = CountsInWords(rollout, name);
  return counts ? words + ": " + *counts : words;
}

std::string MostSpeaks(const Rollout& rollout) {
  const std::vector<evidence::MetricState> metrics = rollout.evidence->Metrics();
  const auto first =
      std::max_element(metrics.begin(), metrics.end(),
                       [](const auto& a, const auto& b) { return a.share < b.share; });
  return MetricSentence(rollout, first->name);
}

std::string ProofSentence(const Rollout& rollout) {
  return fmt::format("{}; E = {:.3g} against a bar of {:.3g}", MostSpeaks(rollout),
                     std::exp(std::min(rollout.evidence->log_e(), 700.0)),
                     1.0 / rollout.spec.alpha);
}

namespace {

// Proven, or predicted with confidence.
std::optional<Choice> Convict(const Rollout& rollout) {
  const evidence::CanaryEvidence& evidence = *rollout.evidence;
  const double confidence = 1.0 - evidence.p_fail();
  if (evidence.log_e() >= -std::log(rollout.spec.alpha))
    return RollBack(Verdict::kFail, "proven: " + ProofSentence(rollout), "evidence");
  if (confidence < rollout.spec.rollback_below) {
    return RollBack(Verdict::kFail,
                    fmt::format("predicted: confidence {:.3g} is below {:g}; most speaks {}",
                                confidence, rollout.spec.rollback_below, ProofSentence(rollout)),
                    "prediction");
  }
  return std::nullopt;
}

// Why the weight is no larger, where only time can tell.
std::string AtTheCap(const Rollout& rollout, Weight cap) {
  const auto wall_s = [&](double end) { return (end - rollout.t) * rollout.spec.time_scale; };
  const std::string most = fmt::format("{:g} % is the most", 100.0 * cap.share());
  if (rollout.t < rollout.WarmUp())
    return fmt::format("{} while it warms up, {:.0f} s more", most, wall_s(rollout.WarmUp()));
  if (rollout.t < rollout.Bake())
    return fmt::format("{} before it is promoted; baking for {:.0f} s more", most,
                       wall_s(rollout.Bake()));
  return most + " before it is promoted";
}

// The pace's weight, and why no larger one.
Choice ByPace(const Rollout& rollout, const PaceStep& pace, std::string_view silent_arm) {
  const double confidence = 1.0 - rollout.evidence->p_fail();
  const bool less = pace.next < rollout.asked;
  Choice choice{
      .next = pace.next, .reason = "as the harm budget allows", .end = {}, .verdict = {}, .by = {}};
  if (less) {
    choice.reason = "less, as the harm budget allows";
    if (pace.view.most_begun > pace.view.coming)
      choice.reason += "; suspected most: " +
                       MetricSentence(rollout, rollout.evidence->NameOfThrottle(pace.view.most));
  } else if (pace.capped) {
    choice.reason = AtTheCap(rollout, pace.next);
  }
  if (1.0 - StrategyOf(rollout).doubt(rollout) < kLowConfidence) {
    choice.reason =
        fmt::format("confidence {:.3g} is below {:g}: no more than {}", confidence, kLowConfidence,
                    pace.next > rollout.asked ? "the least weight" : "it has");
    choice.alert = true;
  } else if (confidence < kLowConfidence) {
    choice.reason += fmt::format(
        "; confidence {:.3g}, from high load alone, where it has to be seen again", confidence);
  }
  if (!silent_arm.empty() && rollout.asked > Weight::Zero()) {
    choice.reason = fmt::format("no requests on the {}: {}", silent_arm,
                                less ? choice.reason : "silence holds the weight");
  }
  return choice;
}

// What protects users whatever the pace wants: less for a canary that is stalled, nothing for one
// that is down. Whether one is.
bool Protect(const Rollout& rollout, const TickView& tick, Choice* choice) {
  const Weight now = rollout.asked;
  const double patience =
      std::max(2.0, std::ceil(4.0 * rollout.spec.t99_s / rollout.spec.tick_s - 1e-9));
  const bool stalled = rollout.stalled_ticks >= patience;
  if (stalled) {
    choice->next = std::min(now, LeastWeight(rollout));
    choice->reason = "the canary is stalled: requests in flight and none finished";
    choice->alert = true;
  }
  if (rollout.down_ticks > 0) {
    choice->next = Weight::Zero();
    choice->reason = "the canary is down";
    choice->alert = true;
  } else if (now == Weight::Zero() && tick.hold.empty()) {
    if (tick.baseline_requests == 0) choice->next = Weight::Zero();
    choice->reason =
        tick.baseline_requests == 0 ? "no requests on the baseline" : "up again: the least weight";
  }
  return stalled || rollout.down_ticks > 0;
}

}  // namespace

Choice ChooseAdaptive(const Rollout& rollout, const TickView& tick) {
  if (std::optional<Choice> convicted = Convict(rollout)) return *std::move(convicted);
  const std::string_view silent_arm = StrategyOf(rollout).silent_arm(rollout);
  const bool may_rise = silent_arm.empty() && tick.hold.empty() && !rollout.paused;
  const PaceStep pace = NextWeight(rollout, {.may_rise = may_rise});
  const std::optional<Choice> late = AtTheDeadline(rollout, tick, pace.view.p_fail);
  if (late && late->end) return *late;
  const Weight now = rollout.asked;
  Choice choice = ByPace(rollout, pace, silent_arm);
  if (late) {
    choice.next = std::min(choice.next, late->next);
    choice.reason = late->reason;
    choice.alert = true;
    choice.awaits_person = late->awaits_person;
  }
  if (!tick.hold.empty()) {
    choice.reason =
        tick.hold + ": " + (pace.next < now ? "no more; and " + choice.reason : "holding");
    choice.alert = true;
    if (now == Weight::Zero()) choice.next = now;
  }
  const bool protects = Protect(rollout, tick, &choice);
  if (rollout.paused) {
    // A person's pause stops the pace, not what protects users.
    choice.next = std::min(now, choice.next);
    if (!protects) choice.next = now;
    choice.reason = choice.alert ? "paused by a person; " + choice.reason
                                 : "paused by a person; evidence still rolls back";
    return choice;
  }
  if (rollout.t >= rollout.Bake() && tick.hold.empty() && !rollout.awaits_person &&
      Alive(rollout) && StrategyOf(rollout).done(rollout, choice.next, pace.view.p_fail)) {
    return Promote(Verdict::kPass, "baked, and no sign of a fault", "");
  }
  return choice;
}

}  // namespace auspex::rollout
