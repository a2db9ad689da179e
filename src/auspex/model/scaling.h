#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "auspex/model/classifier.h"

namespace auspex::model {

// A number that a linear model adds up.
struct ScaledInput {
  std::size_t feature = 0;  // that it is made of
  enum class Kind { kValue, kSine, kCosine, kMissing } kind = Kind::kValue;
  double fill = 0;  // kValue: what stands for a missing value, scaled by the feature's scale
  double low = 0, high = 0;  // the range it had in training: what is beyond counts as the edge
  double mean = 0, sd = 1;
};

// Brings rows onto the scale of a linear model: each feature by its FeatureScale (log1p keeps the
// sign of a negative value; a share's log-odds are kept within [0.005, 0.995], an hour becomes sine
// and cosine), then to mean 0 and standard deviation 1 over the weighted examples. What is missing
// is the median of the examples, and where the examples missed some, 1 in a column of its own.
// Values beyond those seen in training count as the nearest seen: a straight line says nothing
// there. What never varied is left out.
[[nodiscard]] std::vector<ScaledInput> FitScaling(const Examples& examples);

// `inputs` of one row into `out`, of the same length.
void Scale(std::span<const ScaledInput> inputs, std::span<const Feature> features,
           std::span<const double> row, std::span<double> out);

}  // namespace auspex::model
