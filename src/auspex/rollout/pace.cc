#include "auspex/rollout/pace.h"

#include <algorithm>
#include <cmath>

#include "auspex/rollout/strategy.h"

namespace auspex::rollout {
namespace {

constexpr double kRoundBp = 1e-6;  // of a basis point, against the noise of floating point
constexpr int kFirstBp = 200;
constexpr int kMostBp = 9500;
constexpr double kLowConfidence = 0.3;

Weight FromBp(double bp) { return Weight::FromBp(static_cast<int>(bp)).value_or(Weight::Zero()); }

}  // namespace

double CriticalityFactor(int criticality) { return std::exp2(criticality - 3); }

Weight LeastWeight(const Rollout& rollout) {
  return FromBp(1e4 * StrategyOf(rollout).least(rollout) + kRoundBp);
}

PaceStep NextWeight(const Rollout& rollout, PaceLimits limits) {
  const Strategy& strategy = StrategyOf(rollout);
  const double later = std::min(1.0, strategy.reaction_s(rollout) / (kHistorySeconds + rollout.t));
  const evidence::CanaryEvidence::Throttle view = rollout.evidence->ThrottleView(later);
  const int least = LeastWeight(rollout).bp();
  const int now = rollout.asked.bp();

  const double want =
      rollout.requests_per_tick ? 1e4 * strategy.want(rollout, view) : static_cast<double>(least);
  int high = kFirstBp;
  if (!limits.first) {
    // Bounded before it is an integer: a long tick's power of two has no bound.
    const double ramp = std::min<double>(
        kMostBp, now * std::exp2(rollout.TickSeconds() / strategy.doubling_s) + kRoundBp);
    high = now == 0 ? least : std::min(kMostBp, std::max(static_cast<int>(ramp), now + 1));
  }
  const int cap = strategy.cap(rollout, view.p_fail);
  high = std::min(high, cap);
  if (!limits.may_rise && now > 0) high = std::min(high, now);
  if (1.0 - strategy.doubt(rollout) < kLowConfidence) high = std::min(high, std::max(now, least));
  // Where two bounds contradict each other the upper one holds.
  const Weight next = FromBp(
      std::min(std::max(want, static_cast<double>(least)), static_cast<double>(high)) + kRoundBp);
  return {.next = next, .view = view, .capped = high == cap && next.bp() == cap};
}

}  // namespace auspex::rollout
