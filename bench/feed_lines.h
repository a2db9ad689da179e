#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Log lines as HAProxy would send them, made ahead of time.
namespace auspex::bench {

inline constexpr std::string_view kBackend = "checkout";
inline constexpr std::string_view kBaseline = "a";
inline constexpr std::string_view kCanary = "b";

// Octet-counted RFC 5424 frames in the order of their requests' ends, one behind the other.
struct FeedLines {
  std::string bytes;
  std::vector<std::size_t> ends;  // of frame i in `bytes`
  std::int64_t canary = 0;        // lines of the canary
};

// `count` lines in the format of ProxyLog::LogFormat(), ends evenly spaced at `rate_per_s` from
// `first_end_us` (microseconds since 1970) on. Latencies are log-normal with median 20 ms, so the
// proxy's request counter, given at the start, arrives out of order as it does in truth; 5 % on the
// canary, 1 % errors, five routes. Equal arguments give equal bytes.
[[nodiscard]] FeedLines MakeFeedLines(std::size_t count, double rate_per_s,
                                      std::int64_t first_end_us, std::uint64_t seed);

}  // namespace auspex::bench
