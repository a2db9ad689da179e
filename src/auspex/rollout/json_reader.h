#pragma once

// Private to this module: reading the keys of a JSON object, with sentences for what is wrong.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/nearest.h"
#include "auspex/rollout/json_codec.h"

namespace auspex::rollout {

// The most that a number may be, a count, seconds or a ratio: beyond what any service does, and far
// from where sums and squares overflow. Nothing can be decided of infinities.
inline constexpr double kMost = 1e15;

struct Range {
  double low = -kMost;
  double high = kMost;
};

template <typename T>
struct Word {
  std::string_view name;
  T value;
};

template <typename T, std::size_t N>
std::string_view NameIn(const Word<T> (&words)[N], T value) {
  for (const Word<T>& word : words) {
    if (word.value == value) return word.name;
  }
  return "";
}

inline std::string Shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

inline Result<double> CheckNumber(std::string_view key, const Json& value, Range range) {
  if (value.is_number()) {
    const double number = value.get<double>();
    if (std::isfinite(number) && number >= range.low && number <= range.high) return number;
  }
  return Fail(ErrorCode::kInvalidArgument, "{}: a number from {:g} to {:g}, not {}", key, range.low,
              range.high, Shown(value));
}

// Reads the keys of one object; the first error stays, and all later reads give fallbacks. What it
// was not asked for can be refused at the end (RefuseUnknown), with that of the readers it joined.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  double Number(const char* key, double fallback, Range range = {}) {
    const Json* value = Find(key);
    return value == nullptr ? fallback : Take(CheckNumber(key, *value, range), fallback);
  }
  double Required(const char* key, Range range = {}) {
    const Json* value = Find(key);
    if (value != nullptr) return Take(CheckNumber(key, *value, range), 0.0);
    Note(Fail(ErrorCode::kInvalidArgument, "{}: missing; a number is needed", key));
    return 0.0;
  }
  bool Flag(const char* key, bool fallback) {
    const Json* value = Find(key);
    if (value == nullptr) return fallback;
    if (value->is_boolean()) return value->get<bool>();
    Note(Fail(ErrorCode::kInvalidArgument, "{}: true or false, not {}", key, Shown(*value)));
    return fallback;
  }
  std::string Text(const char* key, std::string fallback) {
    const Json* value = Find(key);
    if (value == nullptr) return fallback;
    if (value->is_string()) return value->get<std::string>();
    Note(Fail(ErrorCode::kInvalidArgument, "{}: a text, not {}", key, Shown(*value)));
    return fallback;
  }
  template <typename T, std::size_t N>
  T Choice(const char* key, T fallback, const Word<T> (&words)[N]) {
    const Json* value = Find(key);
    if (value == nullptr) return fallback;
    std::string names;
    for (const Word<T>& word : words) {
      if (value->is_string() && value->get_ref<const std::string&>() == word.name)
        return word.value;
      names += (names.empty() ? "" : ", ") + std::string(word.name);
    }
    Note(Fail(ErrorCode::kInvalidArgument, "{}: one of {}, not {}", key, names, Shown(*value)));
    return fallback;
  }
  const Json& Object(const char* key) { return Container(key, Json::value_t::object, "an object"); }
  const Json& List(const char* key) { return Container(key, Json::value_t::array, "a list"); }
  [[nodiscard]] bool Has(const char* key) const { return Find(key) != nullptr; }

  void Note(const Failure& failure) {
    if (error_.ok()) error_ = failure;
  }
  template <typename T>
  T Take(const Result<T>& result, T fallback) {
    if (result.ok()) return *result;
    Note(Failure{result.error()});
    return fallback;
  }
  void Join(const Reader& other) {
    if (!other.error_.ok()) Note(Failure{other.error_.error()});
    if (unknown_.empty()) unknown_ = other.Unknown();
  }
  // `also`: a key that another one reads.
  void RefuseUnknown(std::string_view also = "") {
    asked_.push_back(also);
    if (const std::string unknown = Unknown(); !unknown.empty())
      Note(Fail(ErrorCode::kInvalidArgument, "{}", unknown));
  }
  [[nodiscard]] const Status& status() const { return error_; }

 private:
  // A sentence on a key that nobody asked for; empty: there is none.
  [[nodiscard]] std::string Unknown() const {
    if (!unknown_.empty() || !object_.is_object()) return unknown_;
    for (const auto& [key, value] : object_.items()) {
      if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
      const auto meant = Nearest(key, std::vector<std::string>(asked_.begin(), asked_.end()));
      return fmt::format("{}: no such key here{}", Shown(key),
                         meant ? fmt::format("; did you mean {}?", *meant) : "");
    }
    return {};
  }
  const Json* Find(const char* key) const {
    asked_.emplace_back(key);
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  const Json& Container(const char* key, Json::value_t type, const char* what) {
    static const Json kNoObject = Json::object();
    static const Json kNoList = Json::array();
    const Json& none = type == Json::value_t::object ? kNoObject : kNoList;
    const Json* value = Find(key);
    if (value == nullptr) return none;
    if (value->type() == type) return *value;
    Note(Fail(ErrorCode::kInvalidArgument, "{}: {}, not {}", key, what, Shown(*value)));
    return none;
  }
  const Json& object_;
  mutable std::vector<std::string_view> asked_;
  std::string unknown_;
  Status error_;
};

inline Result<Json> Parse(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kInvalidArgument, "not JSON: {}", error.what());
  }
}

}  // namespace auspex::rollout
