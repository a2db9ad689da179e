#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/weight.h"
#include "auspex/evidence/evidence.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::rollout {

// How fast the policy `adaptive` goes: sections 3 to 7 of docs/statistics.md, or section 12.
enum class Pace { kClassic, kSwift };
[[nodiscard]] constexpr std::string_view Name(Pace pace) {
  return pace == Pace::kSwift ? "swift" : "classic";
}
enum class Mode { kFast, kBalanced, kCareful };
enum class Policy { kAdaptive, kSteps, kRule };
// What happens at the deadline when the canary has 90 % or more and nothing speaks against it.
enum class AtDeadline { kPromote, kHold, kRollBack };

// What happens to a deployment that nobody has approved in time.
enum class AtTimeout { kReject, kApprove };

// A step of the policy `steps`.
struct LadderStep {
  Weight weight;       // above 0, below the whole
  double for_s = 0.0;  // wall seconds with traffic on both arms before the next step, > 0
  friend bool operator==(const LadderStep&, const LadderStep&) = default;
};

// What a rollout takes for granted for want of history.
struct Assumption {
  std::string text;  // for people
  // Of the noise of this gauge, until the rollout has learned it on the way; empty: it stays.
  std::string gauge = {};
  friend bool operator==(const Assumption&, const Assumption&) = default;
};

// A person must say yes before any traffic moves, where the risk is above a limit.
struct Approval {
  double above_risk = 1.0;     // P(fail)
  double timeout_s = 86400.0;  // wall seconds
  AtTimeout at_timeout = AtTimeout::kReject;
  friend bool operator==(const Approval&, const Approval&) = default;
};

// Durations of the rollout at time scale 1, seconds (section 7). Limits that a user gives are wall
// time.
inline constexpr double kHistorySeconds = 300.0;  // t0
inline constexpr double kWarmUpSeconds = 240.0;
inline constexpr double kBakeSeconds = 2700.0;
inline constexpr double kDeadlineSeconds = 6600.0;

// How a rollout is to be run: fixed at its start, and all that Advance knows of configuration.
struct RolloutSpec {
  std::string deployment;
  std::string service;
  int criticality = 3;  // 1 most critical … 4 least
  Mode mode = Mode::kBalanced;
  Policy policy = Policy::kAdaptive;
  double alpha = 0.01;  // bound on a false rollback by evidence, over the whole rollout
  double risk = 0.15;   // prior P(fail); clamped to [.005, .8] where it is used
  double time_scale = 1.0;
  double tick_s = 10.0;         // wall seconds
  double requests_per_s = 0.0;  // 0: unknown
  Pace pace = Pace::kClassic;
  // Pace swift: wall seconds from the end of a tick until its telemetry is known.
  double lag_s = 0.0;
  // Pace swift: the router draws the arm of each request of a tick with the weight asked for that
  // tick, so that the planned share and not the counts tells what either arm was exposed to. Not
  // where a tick's counts hold requests that were drawn before it.
  bool planned_shares = false;
  // With planned shares: answers say at which error the router is to stop the canary until the next
  // tick.
  bool fuse = false;
  double warm_up_s = kWarmUpSeconds;  // wall seconds
  double bake_s = kBakeSeconds;
  double deadline_s = kDeadlineSeconds;
  double rollback_below = 0.1;  // confidence at which the prediction alone rolls back
  AtDeadline at_deadline = AtDeadline::kPromote;
  double detect = 2.0;            // the ratio that requests_needed speaks of, > 1
  double error_rate = 0.05;       // limit of the policies `steps` and `rule`
  std::vector<LadderStep> steps;  // of the policy `steps`, weights ascending
  std::optional<Approval> approval;
  evidence::History history;
  double t99_s = 0.0;  // the baseline's p99, 0 where unknown
  // Nothing is known of the baseline: observe it before the canary gets traffic.
  bool observe = false;
  // The router tells the canary's health: while it reports it down, the canary gets no traffic and
  // its health check is waited for.
  bool await_canary = false;
  bool canary_up = true;  // by the router, when the deployment was announced
  // Where history is known and the feed counts single requests.
  std::optional<telemetry::Edges> edges;  // the baseline's
  std::vector<std::string> route_names;   // of history.routes
  // For people: what of this comes from the service's good rollouts, and what is assumed for want
  // of them. The start's reason names what is assumed; `rollout explain` names both.
  std::vector<std::string> learned;
  std::vector<Assumption> assumed;
};

struct Feed {
  double tick_s = 10.0;  // at time scale 1
  bool per_request = false;
};
// The pace where none is given: swift for ticks of 2 s or less that are fed per request, for which
// its budgets are made (docs/decisions/0021). It is one of the policy `adaptive` alone.
[[nodiscard]] constexpr Pace DefaultPace(Policy policy, const Feed& feed) {
  constexpr double kSwiftTick = 2.0;
  const bool made_for = policy == Policy::kAdaptive && feed.per_request;
  return made_for && feed.tick_s <= kSwiftTick ? Pace::kSwift : Pace::kClassic;
}

// The tick length for a criticality where none is given, seconds at time scale 1: of a co-process,
// which cannot know how its windows are made.
[[nodiscard]] constexpr double DefaultTick(int criticality) {
  return criticality == 1 ? 2.0 : criticality == 2 ? 5.0 : 10.0;
}
// The same where each request is told as it ends: a short tick costs nothing, and what a crash
// harms is reaction time times weight (docs/decisions/0016).
[[nodiscard]] constexpr double DefaultFeedTick(int criticality) {
  return criticality <= 3 ? 1.0 : 2.0;
}
// And where a metrics server is asked that looks each `scrape_s`: two looks a tick, so that none is
// without one.
[[nodiscard]] constexpr double DefaultScrapedTick(int criticality, double scrape_s) {
  const double least = DefaultTick(criticality);
  return least > 2.0 * scrape_s ? least : 2.0 * scrape_s;
}

}  // namespace auspex::rollout
