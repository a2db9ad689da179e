#include "bench/feed_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "auspex/base/clock.h"
#include "auspex/base/random.h"

namespace auspex::bench {
namespace {

constexpr double kMedianUs = 20'000.0, kSigma = 0.5;
constexpr double kCanaryShare = 0.05, kErrorRate = 0.01;
constexpr std::array<std::string_view, 5> kRoutes = {"cart", "pay", "search", "img", "login"};

}  // namespace

FeedLines MakeFeedLines(std::size_t count, double rate_per_s, std::int64_t first_end_us,
                        std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int64_t> ends_us(count), latencies_us(count);
  for (std::size_t i = 0; i < count; ++i) {
    ends_us[i] = first_end_us + std::llround(static_cast<double>(i) / rate_per_s * 1e6);
    latencies_us[i] = std::llround(kMedianUs * std::exp(kSigma * random.Normal()));
  }
  // The counter is given when a request begins.
  std::vector<std::size_t> by_start(count);
  std::iota(by_start.begin(), by_start.end(), std::size_t{0});
  std::stable_sort(by_start.begin(), by_start.end(), [&](std::size_t a, std::size_t b) {
    return ends_us[a] - latencies_us[a] < ends_us[b] - latencies_us[b];
  });
  std::vector<std::size_t> counter(count);
  for (std::size_t i = 0; i < count; ++i) counter[by_start[i]] = i + 1;

  FeedLines lines;
  lines.ends.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const bool canary = random.Chance(kCanaryShare);
    lines.canary += canary ? 1 : 0;
    const std::string message = fmt::format(
        R"(<134>1 {} - haproxy 9262 - - {{"b":"{}","s":"{}","st":"{}","us":"{}","e":"{}","r":"{}","m":"GET","rc":"0","ts":"----","n":"{}"}})",
        ToRfc3339(FromMicros(ends_us[i])), kBackend, canary ? kCanary : kBaseline,
        random.Chance(kErrorRate) ? 500 : 200, latencies_us[i], ends_us[i],
        kRoutes[random.Below(kRoutes.size())], counter[i]);
    lines.bytes += fmt::format("{} {}", message.size(), message);
    lines.ends.push_back(lines.bytes.size());
  }
  return lines;
}

}  // namespace auspex::bench
