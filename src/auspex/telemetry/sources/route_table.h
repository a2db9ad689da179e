#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

// Lookups by std::string_view, without a std::string for each line.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};
template <typename Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

// The names of one server's routes, by small numbers, and what each has in the tick being summed.
// At most kMaxRoutes names; the rest share the number 0. When all are used up, names that nothing
// refers to make room at Take. Not thread-safe.
class RouteTable {
 public:
  RouteTable();

  std::uint16_t IdOf(std::string_view name);
  // A record that names this route is kept for later.
  void Keep(std::uint16_t id) { ++slots_[id].kept; }
  // A kept record is summed.
  void Sum(std::uint16_t id, bool failed);
  // The sums, which begin anew.
  std::map<std::string, RouteCounts> Take();

 private:
  static constexpr std::uint16_t kOther = 0;
  struct Slot {
    std::string name;  // empty: free
    RouteCounts sum;
    std::int64_t kept = 0;  // records that name this slot
  };
  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_;
  TextMap<std::uint16_t> ids_;
};

}  // namespace auspex::telemetry
