#include "auspex/telemetry/sources/route_table.h"

namespace auspex::telemetry {

RouteTable::RouteTable() { slots_.push_back({std::string(kOtherRoutes), {}, 0}); }

std::uint16_t RouteTable::IdOf(std::string_view name) {
  if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
  if (ids_.size() == kMaxRoutes) return kOther;
  std::uint16_t id = 0;
  if (free_.empty()) {
    id = static_cast<std::uint16_t>(slots_.size());
    slots_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  slots_[id].name = name;
  ids_.emplace(name, id);
  return id;
}

void RouteTable::Sum(std::uint16_t id, bool failed) {
  Slot& slot = slots_[id];
  --slot.kept;
  ++slot.sum.requests;
  slot.sum.errors += failed ? 1 : 0;
}

std::map<std::string, RouteCounts> RouteTable::Take() {
  const bool full = ids_.size() == kMaxRoutes;
  std::map<std::string, RouteCounts> taken;
  for (std::size_t id = 0; id < slots_.size(); ++id) {
    Slot& slot = slots_[id];
    if (slot.sum.requests > 0) {
      RouteCounts& counts = taken[slot.name];  // a real route may be called "(other)"
      counts.requests += slot.sum.requests;
      counts.errors += slot.sum.errors;
      slot.sum = {};
    } else if (full && slot.kept == 0 && id != kOther && !slot.name.empty()) {
      ids_.erase(slot.name);
      slot.name.clear();
      free_.push_back(static_cast<std::uint16_t>(id));
    }
  }
  return taken;
}

}  // namespace auspex::telemetry
