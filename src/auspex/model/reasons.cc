#include "auspex/model/reasons.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace auspex::model {
namespace {

constexpr double kLeast = 0.01;

// As many digits as say something: 3 of them, whole numbers whole.
std::string Digits(double value) {
  if (std::abs(value) < 1e15 && value == std::round(value)) return fmt::format("{:.0f}", value);
  return std::abs(value) >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

std::string Plural(double count, std::string_view unit) {
  const std::string digits = Digits(count);
  return fmt::format("{} {}{}", digits, unit, digits == "1" ? "" : "s");
}

// Seconds as a person says them.
std::string Span(double seconds) {
  struct Unit {
    double seconds;
    std::string_view name;
  };
  static constexpr Unit kUnits[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}};
  for (const Unit& unit : kUnits)
    if (std::abs(seconds) >= unit.seconds)
      return Plural(std::round(10 * seconds / unit.seconds) / 10, unit.name);
  return Plural(std::round(seconds), "second");
}

std::string ValueText(const Feature& feature, double value) {
  if (feature.unit == "s") return Span(value);
  if (feature.scale == FeatureScale::kShare) return Digits(std::round(1000 * value) / 10) + " %";
  return Digits(value);
}

// Of the nouns that phrases count ("files", "dependencies", "people"), in the case of one.
std::string Singular(const std::string& word) {
  if (word == "people") return "person";
  if (word.ends_with("ies")) return word.substr(0, word.size() - 3) + "y";
  return word.substr(0, word.size() - 1);
}

// `rest` follows the number 1: the noun that it counts, which ends in "s", loses it. The feature's
// unit says which word it is, else it is the first.
std::string OfOne(const std::string& rest, const std::string& unit) {
  std::size_t begin = unit.empty() ? std::string::npos : rest.find(unit);
  std::string noun = unit;
  if (begin == std::string::npos) {
    begin = rest.find_first_not_of(' ');
    if (begin == std::string::npos) return rest;
    noun = rest.substr(begin, rest.find(' ', begin) - begin);
  }
  if (noun != "people" && (noun.size() < 3 || !noun.ends_with('s'))) return rest;
  return rest.substr(0, begin) + Singular(noun) + rest.substr(begin + noun.size());
}

}  // namespace

std::string InWords(const Feature& feature, double value) {
  if (std::isnan(value)) return fmt::format("{} is not known", feature.name);
  const std::string text = ValueText(feature, value);
  if (feature.phrase.empty()) {
    const bool with_unit = !feature.unit.empty() && feature.unit != "s";
    return fmt::format("{} is {}{}{}", feature.name, text, with_unit ? " " : "",
                       with_unit ? feature.unit : "");
  }
  const auto hole = feature.phrase.find("{}");
  if (hole == std::string::npos) {
    const bool off = feature.scale == FeatureScale::kFlag && value == 0.0;
    return (off ? "not: " : "") + feature.phrase;
  }
  const std::string rest = feature.phrase.substr(hole + 2);
  return feature.phrase.substr(0, hole) + text + (text == "1" ? OfOne(rest, feature.unit) : rest);
}

std::vector<Reason> ReasonsFor(std::span<const Feature> features, std::span<const double> row,
                               std::span<const double> contributions, std::size_t most) {
  std::vector<std::size_t> order(features.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(contributions[a]) > std::abs(contributions[b]);
  });
  std::vector<Reason> reasons;
  for (const std::size_t i : order) {
    if (reasons.size() == most || std::abs(contributions[i]) < kLeast) break;
    reasons.push_back({features[i].name, row[i], contributions[i], InWords(features[i], row[i])});
  }
  return reasons;
}

}  // namespace auspex::model
