#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/check.h"

namespace auspex::fuzz {

inline bool IsIn(const nlohmann::json& value, double low, double high) {
  return value.is_number() && value.get<double>() >= low && value.get<double>() <= high;
}

// `json`: the answer, parsed.
inline void CheckFields(const nlohmann::json& json, const std::string& answer, std::int64_t line) {
  AUSPEX_FUZZ_CHECK(json.is_object(), answer);
  if (json.contains("error")) {
    AUSPEX_FUZZ_CHECK(json["error"].is_string() && json["line"] == line, answer);
    return;
  }
  static constexpr std::array<std::string_view, 5> kDecisions = {"advance", "hold", "limit",
                                                                 "promote", "roll_back"};
  const std::string decision = json.value("decision", "");
  AUSPEX_FUZZ_CHECK(std::find(kDecisions.begin(), kDecisions.end(), decision) != kDecisions.end(),
                    answer);
  AUSPEX_FUZZ_CHECK(json["deployment"].is_string() && json["t_s"].is_number(), answer);
  AUSPEX_FUZZ_CHECK(json["log_e"].is_number() && json["reason"].is_string(), answer);
  for (const char* share : {"weight", "confidence", "p_fail"})
    AUSPEX_FUZZ_CHECK(IsIn(json[share], 0.0, 1.0), answer);
  const bool over = decision == "promote" || decision == "roll_back";
  AUSPEX_FUZZ_CHECK(json["verdict"].is_null() || (over && json["verdict"].is_string()), answer);
  AUSPEX_FUZZ_CHECK(decision != "promote" || json["weight"] == 1.0, answer);
  AUSPEX_FUZZ_CHECK(decision != "roll_back" || json["weight"] == 0.0, answer);
  AUSPEX_FUZZ_CHECK(json["requests_needed"].is_null() || IsIn(json["requests_needed"], 0.0, 1e308),
                    answer);
}

// One line of JSON: an error with the number of its line, or a decision whose every number is one.
// The answer, parsed.
inline nlohmann::json CheckAnswer(const std::string& answer, std::int64_t line) {
  AUSPEX_FUZZ_CHECK(answer.find('\n') == std::string::npos, answer);
  nlohmann::json json = nlohmann::json::parse(answer, nullptr, false);
  CheckFields(json, answer, line);
  return json;
}

}  // namespace auspex::fuzz
