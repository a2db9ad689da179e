#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "auspex/base/clock.h"

namespace auspex::api {

struct RateLimits {
  double per_s = 500.0;   // of each key, in the long run; above 0
  double burst = 1000.0;  // of each key, at once; at least 1
  // Keys with a bucket of their own; those beyond share one, so that a flood of keys fills no
  // memory.
  std::size_t keys = 10'000;
};

// A token bucket for each key. Not thread-safe.
class RateLimiter {
 public:
  explicit RateLimiter(const RateLimits& limits) : limits_(limits) {}
  // Zero: go on. Else how long until it would be.
  Duration Take(std::string_view key, MonotonicTime now);

 private:
  struct Bucket {
    double tokens = 0.0;
    MonotonicTime at;
  };
  Bucket& Find(std::string_view key, MonotonicTime now);
  void ForgetFull(MonotonicTime now);
  [[nodiscard]] double TokensAt(const Bucket& bucket, MonotonicTime now) const;

  const RateLimits limits_;
  std::map<std::string, Bucket, std::less<>> buckets_;
  MonotonicTime forgotten_at_{};
};

}  // namespace auspex::api
