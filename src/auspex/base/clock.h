#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "auspex/base/result.h"

namespace auspex {

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers): 2s reads better
                                       // than seconds(2)

using Duration = std::chrono::nanoseconds;
// For waits and deadlines inside a process.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
// For what is stored or shown. Microseconds since 1970, UTC.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonotonicTime Now() const = 0;
  [[nodiscard]] virtual WallTime Wall() const = 0;
};

class RealClock final : public Clock {
 public:
  [[nodiscard]] MonotonicTime Now() const override;
  [[nodiscard]] WallTime Wall() const override;
};

// Moves only when told to. Starts at `start` and monotonic time 0.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(WallTime start);
  [[nodiscard]] MonotonicTime Now() const override;
  [[nodiscard]] WallTime Wall() const override;
  void Advance(Duration by);
  // The wall clock alone, as when somebody sets it.
  void JumpWall(Duration by);

 private:
  mutable std::mutex mutex_;
  MonotonicTime now_{};
  WallTime wall_;
};

[[nodiscard]] double Seconds(Duration duration);
[[nodiscard]] Duration FromSeconds(double seconds);
[[nodiscard]] std::int64_t MicrosSinceEpoch(WallTime time);
[[nodiscard]] WallTime FromMicros(std::int64_t micros);

// "2026-11-24T11:13:27.123Z".
[[nodiscard]] std::string ToRfc3339(WallTime time);
// RFC 3339 (Z or an offset) or seconds since 1970. Error: kInvalidArgument.
Result<WallTime> ParseTime(std::string_view text);
// `10s`, `5m`, `2h`, `500ms`, `1.5s`. Error: kInvalidArgument for no unit, a negative or a longer
// one than 10 years.
Result<Duration> ParseDuration(std::string_view text);
// "2m10s", "1.5s", "200ms".
[[nodiscard]] std::string ToText(Duration duration);

}  // namespace auspex
