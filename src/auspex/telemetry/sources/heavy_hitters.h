#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

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

// The busiest names of a stream whatever their order, in bounded memory: SpaceSaving (Metwally,
// Agrawal, El Abbadi, ICDT 2005). `counters` names are counted; a new one takes the place of a
// least counted one and inherits its count as its possible error. With N names counted so far:
// - the counts sum to N; count - error <= true count <= count, and error <= N / counters;
// - every name whose true count is above N / counters is among them.
// Forgetting halves what came before the last 2^20 names again and again, so that a name that was
// busy once makes room; then "count" and N above are of the halved stream.
//
// One hash lookup for a known name, also the replacement of a least counted one otherwise,
// amortised over names of the same count; at worst a pass over all counters. Not thread-safe.
class HeavyHitters {
 public:
  explicit HeavyHitters(std::size_t counters);

  struct Counted {
    std::size_t index;  // of the counter, in [0, counters)
    bool fresh;         // it counts this name from now on; another's before, or nobody's
  };
  Counted Count(std::string_view name);

  struct Counter {
    std::string name;
    double count = 0.0;
    double error = 0.0;  // that the count may be too high by
  };
  [[nodiscard]] const std::vector<Counter>& counters() const { return counters_; }
  [[nodiscard]] double total() const { return total_; }  // N

 private:
  std::size_t LeastCounted();
  void Forget();

  std::size_t most_;
  std::vector<Counter> counters_;
  TextMap<std::size_t> index_of_;
  // Some counters that had the least count when they were collected, in the order of replacement
  // from the back.
  std::vector<std::size_t> least_;
  double least_count_ = 0.0;
  double total_ = 0.0;
};

}  // namespace auspex::telemetry
