#pragma once

#include <cstdint>
#include <vector>

namespace auspex::telemetry {

// How many lines of one proxy process went missing, from the numbers it gives its requests. Numbers
// are given when requests begin and logged when they end, so a number that was skipped is at first
// only awaited: it is missing once a line ended kPatienceUs after the skip was seen. Should its
// line come even then (a very long request), it is taken back. A number that comes again and begins
// later than all before means that the proxy was started anew: counting starts there, nothing is
// missing. Bounded: past kMaxHoles skipped ranges the oldest counts as missing at once. Not
// thread-safe.
class CounterGaps {
 public:
  static constexpr std::int64_t kPatienceUs = 60'000'000;
  static constexpr std::size_t kMaxHoles = 4'096;

  // One request: its number (>= 0), beginning and end in microseconds by the proxy's clock.
  struct Seen {
    std::int64_t number;
    std::int64_t start_us;
    std::int64_t end_us;
  };
  void Add(const Seen& seen);
  [[nodiscard]] std::int64_t missing() const { return missing_; }

 private:
  // Numbers [from, to) that were skipped when a line that ended at `since_us` came.
  struct Hole {
    std::int64_t from;
    std::int64_t to;
    std::int64_t since_us;
  };
  void Restart(const Seen& seen);
  void Skip(const Seen& seen);
  bool Fill(std::int64_t number);
  void GiveUpOld(std::int64_t now_us);

  bool started_ = false;
  std::int64_t first_ = 0;            // first number seen since the start
  std::int64_t last_ = 0;             // highest number seen
  std::int64_t latest_start_us_ = 0;  // of all requests seen
  std::vector<Hole> holes_;           // ascending
  std::int64_t missing_ = 0;
};

}  // namespace auspex::telemetry
