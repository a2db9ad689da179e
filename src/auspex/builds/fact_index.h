#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/builds/builds.h"

namespace auspex::builds {

// The newest facts of every service, by when they were known, in bounded memory. Pure; not
// thread-safe.
class FactIndex {
 public:
  struct Limits {
    std::size_t per_service = 2'000;  // a year of forty builds a week, and some
    std::size_t facts = 100'000;      // of all services, about 60 MB; beyond, the largest loses
    std::size_t ids = 500'000;  // by which a repeated fact is known, also one that was dropped
  };
  FactIndex() = default;
  explicit FactIndex(Limits limits) : limits_(limits) {}

  // False, and nothing changes, where a fact of this kind, source, id and service was added before.
  bool Add(const Fact& fact);
  [[nodiscard]] bool Has(const Fact& fact) const { return ids_.contains(KeyOf(fact)); }

  // Facts of a service, and those of others that say what else was going on (deployments, outcomes,
  // incidents): all that were known at `at`, by known_at.
  [[nodiscard]] std::vector<Fact> Around(std::string_view service, WallTime at) const;
  // Of all services.
  [[nodiscard]] std::size_t size() const { return facts_; }

 private:
  using Key = std::array<std::uint8_t, 16>;  // of a SHA-256
  static Key KeyOf(const Fact& fact);
  void Remember(const Key& key);
  void DropOne();

  Limits limits_;
  std::map<std::string, std::deque<Fact>, std::less<>> services_;  // by known_at
  std::size_t facts_ = 0;
  std::set<Key> ids_;
  std::deque<Key> ids_by_age_;
};

}  // namespace auspex::builds
