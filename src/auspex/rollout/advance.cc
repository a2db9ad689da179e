#include <algorithm>
#include <cassert>
#include <cmath>

#include "auspex/rollout/adaptive.h"
#include "auspex/rollout/live_noise.h"
#include "auspex/rollout/look.h"
#include "auspex/rollout/lowering.h"
#include "auspex/rollout/observing.h"
#include "auspex/rollout/orders.h"
#include "auspex/rollout/pace.h"
#include "auspex/rollout/rollout.h"
#include "auspex/rollout/rule.h"
#include "auspex/rollout/starting.h"
#include "auspex/rollout/steps.h"
#include "auspex/rollout/strategy.h"

namespace auspex::rollout {
namespace {

using telemetry::ArmWindow;
using telemetry::Window;

constexpr int kDownTicks = 3;  // then "canary down" is a fact (section 7)

double PriorOdds(const RolloutSpec& spec) {
  const double p = std::clamp(spec.risk, .005, .8);
  return p / (1.0 - p);
}

evidence::CanaryEvidence MakeEvidence(const Rollout& rollout) {
  return evidence::CanaryEvidence({.history = rollout.spec.history,
                                   .tick_s = rollout.TickSeconds(),
                                   .prior_odds = PriorOdds(rollout.spec),
                                   .rules = StrategyOf(rollout).rules});
}

// The canary's error in a tick at `next` that an honest canary nearly never reaches (section 12.1).
std::optional<double> FuseOf(const Rollout& rollout, Weight next) {
  if (!rollout.spec.fuse || !IsPlanned(rollout) || !rollout.requests_per_tick ||
      next == Weight::Zero()) {
    return std::nullopt;
  }
  const double expected = *rollout.requests_per_tick * next.share() * rollout.evidence->ErrorRate();
  return std::ceil(expected + 4.0 * std::sqrt(expected + 1.0) + 5.0);
}

Decision Decide(const Rollout& rollout, double t_s, const Choice& choice) {
  const evidence::CanaryEvidence& evidence = *rollout.evidence;
  Decision decision{.t_s = t_s,
                    .action = choice.next > rollout.asked   ? Action::kAdvance
                              : choice.next < rollout.asked ? Action::kLimit
                                                            : Action::kHold,
                    .weight = choice.next,
                    .confidence = 1.0 - evidence.p_fail(),
                    .log_e = evidence.log_e(),
                    .p_fail = evidence.p_fail(),
                    .requests_needed = {},
                    .fuse = {},
                    .verdict = choice.verdict,
                    .reason = choice.reason,
                    .by = choice.by};
  if (choice.end) {
    decision.action = *choice.end;
    return decision;
  }
  const bool between = choice.next > Weight::Zero() && choice.next < Weight::Whole();
  decision.requests_needed =
      evidence.RequestsNeeded({.w = (between ? choice.next : rollout.asked).share(),
                               .alpha = rollout.spec.alpha,
                               .ratio = rollout.spec.detect,
                               .requests_per_tick = rollout.requests_per_tick.value_or(0.0)});
  if (rollout.phase == Phase::kRunning) decision.fuse = FuseOf(rollout, choice.next);
  return decision;
}

Turn Finish(Rollout rollout, double t_s, const Choice& choice) {
  Turn turn;
  turn.decision = Decide(rollout, t_s, choice);
  turn.commands.push_back({.kind = Command::Kind::kSetWeight, .weight = choice.next});
  if (choice.alert)
    turn.commands.push_back({.kind = Command::Kind::kAlert, .weight = {}, .text = choice.reason});
  if (choice.end) {
    turn.commands.push_back({.kind = Command::Kind::kFinish, .weight = {}});
    rollout.phase = Phase::kEnded;
  }
  rollout.asked = choice.next;
  rollout.last = turn.decision;
  turn.next = std::move(rollout);
  return turn;
}

Weight FirstWeight(const Rollout& rollout) {
  switch (rollout.spec.policy) {
    case Policy::kRule:
      return Weight::FromBp(kRuleFirstBp).value_or(Weight::Zero());
    case Policy::kSteps:
      return rollout.spec.steps.front().weight;
    case Policy::kAdaptive:
      break;
  }
  return NextWeight(rollout, {.first = true}).next;
}

// Nothing is assumed silently.
std::string WithAssumptions(std::string reason, const std::vector<Assumption>& assumed) {
  std::string_view before = "; assumed: ";
  for (const Assumption& assumption : assumed) {
    reason += fmt::format("{}{}", before, assumption.text);
    before = "; ";
  }
  return reason;
}

// With what is tolerated more than usual, and why.
std::string FirstReason(const evidence::History& history) {
  std::string reason = "first weight";
  const auto& latency = history.latency_tolerated;
  if (std::max({latency[0], latency[1], latency[2]}) > evidence::kToleratedRatio)
    reason += fmt::format(
        "; latency comes in buckets, so {:.3g} times as many requests above p50, {:.3g} above p90 "
        "and {:.3g} above p99 are tolerated",
        latency[0], latency[1], latency[2]);
  for (const evidence::History::Behaviour& behaviour : history.behaviour) {
    if (behaviour.tolerated > evidence::kToleratedRatio)
      reason += fmt::format("; {} has no history: {:g} times the baseline's rate is tolerated",
                            behaviour.name, behaviour.tolerated);
  }
  return reason;
}

// What is configured and has no data is not judged silently.
void AddUnseen(const std::vector<std::string>& unseen, std::string* reason) {
  if (!unseen.empty()) *reason += fmt::format("; not seen: {}", fmt::join(unseen, "; "));
}

// From observing, or at once, to the first weight.
Turn BeginRunning(Rollout rollout, double t_s) {
  rollout.phase = Phase::kRunning;
  rollout.origin_s = t_s;
  if (rollout.spec.requests_per_s > 0)
    rollout.requests_per_tick = rollout.spec.requests_per_s * rollout.spec.tick_s;
  rollout.evidence = MakeEvidence(rollout);
  const Weight first = FirstWeight(rollout);
  Choice choice{.next = first,
                .reason = WithAssumptions(FirstReason(rollout.spec.history), rollout.spec.assumed),
                .end = {},
                .verdict = {},
                .by = {}};
  Turn turn = Finish(std::move(rollout), t_s, choice);
  if (turn.next.spec.edges)
    turn.commands.insert(
        turn.commands.begin(),
        {.kind = Command::Kind::kSetEdges, .weight = {}, .edges = *turn.next.spec.edges});
  return turn;
}

Turn BeginObserving(Rollout rollout, double t_s) {
  rollout.phase = Phase::kObserving;
  rollout.origin_s = t_s;
  const std::vector<Assumption> assumed = rollout.spec.assumed;
  rollout.evidence = MakeEvidence(rollout);
  Turn turn = Finish(std::move(rollout), t_s,
                     {.next = Weight::Zero(),
                      .reason = WithAssumptions(
                          "no history of this service: observing the baseline first", assumed),
                      .end = {},
                      .verdict = {},
                      .by = {}});
  turn.decision.requests_needed = turn.next.last.requests_needed = ObservationNeeded(turn.next);
  return turn;
}

// Its slot is put in service first: only then is what runs there checked.
Turn BeginStarting(Rollout rollout, double t_s) {
  rollout.phase = Phase::kStarting;
  rollout.origin_s = t_s;
  Inputs down;
  down.window.t_s = t_s;
  down.window.canary.up = false;
  rollout.evidence = MakeEvidence(rollout);
  const Choice choice = AwaitCanary(rollout, down);
  Turn turn = Finish(std::move(rollout), t_s, choice);
  turn.decision.requests_needed = turn.next.last.requests_needed = std::nullopt;
  turn.commands.insert(turn.commands.begin(), {.kind = Command::Kind::kAdmit, .weight = {}});
  return turn;
}

// To the first weight, once the canary can take it.
Turn BeginTraffic(Rollout rollout, double t_s, bool canary_up) {
  return MustAwait(rollout.spec, canary_up) ? BeginStarting(std::move(rollout), t_s)
                                            : BeginRunning(std::move(rollout), t_s);
}

Turn Begin(Rollout rollout, double t_s, bool canary_up) {
  return rollout.spec.observe ? BeginObserving(std::move(rollout), t_s)
                              : BeginTraffic(std::move(rollout), t_s, canary_up);
}

Choice Waits(const Rollout& rollout) {
  const RolloutSpec& spec = rollout.spec;
  const Approval& approval = *spec.approval;
  return {
      .next = Weight::Zero(),
      .reason = fmt::format(
          "waiting for approval: the risk {:.3g} % is above {:g} %; an operator answers with "
          "`auspex rollout approve {} --reason …`, or reject; without an answer it is {} {} after "
          "it was announced",
          100.0 * spec.risk, 100.0 * approval.above_risk, spec.deployment,
          approval.at_timeout == AtTimeout::kReject ? "rejected" : "approved",
          ToText(FromSeconds(approval.timeout_s))),
      .end = {},
      .verdict = {},
      .by = {},
      .alert = true};
}

// Who says yes or no decides; nobody in time: what the spec says.
Turn AdvanceWaiting(Rollout rollout, const Inputs& inputs) {
  const double t_s = inputs.window.t_s;
  const Choice choice = ApplyOrders(&rollout, inputs.orders, Waits(rollout));
  const auto yes = std::find_if(inputs.orders.begin(), inputs.orders.end(), [](const Order& order) {
    return order.kind == Order::Kind::kApprove;
  });
  const Approval& approval = *rollout.spec.approval;
  const bool late = t_s >= approval.timeout_s;
  if (!choice.end &&
      (yes != inputs.orders.end() || (late && approval.at_timeout == AtTimeout::kApprove))) {
    const bool up = CanaryIsUp(rollout.spec, inputs);
    Turn turn = Begin(std::move(rollout), t_s, up);
    turn.decision.reason = turn.next.last.reason =
        yes != inputs.orders.end()
            ? fmt::format("approved by {}: {}; {}", yes->actor, yes->reason, turn.decision.reason)
            : fmt::format("nobody said no in time; {}", turn.decision.reason);
    return turn;
  }
  if (!choice.end && late) {
    return Finish(std::move(rollout), t_s,
                  {.next = Weight::Zero(),
                   .reason = "nobody approved it in time",
                   .end = Action::kRollBack,
                   .verdict = Verdict::kNotProven,
                   .by = "approval",
                   .alert = true});
  }
  return Finish(std::move(rollout), t_s, choice);
}

// All of the traffic, while the canary has none.
void CarryObserved(Rollout* rollout, const Inputs& inputs) {
  std::optional<Load> load = LoadOf(*rollout, inputs, Weight::Zero());
  if (!load) return;
  load->per_s =
      load->baseline.requests / std::max(inputs.window.t_s - rollout->last.t_s, inputs.covers_s);
  rollout->carried = Carry(rollout->carried, *load);
}

Turn AdvanceObserving(Rollout rollout, const Inputs& inputs) {
  const double t_s = inputs.window.t_s;
  CarryObserved(&rollout, inputs);
  AddBehaviour(CountsOf(inputs.window, 0).behaviour, &rollout.behaviour);
  const bool enough = ObserveTick(&rollout, inputs);
  LearnGauges(inputs.window, &rollout);
  const double needed = ObservationNeeded(rollout);
  Choice choice{
      .next = Weight::Zero(),
      .reason = fmt::format("observing the baseline: {:.0f} requests seen, {:.0f} more wanted",
                            rollout.observed_requests, needed),
      .end = {},
      .verdict = {},
      .by = {}};
  if (!inputs.hold.empty()) {
    choice.reason = inputs.hold + ": holding";
    choice.alert = true;
  }
  AddUnseen(inputs.unseen, &choice.reason);
  choice = ApplyOrders(&rollout, inputs.orders, choice);
  rollout.last.t_s = t_s;
  if (enough && !choice.end && !rollout.paused) {
    LearnHistory(&rollout);
    const bool up = CanaryIsUp(rollout.spec, inputs);
    return BeginTraffic(std::move(rollout), t_s, up);
  }
  Turn turn = Finish(std::move(rollout), t_s, choice);
  if (!choice.end) turn.decision.requests_needed = turn.next.last.requests_needed = needed;
  return turn;
}

Turn AdvanceStarting(Rollout rollout, const Inputs& inputs) {
  const double t_s = inputs.window.t_s;
  CarryObserved(&rollout, inputs);
  const Choice choice = ApplyOrders(&rollout, inputs.orders, AwaitCanary(rollout, inputs));
  rollout.last.t_s = t_s;
  if (!choice.end && !rollout.paused && inputs.hold.empty() && CanaryIsUp(rollout.spec, inputs))
    return BeginRunning(std::move(rollout), t_s);
  Turn turn = Finish(std::move(rollout), t_s, choice);
  turn.decision.requests_needed = turn.next.last.requests_needed = std::nullopt;
  return turn;
}

// The tick in which the router was found to give other shares than planned.
Choice WithoutPlan(const Rollout& rollout, Choice choice) {
  choice.next = std::min(choice.next, rollout.asked);
  choice.alert = true;
  choice.reason =
      "the router does not give the planned share of the requests: holding; from now on the counts "
      "tell the shares, and what spoke against the canary before has been struck out";
  return choice;
}

Turn AdvanceRunning(Rollout rollout, const Inputs& inputs) {
  const Window& window = inputs.window;
  // Six decimals: the sum of many ticks must meet the limits exactly.
  rollout.t = std::round((window.t_s - rollout.origin_s) / rollout.spec.time_scale * 1e6) / 1e6;
  const int given_bp = inputs.weight_given.value_or(rollout.asked).bp();
  const evidence::TickContext context = ContextOf(rollout, inputs, given_bp);
  const TickView view = LookAt(&rollout, inputs, given_bp);
  const std::optional<Load> load =
      LoadOf(rollout, inputs, inputs.weight_given.value_or(rollout.asked));
  if (load) rollout.carried = Carry(rollout.carried, *load);
  PushBounded(&rollout.past_bp, given_bp,
              static_cast<std::size_t>(std::max(1L, std::lrint(10.0 / rollout.TickSeconds()))));
  if (rollout.down_ticks >= kDownTicks) {
    return Finish(
        std::move(rollout), window.t_s,
        {.next = Weight::Zero(),
         .reason = "the proxy reports the canary down for three ticks while the baseline is up",
         .end = Action::kRollBack,
         .verdict = Verdict::kFail,
         .by = "canary down",
         .alert = true});
  }
  const evidence::TickCounts counts = CountsOf(window, rollout.evidence->routes());
  AddBehaviour(counts.behaviour, &rollout.behaviour);
  const bool share_disproved = rollout.evidence->share_disproved();
  // A fuse stops at what the counts say: without planned shares such a tick would lie.
  if (inputs.stopped_at_s == 0.0 || context.planned_share > 0.0)
    rollout.evidence->Step(counts, context);
  // A count that was stopped at by what it says is no sample of anything else.
  if (inputs.stopped_at_s == 0.0) LearnFromCounts(counts, window, &rollout);
  LearnGauges(window, &rollout);
  ++rollout.ticks;
  if (rollout.spec.policy != Policy::kAdaptive) {
    PushBounded(&rollout.minute, std::pair(view.canary_errors, view.canary_requests),
                MinuteTicks(rollout));
  }
  Choice choice;
  switch (rollout.spec.policy) {
    case Policy::kAdaptive:
      choice = ChooseAdaptive(rollout, view);
      break;
    case Policy::kSteps:
      choice = ChooseSteps(&rollout, view);
      break;
    case Policy::kRule:
      choice = ChooseRule(rollout, view);
      break;
  }
  if (!share_disproved && rollout.evidence->share_disproved() && !choice.end)
    choice = WithoutPlan(rollout, std::move(choice));
  rollout.awaits_person |= choice.awaits_person;
  if (rollout.retreat) choice = *rollout.retreat;  // decided, and not yet through
  choice = ApplyOrders(&rollout, inputs.orders, std::move(choice));
  choice = WithinCapacity(&rollout, load, window.t_s, std::move(choice));
  AddUnseen(inputs.unseen, &choice.reason);
  return Finish(std::move(rollout), window.t_s, choice);
}

}  // namespace

double Rollout::TickSeconds() const {
  return std::round(spec.tick_s / spec.time_scale * 1e9) / 1e9;
}

Turn Start(const RolloutSpec& spec) {
  Rollout rollout;
  rollout.spec = spec;
  if (!spec.approval || spec.risk <= spec.approval->above_risk)
    return Begin(std::move(rollout), 0.0, spec.canary_up);
  rollout.phase = Phase::kWaiting;
  rollout.evidence = MakeEvidence(rollout);
  const Choice choice = Waits(rollout);
  return Finish(std::move(rollout), 0.0, choice);
}

Turn Advance(Rollout&& rollout, const Inputs& inputs) {
  if (rollout.phase == Phase::kEnded) {
    const Decision last = rollout.last;
    Turn turn{.next = std::move(rollout), .commands = {}, .decision = last};
    turn.decision.t_s = inputs.window.t_s;
    return turn;
  }
  assert(inputs.window.t_s > rollout.last.t_s);  // the caller checks the order of ticks
  switch (rollout.phase) {
    case Phase::kWaiting:
      return AdvanceWaiting(std::move(rollout), inputs);
    case Phase::kObserving:
      return AdvanceObserving(std::move(rollout), inputs);
    case Phase::kStarting:
      return AdvanceStarting(std::move(rollout), inputs);
    case Phase::kRunning:
    case Phase::kEnded:
      break;
  }
  return AdvanceRunning(std::move(rollout), inputs);
}

std::string_view Name(Action action) {
  switch (action) {
    case Action::kAdvance:
      return "advance";
    case Action::kHold:
      return "hold";
    case Action::kLimit:
      return "limit";
    case Action::kPromote:
      return "promote";
    case Action::kRollBack:
      return "roll_back";
  }
  return "hold";
}

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kFail:
      return "fail";
    case Verdict::kNotProven:
      return "not_proven";
  }
  return "not_proven";
}

}  // namespace auspex::rollout
