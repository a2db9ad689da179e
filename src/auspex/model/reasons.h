#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "auspex/model/feature.h"

namespace auspex::model {

// Why a row is as risky as it is said to be.
struct Reason {
  std::string feature;
  double value = 0;         // in the feature's unit; NaN: not known
  double contribution = 0;  // log-odds, against the usual row; > 0 makes failing likelier
  std::string text;         // "touches 3 migrations"
};

// The `most` features with the largest contributions either way, the largest first, ties by the
// order of features. Those below 0.01 (a hundredth of a nat: odds moved by 1 %) say nothing and are
// left out. `contributions`: a row of a Contributions, scaled by the calibration's slope.
[[nodiscard]] std::vector<Reason> ReasonsFor(std::span<const Feature> features,
                                             std::span<const double> row,
                                             std::span<const double> contributions,
                                             std::size_t most);

// The feature's phrase with the value in it, or "NAME is VALUE UNIT" where it has none. Counts as
// whole numbers, shares in per cent, seconds and days in the unit a person would use. A flag that
// is 0 reads "not: PHRASE", a value that is missing "NAME is not known".
[[nodiscard]] std::string InWords(const Feature& feature, double value);

}  // namespace auspex::model
