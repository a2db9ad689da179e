#include "auspex/rollout/pace.h"

#include <algorithm>
#include <cmath>

namespace auspex::rollout {
namespace {

constexpr double kReactionTicks = 2.0;  // R
constexpr double kRoundBp = 1e-6;       // of a basis point, against the noise of floating point
constexpr int kFirstBp = 200;
constexpr int kWarmUpBp = 2500;
constexpr int kMostBp = 9500;
constexpr double kLowConfidence = 0.3;

// b of section 7: expected harmed requests per 10 s.
double Budget(Mode mode) { return mode == Mode::kFast ? .5 : mode == Mode::kBalanced ? .1 : .03; }
// Share of a tick's requests that joins the budget.
double Tolerance(Mode mode) {
  return 1e-3 * (mode == Mode::kFast ? .1 : mode == Mode::kBalanced ? .03 : .005);
}
double CriticalityFactor(int criticality) { return std::exp2(criticality - 3); }

Weight FromBp(double bp) { return Weight::FromBp(static_cast<int>(bp)).value_or(Weight::Zero()); }

}  // namespace

Weight LeastWeight(const Rollout& rollout) {
  if (!rollout.requests_per_tick) return FromBp(10);
  const double share = 20.0 * (rollout.TickSeconds() / 10.0) / *rollout.requests_per_tick;
  return FromBp(1e4 * std::max(.001, std::min(.05, share)) + kRoundBp);
}

Pace NextWeight(const Rollout& rollout, PaceLimits limits) {
  const double d = rollout.TickSeconds();
  const double later = std::min(1.0, kReactionTicks * d / (kHistorySeconds + rollout.t));
  const evidence::CanaryEvidence::Throttle view = rollout.evidence->ThrottleView(later);
  const int least = LeastWeight(rollout).bp();
  const int now = rollout.asked.bp();

  double want = least;
  if (rollout.requests_per_tick) {
    const double n = *rollout.requests_per_tick;
    const double factor = CriticalityFactor(rollout.spec.criticality);
    const double budget =
        Budget(rollout.spec.mode) * factor * d / 10.0 + Tolerance(rollout.spec.mode) * factor * n;
    want = 1e4 * budget / (n * kReactionTicks * std::max(view.harm, 1e-9));
  }
  int high = kFirstBp;
  if (!limits.first) {
    // Bounded before it is an integer: a long tick's 2^(d/10) has no bound.
    const double ramp = std::min<double>(kMostBp, now * std::exp2(d / 10.0) + kRoundBp);
    high = now == 0 ? least : std::min(kMostBp, std::max(static_cast<int>(ramp), now + 1));
  }
  if (rollout.t < rollout.WarmUp()) high = std::min(high, kWarmUpBp);
  if (!limits.may_rise && now > 0) high = std::min(high, now);
  if (1.0 - rollout.evidence->p_fail() < kLowConfidence)
    high = std::min(high, std::max(now, least));
  // Where two bounds contradict each other the upper one holds.
  return {.next = FromBp(
              std::min(std::max(want, static_cast<double>(least)), static_cast<double>(high)) +
              kRoundBp),
          .throttle_p_fail = view.p_fail};
}

}  // namespace auspex::rollout
