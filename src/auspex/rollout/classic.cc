#include <algorithm>
#include <cmath>

#include "auspex/rollout/strategy.h"

// The pace of sections 3 and 7.
namespace auspex::rollout {
namespace {

constexpr double kReactionTicks = 2.0;  // R
constexpr int kWarmUpBp = 2500;
constexpr int kMostBp = 9500;
constexpr double kHazardOfRaise = .02;  // per 10 s, after the weight rose
constexpr double kPromoteBelow = 0.05;  // G's P(faulty now) at promotion
constexpr std::size_t kSeenTicks = 6;

// b: expected harmed requests per 10 s.
double Budget(Mode mode) { return mode == Mode::kFast ? .5 : mode == Mode::kBalanced ? .1 : .03; }
// Share of a tick's requests that joins the budget.
double Tolerance(Mode mode) {
  return 1e-3 * (mode == Mode::kFast ? .1 : mode == Mode::kBalanced ? .03 : .005);
}

// Faults begin at any time, more likely when the weight has just risen.
double Hazard(const Rollout& rollout, int given_bp) {
  const double d = rollout.TickSeconds();
  const int before = rollout.past_bp.empty()
                         ? given_bp
                         : *std::min_element(rollout.past_bp.begin(), rollout.past_bp.end());
  const bool rose = given_bp > 1.3 * before || (given_bp >= kHighLoadBp && kHighLoadBp > before);
  return std::min(.5, d / (kHistorySeconds + rollout.t) + (rose ? kHazardOfRaise * d / 10.0 : 0.0));
}

std::size_t SeenTicks(const Rollout& /*rollout*/) { return kSeenTicks; }

double ReactionSeconds(const Rollout& rollout) { return kReactionTicks * rollout.TickSeconds(); }

// w_min: twenty requests per 10 s.
double Least(const Rollout& rollout) {
  if (!rollout.requests_per_tick) return .001;
  const double share = 20.0 * (rollout.TickSeconds() / 10.0) / *rollout.requests_per_tick;
  return std::max(.001, std::min(.05, share));
}

double Want(const Rollout& rollout, const evidence::CanaryEvidence::Throttle& throttle) {
  const double n = *rollout.requests_per_tick;
  const double factor = CriticalityFactor(rollout.spec.criticality);
  const double budget = Budget(rollout.spec.mode) * factor * rollout.TickSeconds() / 10.0 +
                        Tolerance(rollout.spec.mode) * factor * n;
  return budget / (n * kReactionTicks * std::max(throttle.harm(), 1e-9));
}

double Doubt(const Rollout& rollout) { return rollout.evidence->p_fail(); }

int Cap(const Rollout& rollout, double /*throttle_p_fail*/) {
  return rollout.t < rollout.WarmUp() ? kWarmUpBp : kMostBp;
}

// An arm without a request in the last tick.
std::string_view SilentArm(const Rollout& rollout) {
  const Rollout::Seen& last = rollout.seen.back();
  return last.canary == 0 ? "canary" : last.baseline == 0 ? "baseline" : "";
}

bool Done(const Rollout& /*rollout*/, Weight next, double throttle_p_fail) {
  return next.bp() >= kAlmostWholeBp && throttle_p_fail < kPromoteBelow;
}

Strategy::Deadline AtDeadlineOf(const Rollout& rollout, double /*throttle_p_fail*/) {
  using Deadline = Strategy::Deadline;
  if (rollout.asked.bp() < kAlmostWholeBp) return Deadline::kRollBack;
  switch (rollout.spec.at_deadline) {
    case AtDeadline::kRollBack:
      return Deadline::kRollBack;
    case AtDeadline::kHold:
      return Deadline::kHold;
    case AtDeadline::kPromote:
      break;
  }
  return Deadline::kPromote;
}

}  // namespace

const Strategy kClassic{.rules = evidence::kClassicRules,
                        .hazard = Hazard,
                        .seen_ticks = SeenTicks,
                        .reaction_s = ReactionSeconds,
                        .least = Least,
                        .want = Want,
                        .doubt = Doubt,
                        .doubling_s = 10.0,
                        .cap = Cap,
                        .silent_arm = SilentArm,
                        .done = Done,
                        .at_deadline = AtDeadlineOf};

}  // namespace auspex::rollout
