#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace auspex::model {

// Logistic regression of scaled inputs: the bias, then a coefficient an input.
struct LinearFit {
  std::vector<double> coefficients;
  bool converged = false;
};

// Minimises sum_i w_i * logloss(failed_i, margin_i) + penalty / 2 * sum_j b_j^2; the bias is not
// penalised. Newton's method with steps halved until the loss falls: the same result to the last
// bit on each run. `inputs`: row after row, `width` wide.
[[nodiscard]] LinearFit FitLogistic(std::span<const double> inputs, std::size_t width,
                                    std::span<const double> failed, std::span<const double> weights,
                                    double penalty);

}  // namespace auspex::model
