#include "auspex/telemetry/sources/route_table.h"

#include <utility>

namespace auspex::telemetry {

RouteTable::RouteTable() : busiest_(kMaxRoutes) {
  slots_.push_back({.name = std::string(kOtherRoutes), .sum = {}});
}

std::uint16_t RouteTable::IdOf(std::string_view name) {
  const auto [index, fresh] = busiest_.Count(name);
  if (index == slot_of_.size()) slot_of_.push_back(kOther);
  std::uint16_t& slot = slot_of_[index];
  if (fresh && slot != kOther) Retire(std::exchange(slot, kOther));
  if (slot == kOther) slot = NewSlot(name);
  return slot;
}

std::uint16_t RouteTable::NewSlot(std::string_view name) {
  if (free_.empty()) {
    if (slots_.size() == kMostSlots) return kOther;
    slots_.emplace_back();
    free_.push_back(static_cast<std::uint16_t>(slots_.size() - 1));
  }
  const std::uint16_t id = free_.back();
  free_.pop_back();
  slots_[id].name = name;
  return id;
}

void RouteTable::Retire(std::uint16_t id) {
  Slot& slot = slots_[id];
  RouteCounts& other = slots_[kOther].sum;
  other.requests += slot.sum.requests;
  other.errors += slot.sum.errors;
  slot.sum = {};
  slot.retired = slot.kept > 0;
  if (!slot.retired) free_.push_back(id);
}

void RouteTable::Sum(std::uint16_t id, bool failed) {
  Slot& slot = slots_[id];
  --slot.kept;
  RouteCounts& sum = slots_[slot.retired ? kOther : id].sum;
  ++sum.requests;
  sum.errors += failed ? 1 : 0;
  if (slot.retired && slot.kept == 0) {
    slot.retired = false;
    free_.push_back(id);
  }
}

std::map<std::string, RouteCounts> RouteTable::Take() {
  std::map<std::string, RouteCounts> taken;
  for (Slot& slot : slots_) {
    const RouteCounts sum = std::exchange(slot.sum, {});
    if (sum.requests == 0) continue;
    RouteCounts& counts = taken[slot.name];  // a real route may be called "(other)"
    counts.requests += sum.requests;
    counts.errors += sum.errors;
  }
  return taken;
}

}  // namespace auspex::telemetry
