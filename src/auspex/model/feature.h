#pragma once

#include <span>
#include <string>
#include <vector>

#include "auspex/base/feature_spec.h"
#include "auspex/base/result.h"
#include "auspex/model/table.h"

namespace auspex::model {

// A FeatureSpec as a model keeps it: with its own text, so that an artefact can be read back by a
// program that has never heard of the feature.
struct Feature {
  std::string name;
  std::string unit;
  FeatureScale scale = FeatureScale::kLinear;
  std::string phrase;  // empty: nobody has words for it
  double period = 0;
  // How the risk must go with the feature, the others held: 1 never down, -1 never up, 0 either.
  int monotone = 0;
  friend bool operator==(const Feature&, const Feature&) = default;
};

[[nodiscard]] Feature FeatureOf(const FeatureSpec& spec);

// The features of the columns of `table`, in its order. A column that `known` describes is as it
// says; of another the scale is chosen from its values: nothing but 0 and 1, a flag; never negative
// and beyond 10 somewhere, log1p; else linear.
[[nodiscard]] std::vector<Feature> DescribeColumns(const Table& table,
                                                   std::span<const Feature> known);

[[nodiscard]] std::vector<std::string> NamesOf(std::span<const Feature> features);
[[nodiscard]] std::string_view Name(FeatureScale scale);  // "log1p", …
// Error: kInvalidArgument for another name.
Result<FeatureScale> ScaleNamed(std::string_view name);

}  // namespace auspex::model
