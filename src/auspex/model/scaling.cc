#include "auspex/model/scaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "auspex/model/metrics.h"

namespace auspex::model {
namespace {

// A rate of 0 out of 200 looks is not minus infinity: one failure in 200 rows is what the longest
// window of history can tell from none.
constexpr double kLeastShare = 0.005;
// Below this an input is constant but for rounding.
constexpr double kLeastSd = 1e-9;

using Kind = ScaledInput::Kind;

// Of a value that is known.
double OnScale(const Feature& feature, Kind kind, double value) {
  switch (feature.scale) {
    case FeatureScale::kLog1p:
      return std::copysign(std::log1p(std::abs(value)), value);
    case FeatureScale::kShare:
      return LogOdds(std::clamp(value, kLeastShare, 1 - kLeastShare));
    case FeatureScale::kCyclic: {
      const double period = feature.period > 0 ? feature.period : 1.0;
      const double angle = 2 * std::numbers::pi * value / period;
      return kind == Kind::kSine ? std::sin(angle) : std::cos(angle);
    }
    case FeatureScale::kLinear:
    case FeatureScale::kFlag:
      break;
  }
  return value;
}

// Before mean and deviation.
double Raw(const ScaledInput& input, const Feature& feature, double value) {
  if (input.kind == Kind::kMissing) return std::isnan(value) ? 1.0 : 0.0;
  if (std::isnan(value)) return input.fill;
  return std::clamp(OnScale(feature, input.kind, value), input.low, input.high);
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Range, filling, mean and deviation of `input`; false where it never varies.
bool Fit(const Examples& examples, ScaledInput* input) {
  const Feature& feature = examples.features[input->feature];
  const std::size_t rows = examples.table.rows();
  std::vector<double> known;
  for (std::size_t row = 0; row < rows; ++row) {
    const double value = examples.table.At(row, input->feature);
    if (!std::isnan(value)) known.push_back(OnScale(feature, input->kind, value));
  }
  if (known.empty()) return false;
  const auto [low, high] = std::minmax_element(known.begin(), known.end());
  input->low = *low;
  input->high = *high;
  // A missing hour is no hour: the middle of the circle.
  input->fill = feature.scale == FeatureScale::kCyclic ? 0.0 : Median(known);
  double weight = 0, sum = 0, squares = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const double value = Raw(*input, feature, examples.table.At(row, input->feature));
    weight += examples.weights[row];
    sum += examples.weights[row] * value;
  }
  input->mean = sum / weight;
  for (std::size_t row = 0; row < rows; ++row) {
    const double value = Raw(*input, feature, examples.table.At(row, input->feature));
    squares += examples.weights[row] * (value - input->mean) * (value - input->mean);
  }
  input->sd = std::sqrt(squares / weight);
  return input->sd > kLeastSd;
}

}  // namespace

std::vector<ScaledInput> FitScaling(const Examples& examples) {
  std::vector<ScaledInput> inputs;
  for (std::size_t column = 0; column < examples.features.size(); ++column) {
    const bool cyclic = examples.features[column].scale == FeatureScale::kCyclic;
    std::vector<Kind> kinds =
        cyclic ? std::vector{Kind::kSine, Kind::kCosine} : std::vector{Kind::kValue};
    kinds.push_back(Kind::kMissing);
    for (const Kind kind : kinds) {
      ScaledInput input{column, kind, 0, 0, 0, 0, 1};
      if (Fit(examples, &input)) inputs.push_back(input);
    }
  }
  return inputs;
}

void Scale(std::span<const ScaledInput> inputs, std::span<const Feature> features,
           std::span<const double> row, std::span<double> out) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const ScaledInput& input = inputs[i];
    out[i] = (Raw(input, features[input.feature], row[input.feature]) - input.mean) / input.sd;
  }
}

}  // namespace auspex::model
