#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/weight.h"
#include "auspex/evidence/effect.h"
#include "auspex/evidence/evidence.h"
#include "auspex/evidence/instance_spread.h"
#include "auspex/evidence/noise.h"
#include "auspex/rollout/capacity.h"
#include "auspex/rollout/spec.h"
#include "auspex/telemetry/window.h"

// rollout decides how much traffic the canary gets, tick by tick.
//
//   Turn turn = Start(spec);                        // the first weight
//   turn = Advance(turn.next, {.window = window});  // one tick: the next state, commands and the
//   decision
//
// Both are pure: equal inputs give an equal turn, so that each decision can be replayed and
// explained.
//
// Read next: spec.h (what is fixed at the start), adaptive.h and rule.h (the policies), pace.h (the
// next weight), strategy.h (what the paces classic and swift differ in), observing.h (before there
// is history), starting.h (before the canary is up), capacity.h (what both arms can carry),
// history.h and lesson.h (what the ledger knows of a service), live_noise.h (what is learned on the
// way), codec.h (as JSON), decide.h (the co-process), engine.h (the shell that runs many rollouts).
namespace auspex::rollout {

enum class Phase {
  kWaiting,    // for a person's yes
  kObserving,  // the baseline, before the canary gets traffic
  kStarting,   // the canary, which the router reports down, until its health check passes
  kRunning,
  kEnded,
};

enum class Action { kAdvance, kHold, kLimit, kPromote, kRollBack };
enum class Verdict { kPass, kFail, kNotProven };

// One tick's decision: a line of `decide`.
struct Decision {
  double t_s = 0.0;
  Action action = Action::kHold;
  Weight weight;  // asked for from now on
  double confidence = 1.0;
  double log_e = 0.0;
  double p_fail = 0.0;
  std::optional<double> requests_needed;
  // With RolloutSpec::fuse: the canary's error in the next tick at which the router is to stop it.
  std::optional<double> fuse = {};
  std::optional<Verdict> verdict;
  std::string reason;
  // Who ended it: evidence, prediction, canary down, rule, steps, deadline, approval, manual.
  std::string by;
};

struct Order {
  enum class Kind { kPause, kResume, kPromote, kAbort, kWeight, kApprove, kReject };
  Kind kind = Kind::kPause;
  Weight weight;  // of kWeight
  std::string actor;
  std::string reason;
};

struct Inputs {
  telemetry::Window window;
  // When the router's fuse stopped the canary, as window.t_s; the counts of both arms are of
  // requests drawn before. 0: it did not.
  double stopped_at_s = 0.0;
  // What the router gave in this tick; absent: exactly what was asked.
  std::optional<Weight> weight_given;
  // Why this tick must not raise the weight (router or metrics away, clock jumped); empty: no such
  // reason.
  std::string hold;
  // Configured signals that this tick has no evidence of, each with why: for the reason, nothing is
  // decided by it.
  std::vector<std::string> unseen;
  // Whether the router said what it thinks of the servers' health; else `up` and `in_flight` say
  // nothing.
  bool health_known = true;
  // Whether the counts would show a request of the canary that ended: else nobody knows whether it
  // finishes any, and it is not called stalled.
  bool ends_known = true;
  // Whether the window says what load the proxies see; else capacity bounds nothing.
  bool load_known = false;
  // Wall seconds that the counts cover where that is more than the tick: the first one after the
  // daemon was away. 0: the tick's.
  double covers_s = 0.0;
  std::vector<Order> orders;
};

// For the shell, in order; each is idempotent.
struct Command {
  enum class Kind {
    kAdmit,      // put the canary's slot in service, at weight 0
    kSetEdges,   // count requests over these latencies from now on
    kSetWeight,  // at the router
    kAlert,      // tell a person
    kFinish,     // once the weight is confirmed, the deployment has ended
  };
  Kind kind = Kind::kSetWeight;
  Weight weight;
  telemetry::Edges edges = {};  // of kSetEdges: the baseline's; CanaryEdges has the canary's
  std::string text = {};
};

struct Choice;  // adaptive.h

// The whole state of a rollout between two ticks. A value.
struct Rollout {
  RolloutSpec spec;
  Phase phase = Phase::kRunning;
  bool paused = false;
  double origin_s = 0.0;  // when this phase began, seconds since the announcement
  double t = 0.0;         // end of the last tick, seconds since origin at time scale 1
  std::optional<evidence::CanaryEvidence> evidence;
  Weight asked;                             // in force, as asked of the router
  std::vector<int> past_bp;                 // weights given in the ticks of the last 10 s
  std::optional<double> requests_per_tick;  // lambda D: EWMA of what both arms got

  struct Seen {
    double canary = 0;
    double baseline = 0;
    bool both_expected = false;  // none lacked an arm of which 5 or more were to be expected
  };
  std::vector<Seen> seen;  // the last six ticks; with pace swift those of 10 s where that is more
  int down_ticks = 0;
  int stalled_ticks = 0;
  bool awaits_person =
      false;        // since the deadline: it is held until somebody promotes or aborts it
  Carried carried;  // by each arm so far
  // A rollback that the baseline can only take in steps.
  std::shared_ptr<const Choice> retreat;
  // Since when the weight is above what is wanted for the baseline's sake, and what it cost.
  struct Lowering {
    double since_s = 0;      // wall seconds
    double harmed_then = 0;  // excess_harmed when it began
  };
  std::optional<Lowering> lowering;
  // Canary's errors and requests of the last 60 s, policies `steps` and `rule`.
  std::vector<std::pair<double, double>> minute;
  int ticks = 0;
  std::size_t step = 0;    // of spec.steps, policy `steps`
  double step_seen_s = 0;  // wall seconds of it in which both arms had traffic

  // What is learned on the way (live_noise.h).
  std::map<std::string, evidence::PairRecorder> self_pairs;  // of gauges that are to be learned
  std::optional<evidence::InstanceSpread> instances;         // where windows list them
  evidence::EffectSizes effects;

  // While observing: of the baseline.
  telemetry::Window::Observation observed;
  double observed_requests = 0;
  double observed_errors = 0;

  // For people: totals of the running phase.
  struct Totals {
    double requests = 0;
    double errors = 0;
    std::array<double, telemetry::kEdges> slower{};
    double harmed = 0;
  };
  Totals canary;
  Totals baseline;
  std::vector<evidence::Counts> behaviour;  // likewise, in the order of the history's
  double excess_harmed = 0.0;               // sum over ticks of h_c - n_c h_b / n_b
  Decision last;

  [[nodiscard]] double UsersHarmed() const { return excess_harmed > 0.0 ? excess_harmed : 0.0; }
  // The tick's length at time scale 1, d.
  [[nodiscard]] double TickSeconds() const;
  [[nodiscard]] double WarmUp() const { return spec.warm_up_s / spec.time_scale; }
  [[nodiscard]] double Bake() const { return spec.bake_s / spec.time_scale; }
  [[nodiscard]] double Deadline() const { return spec.deadline_s / spec.time_scale; }
};

struct Turn {
  Rollout next;
  std::vector<Command> commands;
  Decision decision;
};

// The first turn: the first weight; or waiting for a person's yes, or observing, where the spec
// says so.
[[nodiscard]] Turn Start(const RolloutSpec& spec);
// One turn of the controller. Precondition: inputs.window.t_s > rollout.last.t_s unless it has
// ended; the answer to ticks after the end is the last one again.
[[nodiscard]] Turn Advance(Rollout&& rollout, const Inputs& inputs);
[[nodiscard]] inline Turn Advance(const Rollout& rollout, const Inputs& inputs) {
  return Advance(Rollout(rollout), inputs);
}

[[nodiscard]] std::string_view Name(Action action);    // "advance" …
[[nodiscard]] std::string_view Name(Verdict verdict);  // "pass", "fail", "not_proven"

}  // namespace auspex::rollout
