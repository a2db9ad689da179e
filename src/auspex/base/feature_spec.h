#pragma once

#include <string_view>

namespace auspex {

// How a linear model and a chart bring a feature onto a common scale. Trees do not care.
enum class FeatureScale {
  kLog1p,   // a count, size or duration >= 0 that spans orders of magnitude: log(1 + x)
  kLinear,  // as it is: a score, a signed difference
  kShare,   // a share in [0, 1]: its log-odds, kept off 0 and 1
  kFlag,    // 0 or 1
  kCyclic,  // wraps round with `FeatureSpec::period`: the hour of the day (24), the weekday (7)
};

// What a feature is. Each module that makes features keeps one constexpr table of these; a row of
// its features is a std::vector<double> in the order of the table, and NaN in it means "not known",
// never 0.
//
//   constexpr std::array kChangeFeatures = {
//       FeatureSpec{"la", "lines", FeatureScale::kLog1p, "adds {} lines"},
//       FeatureSpec{"files_migration", "files", FeatureScale::kLog1p, "touches {} migrations"},
//       FeatureSpec{"fix", "", FeatureScale::kFlag, "is a fix"},
//       FeatureSpec{"hour", "h", FeatureScale::kCyclic, "was written at {} o'clock", 24}};
struct FeatureSpec {
  std::string_view name;  // column in CSV and API: snake_case, unique over all modules
  std::string_view unit;  // unit of the value ("lines", "days", "s"); empty for a flag or a share
  FeatureScale scale = FeatureScale::kLinear;
  std::string_view phrase;  // reads after "the change": a `{}` in it stands for the value
  double period = 0;        // kCyclic only: the value that means the same as 0
};

}  // namespace auspex
