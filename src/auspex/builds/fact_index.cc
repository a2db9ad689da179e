#include "auspex/builds/fact_index.h"

#include <fmt/format.h>

#include <algorithm>

#include "auspex/base/sha256.h"

namespace auspex::builds {
namespace {

bool ConcernsOthers(const Fact& fact) {
  return std::holds_alternative<Deployed>(fact.what) ||
         std::holds_alternative<Outcome>(fact.what) || std::holds_alternative<Incident>(fact.what);
}

bool KnownBefore(const Fact& a, const Fact& b) { return a.known_at < b.known_at; }

}  // namespace

FactIndex::Key FactIndex::KeyOf(const Fact& fact) {
  // Lengths first: no two facts have one text.
  const Sha256 hash =
      HashSha256(fmt::format("{} {} {} {}\n{}\n{}", KindOf(fact), fact.service, fact.source.size(),
                             fact.id.size(), fact.source, fact.id));
  Key key;
  std::copy_n(hash.begin(), key.size(), key.begin());
  return key;
}

void FactIndex::Remember(const Key& key) {
  ids_.insert(key);
  ids_by_age_.push_back(key);
  if (ids_by_age_.size() <= limits_.ids) return;
  ids_.erase(ids_by_age_.front());
  ids_by_age_.pop_front();
}

// The oldest of the service that has most.
void FactIndex::DropOne() {
  const auto largest = std::max_element(
      services_.begin(), services_.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  largest->second.pop_front();
  if (largest->second.empty()) services_.erase(largest);
  --facts_;
}

bool FactIndex::Add(const Fact& fact) {
  const Key key = KeyOf(fact);
  if (ids_.contains(key)) return false;
  Remember(key);
  std::deque<Fact>& facts = services_[fact.service];
  facts.insert(std::upper_bound(facts.begin(), facts.end(), fact, KnownBefore), fact);
  ++facts_;
  if (facts.size() > limits_.per_service) {
    facts.pop_front();
    --facts_;
  }
  if (facts_ > limits_.facts) DropOne();
  return true;
}

std::vector<Fact> FactIndex::Around(std::string_view service, WallTime at) const {
  std::vector<Fact> around;
  for (const auto& [name, facts] : services_) {
    for (const Fact& fact : facts) {
      if (fact.known_at > at) break;
      if (name == service || ConcernsOthers(fact)) around.push_back(fact);
    }
  }
  std::stable_sort(around.begin(), around.end(), KnownBefore);
  return around;
}

}  // namespace auspex::builds
