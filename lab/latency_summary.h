#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "auspex/base/clock.h"

namespace auspex::lab {

// Latencies counted in buckets of at most 1.6 % of their value (64 to each power of two of a
// microsecond), so that millions of requests take 16 kB. Not thread-safe.
class LatencySummary {
 public:
  void Add(Duration latency);
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] Duration max() const { return max_; }
  // The upper edge of the bucket that holds the quantile `q` in [0, 1], never above max(); 0 where
  // there is none.
  [[nodiscard]] Duration Quantile(double q) const;

 private:
  static constexpr std::size_t kPerPower = 64;
  static constexpr std::size_t kPowers = 32;  // the last one above 36 minutes
  std::array<std::int64_t, kPerPower * kPowers> buckets_{};
  std::int64_t count_ = 0;
  Duration max_{};
};

}  // namespace auspex::lab
