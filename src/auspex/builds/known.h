#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "auspex/builds/builds.h"

// Private to this module: what features are computed on.
namespace auspex::builds {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

template <typename T>
[[nodiscard]] double OrUnknown(const std::optional<T>& value) {
  return value ? static_cast<double>(*value) : kUnknown;
}

[[nodiscard]] inline double SecondsBetween(WallTime from, WallTime to) {
  return Seconds(to - from);
}

// The facts that were known at a time, by when they happened. What makes the order total does not
// matter, only that it is: features must not depend on the order in which facts came.
[[nodiscard]] inline std::vector<const Fact*> KnownAt(std::span<const Fact> facts, WallTime at) {
  std::vector<const Fact*> known;
  for (const Fact& fact : facts) {
    if (fact.known_at <= at) known.push_back(&fact);
  }
  std::sort(known.begin(), known.end(), [](const Fact* a, const Fact* b) {
    return std::tuple(a->at, a->known_at, KindOf(*a), std::string_view(a->source),
                      std::string_view(a->id), std::string_view(a->service)) <
           std::tuple(b->at, b->known_at, KindOf(*b), std::string_view(b->source),
                      std::string_view(b->id), std::string_view(b->service));
  });
  return known;
}

// Commits are named in full or by their first digits, seven or more.
[[nodiscard]] inline bool SameCommit(std::string_view a, std::string_view b) {
  constexpr std::size_t kShortest = 7;
  if (a.empty() || b.empty()) return false;
  if (a.size() > b.size()) std::swap(a, b);
  return a == b || (a.size() >= kShortest && b.starts_with(a));
}

}  // namespace auspex::builds
