#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "auspex/base/clock.h"
#include "auspex/base/log.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

// Says in the log what is wrong with a feed, but of each kind of trouble at most kBurst events in
// kEvery: a proxy that sends another format, or connects a thousand times a second, would fill it.
// The next event says how many were left out. Not thread-safe.
class FeedReporter {
 public:
  static constexpr Duration kEvery = 10s;
  static constexpr int kBurst = 10;

  explicit FeedReporter(const Logger& log) : log_(log) {}

  // Once in kEvery, with the first reason.
  void Malformed(std::string_view why, MonotonicTime now);
  void Connected(std::size_t connections, MonotonicTime now);
  struct Connection {
    std::int64_t lines = 0;
    std::int64_t malformed = 0;
  };
  // A connection had to make room for another one.
  void Full(std::size_t connections, MonotonicTime now);
  void Disconnected(const Connection& connection, MonotonicTime now);

  // Is it kEvery since the last Look?
  [[nodiscard]] bool IsDue(MonotonicTime now) const { return now - looked_ >= kEvery; }
  // Compares with the last look: warns of lines that were lost or doubled since, and of a clock
  // that is off (again when that changes by a second or more, and when it is right).
  void Look(const FeedHealth& health, MonotonicTime now);

 private:
  struct Budget {
    MonotonicTime since{};
    int said = 0;
    std::int64_t left_out = 0;
    // May one more be said?
    bool Spend(int most, MonotonicTime now);
  };

  const Logger log_;
  Budget malformed_, connected_, disconnected_, full_;
  MonotonicTime looked_{};
  FeedHealth seen_;
  Duration clock_said_{};
};

}  // namespace auspex::telemetry
