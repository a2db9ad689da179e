#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/telemetry/sources/heavy_hitters.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

// The busiest names of one server's routes, by small numbers, and what each has in the tick being
// summed. At most kMaxRoutes names at a time, whatever the order they come in: each route that has
// more than 1/kMaxRoutes of the requests is among them (heavy_hitters.h). The rest share the number
// 0, and so does what is left of a name that made room for another, so that no request is lost from
// the sum over all. Not thread-safe.
class RouteTable {
 public:
  RouteTable();

  // Of one more request of that name.
  std::uint16_t IdOf(std::string_view name);
  // A record that names this route is kept for later.
  void Keep(std::uint16_t id) { ++slots_[id].kept; }
  // A kept record is summed.
  void Sum(std::uint16_t id, bool failed);
  // The sums, which begin anew.
  std::map<std::string, RouteCounts> Take();

 private:
  static constexpr std::uint16_t kOther = 0;
  // A number is used again once no kept record names it. Twice as many as there are names: a tick
  // may well replace each once.
  static constexpr std::size_t kMostSlots = 2 * kMaxRoutes + 1;
  struct Slot {
    std::string name;
    RouteCounts sum;
    std::int64_t kept = 0;  // records that name this slot
    bool retired = false;   // another name has its counter
  };
  void Retire(std::uint16_t id);
  std::uint16_t NewSlot(std::string_view name);

  HeavyHitters busiest_;
  std::vector<std::uint16_t> slot_of_;  // by counter of busiest_; kOther: all numbers are in use
  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_;
};

}  // namespace auspex::telemetry
