#include "auspex/rollout/orders.h"

#include <fmt/format.h>

namespace auspex::rollout {
namespace {

using Kind = Order::Kind;

Choice Ordered(Weight next, std::string reason) {
  return {.next = next, .reason = std::move(reason), .end = {}, .verdict = {}, .by = "manual"};
}

Choice Ended(Action end, std::string reason) {
  return {.next = end == Action::kPromote ? Weight::Whole() : Weight::Zero(),
          .reason = std::move(reason),
          .end = end,
          .verdict = Verdict::kNotProven,
          .by = "manual"};
}

}  // namespace

Choice ApplyOrders(Rollout* rollout, const std::vector<Order>& orders, Choice choice) {
  for (const Order& order : orders) {
    if (choice.end == Action::kRollBack) return choice;
    const std::string who = fmt::format("by {}: {}", order.actor, order.reason);
    switch (order.kind) {
      case Kind::kPause:
      case Kind::kResume: {
        rollout->paused = order.kind == Kind::kPause;
        if (choice.end) break;  // an order before it ended the rollout
        // Neither gives back what the tick takes from a canary that is down or stalled.
        const bool less = choice.alert && choice.next < rollout->asked;
        std::string said = (rollout->paused ? "paused " : "resumed ") + who;
        if (less) said += "; " + choice.reason;
        const bool alert = less;
        choice = Ordered(less ? choice.next : rollout->asked, std::move(said));
        choice.alert = alert;
        break;
      }
      case Kind::kWeight:
        rollout->paused = true;
        choice = Ordered(order.weight, "weight set " + who);
        break;
      case Kind::kPromote:
        choice = Ended(Action::kPromote, "promoted " + who);
        break;
      case Kind::kAbort:
        choice = Ended(Action::kRollBack, "aborted " + who);
        break;
      case Kind::kReject:
        choice = Ended(Action::kRollBack, "rejected " + who);
        break;
      case Kind::kApprove:
        break;  // means something only to one that waits
    }
  }
  return choice;
}

std::string WhyNot(const Rollout& rollout, Kind kind) {
  const bool answer = kind == Kind::kApprove || kind == Kind::kReject;
  if (rollout.phase == Phase::kEnded) return "is ending";
  if (rollout.retreat) return "is rolled back in steps, as fast as the baseline can carry it";
  if (rollout.phase == Phase::kWaiting && !answer && kind != Kind::kAbort)
    return "waits for approval; approve or reject it first";
  if (rollout.phase != Phase::kWaiting && answer) return "does not wait for approval";
  if (rollout.phase == Phase::kStarting && (kind == Kind::kWeight || kind == Kind::kPromote))
    return "waits for its canary's health check: the router reports it down, so its requests would "
           "fail; start the new version at its server and order again once the rollout runs, or "
           "abort it";
  if (rollout.phase == Phase::kObserving && kind == Kind::kWeight)
    return "still observes its baseline; a weight can be set once it runs";
  return "";
}

}  // namespace auspex::rollout
