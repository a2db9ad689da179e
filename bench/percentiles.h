#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace auspex::bench {

// The value of rank ceil(q n) of `values`, which it reorders; 0 where there is none. q in [0, 1].
inline double Percentile(std::vector<double>* values, double q) {
  if (values->empty()) return 0.0;
  const double rank = std::ceil(q * static_cast<double>(values->size()));
  const std::size_t index = rank < 1.0 ? 0 : static_cast<std::size_t>(rank) - 1;
  const auto at =
      values->begin() + static_cast<std::ptrdiff_t>(std::min(index, values->size() - 1));
  std::nth_element(values->begin(), at, values->end());
  return *at;
}

}  // namespace auspex::bench
