#pragma once

#include <optional>
#include <span>

namespace auspex::evidence {

struct ShiftInterval {
  double low = 0.0;
  double high = 0.0;
  double estimate = 0.0;  // Hodges-Lehmann
};
// By how much `x` lies above `y`: the two-sided interval of the given confidence and the estimate,
// by the normal approximation of the Wilcoxon rank sum with average ranks, tie-corrected variance
// and continuity correction, as R's wilcox.test(exact = FALSE) inverts it: with the root search
// `zeroin`, tolerance 1e-4, at most 1000 steps, none shorter than half the tolerance. The rank sum
// is a step function of the shift, so where the search stops is part of the answer. The estimate
// keeps the continuity correction, as Kayenta does and R does not. nullopt: a side is empty, all
// values are equal, or their range is beyond a double. Values are finite. O(n log n) a step.
[[nodiscard]] std::optional<ShiftInterval> WilcoxonShift(std::span<const double> x,
                                                         std::span<const double> y,
                                                         double confidence);

// P of a rank sum of `x` as high as this or higher, were both alike; as above but one-sided.
// 1 where a side is empty or all are equal.
[[nodiscard]] double WilcoxonUpperTail(std::span<const double> x, std::span<const double> y);

}  // namespace auspex::evidence
