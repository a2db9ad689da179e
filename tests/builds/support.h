#pragma once

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "auspex/builds/payload.h"

namespace auspex::builds {

inline WallTime At(const std::string& text) {
  const auto time = ParseTime(text);
  EXPECT_TRUE(time.ok()) << text;
  return time.value_or(WallTime{});
}

// Received on a day after all of the examples.
inline PayloadDefaults Defaults() {
  PayloadDefaults defaults;
  defaults.received = At("2026-11-24T12:00:00Z");
  return defaults;
}

inline std::string ProblemsOf(const ParsedPayload& parsed) {
  std::string text;
  for (const PayloadProblem& problem : parsed.problems)
    text += problem.pointer + ": " + problem.detail + "\n";
  return text;
}

// The only fact of a payload, and what it says.
inline Fact OnlyFact(const ParsedPayload& parsed) {
  EXPECT_EQ(parsed.facts.size(), 1u) << ProblemsOf(parsed);
  return parsed.facts.empty() ? Fact{} : parsed.facts.front();
}
template <typename T>
T Only(const ParsedPayload& parsed) {
  const Fact fact = OnlyFact(parsed);
  const T* what = std::get_if<T>(&fact.what);
  EXPECT_NE(what, nullptr) << KindOf(fact);
  return what == nullptr ? T{} : *what;
}

}  // namespace auspex::builds
