#include <algorithm>
#include <cmath>

#include "auspex/rollout/strategy.h"

// The pace of section 12.1: a budget per reaction, in seconds, and two of them.
namespace auspex::rollout {
namespace {

// Expected harmed requests per reaction at ticks of 1 s: `requests` and, per request/s of traffic,
// `per_rps`. Longer ticks have more in proportion, so that the weight does not depend on the tick.
struct Budget {
  double requests;
  double per_rps;
  [[nodiscard]] double At(double requests_per_s, double factor, double tick_s) const {
    return factor * tick_s * (requests + .01 * per_rps * requests_per_s);
  }
};
// Of a fault in sight, and of one that has not begun.
struct Budgets {
  Budget suspect;
  Budget coming;
};
constexpr Budgets kFastBudgets{.suspect = {.1, .006}, .coming = {.006, .002}};
constexpr Budgets kBalancedBudgets{.suspect = {.03, .002}, .coming = {.0015, .0005}};
constexpr Budgets kCarefulBudgets{.suspect = {.01, .0007}, .coming = {.0005, .0002}};

constexpr double kReactionTicks = 2.0;
constexpr double kLeastRps = .1;  // of the canary, at least
constexpr int kWarmUpBp = 2500, kMostBp = 9500, kSuspectBp = 3000;
// The warm-up's cap, as shares of its length: 200 s and 230 s of 240 s.
constexpr double kCapUntil = 200.0 / 240.0, kCapGone = 230.0 / 240.0;
constexpr double kHazardOfDoubling = .02, kHazardOfHighLoad = .02;
// G's P(faulty now): from here on suspected, and for the ends.
constexpr double kSuspected = .2, kPromoteBelow = .05, kAnswerBelow = .5, kPersonFrom = .1;
constexpr double kSilenceSeconds = 10.0;
constexpr std::size_t kLeastSeenTicks = 6;

const Budgets& BudgetsOf(Mode mode) {
  return mode == Mode::kFast       ? kFastBudgets
         : mode == Mode::kBalanced ? kBalancedBudgets
                                   : kCarefulBudgets;
}

// Faults begin at any time, more likely the more the weight rose. From 0 counts as one doubling.
double Hazard(const Rollout& rollout, int given_bp) {
  const int before = rollout.past_bp.empty() ? given_bp : rollout.past_bp.back();
  const double doublings = given_bp <= before ? 0.0
                           : before == 0      ? 1.0
                                              : std::log2(static_cast<double>(given_bp) / before);
  const bool crossed = given_bp >= kHighLoadBp && kHighLoadBp > before;
  return std::min(.5, rollout.TickSeconds() / (kHistorySeconds + rollout.t) +
                          kHazardOfDoubling * doublings + (crossed ? kHazardOfHighLoad : 0.0));
}

std::size_t SeenTicks(const Rollout& rollout) {
  const auto ticks = static_cast<std::size_t>(std::lrint(kSilenceSeconds / rollout.TickSeconds()));
  return std::max(kLeastSeenTicks, ticks);
}

double ReactionSeconds(const Rollout& rollout) {
  return kReactionTicks * rollout.TickSeconds() + rollout.spec.lag_s / rollout.spec.time_scale;
}

double RequestsPerSecond(const Rollout& rollout) {
  return *rollout.requests_per_tick / rollout.TickSeconds();
}

double Least(const Rollout& rollout) {
  if (!rollout.requests_per_tick) return .001;
  return std::max(.0002, std::min(.05, kLeastRps / RequestsPerSecond(rollout)));
}

double Want(const Rollout& rollout, const evidence::CanaryEvidence::Throttle& throttle) {
  const double rps = RequestsPerSecond(rollout);
  const double factor = CriticalityFactor(rollout.spec.criticality);
  const Budgets& budgets = BudgetsOf(rollout.spec.mode);
  const double spent = throttle.begun / budgets.suspect.At(rps, factor, rollout.TickSeconds()) +
                       throttle.coming / budgets.coming.At(rps, factor, rollout.TickSeconds());
  return 1.0 / (rps * ReactionSeconds(rollout) * std::max(spent, 1e-12));
}

// Below high load nothing more is learned of a fault that needs it: a suspicion of one would hold
// the weight there until the deadline.
double Doubt(const Rollout& rollout) {
  return rollout.asked.bp() < kHighLoadBp ? rollout.evidence->p_fail_at_any_load()
                                          : rollout.evidence->p_fail();
}

int Cap(const Rollout& rollout, double throttle_p_fail) {
  const double warm = rollout.WarmUp();
  const double from = kCapUntil * warm;
  const double to = kCapGone * warm;
  double cap = kMostBp;
  if (rollout.t < from) {
    cap = kWarmUpBp;
  } else if (rollout.t < to) {
    cap = kWarmUpBp + (kMostBp - kWarmUpBp) * (rollout.t - from) / (to - from);
  }
  if (throttle_p_fail > kSuspected) cap = std::min<double>(cap, kSuspectBp);
  return static_cast<int>(cap + 1e-6);
}

// An arm without a request in the last 10 s, or without one of which five were to be expected in
// the last tick: at short ticks and small weights an empty tick is nothing unusual.
std::string_view SilentArm(const Rollout& rollout) {
  double canary = 0.0;
  double baseline = 0.0;
  std::size_t left = std::max<std::size_t>(
      1, static_cast<std::size_t>(std::lrint(kSilenceSeconds / rollout.TickSeconds())));
  for (auto tick = rollout.seen.rbegin(); tick != rollout.seen.rend() && left > 0; ++tick, --left) {
    canary += tick->canary;
    baseline += tick->baseline;
  }
  if (canary == 0) return "canary";
  if (baseline == 0) return "baseline";
  const Rollout::Seen& last = rollout.seen.back();
  if (last.both_expected) return "";
  return last.canary == 0 ? "canary" : "baseline";
}

bool Done(const Rollout& rollout, Weight next, double throttle_p_fail) {
  return next.bp() >= kMostBp &&
         (throttle_p_fail < kPromoteBelow ||
          (rollout.evidence->p_fail() < kPromoteBelow && throttle_p_fail < kAnswerBelow));
}

Strategy::Deadline AtDeadlineOf(const Rollout& rollout, double throttle_p_fail) {
  using Deadline = Strategy::Deadline;
  switch (rollout.spec.at_deadline) {
    case AtDeadline::kRollBack:
      return Deadline::kRollBack;
    case AtDeadline::kHold:
      return Deadline::kHold;
    case AtDeadline::kPromote:
      break;
  }
  // Rather faulty than not by what it showed: what was thought of it before is not enough.
  const bool shown = rollout.evidence->log_e() > 0.0;
  if (throttle_p_fail >= kAnswerBelow || (shown && rollout.evidence->p_fail() >= kAnswerBelow))
    return Deadline::kSuspect;
  return rollout.asked.bp() < kAlmostWholeBp && throttle_p_fail >= kPersonFrom ? Deadline::kPerson
                                                                               : Deadline::kPromote;
}

}  // namespace

const Strategy kSwift{.rules = evidence::kSwiftRules,
                      .hazard = Hazard,
                      .seen_ticks = SeenTicks,
                      .reaction_s = ReactionSeconds,
                      .least = Least,
                      .want = Want,
                      .doubt = Doubt,
                      .doubling_s = 5.0,
                      .cap = Cap,
                      .silent_arm = SilentArm,
                      .done = Done,
                      .at_deadline = AtDeadlineOf};

}  // namespace auspex::rollout
