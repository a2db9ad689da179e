#pragma once

#include <span>

namespace auspex::lab::simulator {

// P(a Mann-Whitney U of `x` against `y` as high as this one or higher | both alike), from the exact
// permutation distribution, ties at their average rank. 1 where a side is empty or all values are
// equal. At most 50 values a side.
[[nodiscard]] double ExactUpperTail(std::span<const double> x, std::span<const double> y);

}  // namespace auspex::lab::simulator
