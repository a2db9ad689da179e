#include "auspex/model/feature.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace auspex::model {
namespace {

constexpr std::array<std::pair<FeatureScale, std::string_view>, 5> kScales = {
    {{FeatureScale::kLog1p, "log1p"},
     {FeatureScale::kLinear, "linear"},
     {FeatureScale::kShare, "share"},
     {FeatureScale::kFlag, "flag"},
     {FeatureScale::kCyclic, "cyclic"}}};

// A number that is never negative and gets this large counts or measures something, and its
// doublings tell more than its differences: on folds of commits log1p of all such columns beat
// log1p of those with a long tail alone (docs/models.md).
constexpr double kLarge = 10.0;

FeatureScale ScaleFor(const std::vector<double>& values) {
  if (values.empty()) return FeatureScale::kLinear;
  const bool flag = std::all_of(values.begin(), values.end(),
                                [](double value) { return value == 0.0 || value == 1.0; });
  if (flag) return FeatureScale::kFlag;
  const auto [least, largest] = std::minmax_element(values.begin(), values.end());
  return *least >= 0.0 && *largest > kLarge ? FeatureScale::kLog1p : FeatureScale::kLinear;
}

}  // namespace

Feature FeatureOf(const FeatureSpec& spec) {
  return {std::string(spec.name),
          std::string(spec.unit),
          spec.scale,
          std::string(spec.phrase),
          spec.period,
          0};
}

std::vector<Feature> DescribeColumns(const Table& table, std::span<const Feature> known) {
  std::vector<Feature> features;
  for (std::size_t column = 0; column < table.width(); ++column) {
    const std::string& name = table.columns[column];
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&name](const Feature& one) { return one.name == name; });
    if (found != known.end()) {
      features.push_back(*found);
      continue;
    }
    std::vector<double> values;
    for (std::size_t row = 0; row < table.rows(); ++row)
      if (!std::isnan(table.At(row, column))) values.push_back(table.At(row, column));
    features.push_back({name, "", ScaleFor(values), "", 0, 0});
  }
  return features;
}

std::vector<std::string> NamesOf(std::span<const Feature> features) {
  std::vector<std::string> names;
  for (const Feature& feature : features) names.push_back(feature.name);
  return names;
}

std::string_view Name(FeatureScale scale) {
  for (const auto& [one, name] : kScales)
    if (one == scale) return name;
  return "linear";
}

Result<FeatureScale> ScaleNamed(std::string_view name) {
  for (const auto& [scale, known] : kScales)
    if (known == name) return scale;
  return Fail(ErrorCode::kInvalidArgument, "no scale of features is called '{}'", name);
}

}  // namespace auspex::model
