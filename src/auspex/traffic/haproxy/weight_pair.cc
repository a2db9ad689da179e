#include "auspex/traffic/haproxy/weight_pair.h"

#include <algorithm>
#include <cstdint>

namespace auspex::traffic {
namespace {

// The n in [1, 256] whose n / (n + 256) is nearest to a share of 1 to 5'000 bp; of two equally near
// the larger.
int SmallerWeight(std::int32_t bp) {
  constexpr std::int64_t kMost = WeightPair::kMost;
  const std::int64_t n = kMost * bp / (Weight::kWholeBp - bp);
  // Is bp / 10'000 at or above the middle of the shares of n and n + 1? In whole numbers, as the
  // sum of the two shares over their common denominator.
  const std::int64_t below = n + kMost;
  const std::int64_t sum = n * (below + 1) + (n + 1) * below;
  const bool nearer_above = 2 * bp * below * (below + 1) >= Weight::kWholeBp * sum;
  return static_cast<int>(std::clamp<std::int64_t>(nearer_above ? n + 1 : n, 1, kMost));
}

}  // namespace

WeightPair NearestPair(Weight weight) {
  constexpr int kMost = WeightPair::kMost;
  if (weight == Weight::Zero()) return {.canary = 0, .baseline = kMost};
  if (weight == Weight::Whole()) return {.canary = kMost, .baseline = 0};
  if (weight.bp() <= Weight::kWholeBp / 2) {
    return {.canary = SmallerWeight(weight.bp()), .baseline = kMost};
  }
  return {.canary = kMost, .baseline = SmallerWeight(Weight::kWholeBp - weight.bp())};
}

Weight ShareOf(const WeightPair& pair) {
  const int all = pair.canary + pair.baseline;
  if (all == 0) return Weight::Zero();
  const int bp = (2 * Weight::kWholeBp * pair.canary + all) / (2 * all);
  return Weight::FromBp(bp).value_or(Weight::Zero());  // in range: canary <= all
}

std::vector<WeightChange> PlanChanges(const WeightPair& from, const WeightPair& to) {
  std::vector<WeightChange> changes;
  if (to.baseline > from.baseline) changes.push_back({.canary = false, .weight = to.baseline});
  if (to.canary != from.canary) changes.push_back({.canary = true, .weight = to.canary});
  if (to.baseline < from.baseline) changes.push_back({.canary = false, .weight = to.baseline});
  return changes;
}

}  // namespace auspex::traffic
