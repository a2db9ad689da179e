// ProxyLogParser: one message of the proxy's log feed.

#include <fmt/format.h>
#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "auspex/telemetry/sources/proxy_log_parser.h"
#include "fuzz/check.h"

namespace {

using auspex::telemetry::ProxyLogLine;
using auspex::telemetry::ProxyLogParser;

// The year 9999 and the longest latency behind it.
constexpr std::int64_t kLatestMicros = 2 * std::int64_t{253'402'300'799} * 1'000'000;

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void CheckRanges(const ProxyLogLine& line) {
  AUSPEX_FUZZ_CHECK(line.status >= -1 && line.status <= 999, std::to_string(line.status));
  AUSPEX_FUZZ_CHECK(line.latency_us >= -1 && line.latency_us <= kLatestMicros / 2,
                    std::to_string(line.latency_us));
  AUSPEX_FUZZ_CHECK(line.end_us >= -1 && line.end_us <= kLatestMicros, std::to_string(line.end_us));
  AUSPEX_FUZZ_CHECK(line.counter >= -1, std::to_string(line.counter));
  // So that the counter after it can be reckoned.
  AUSPEX_FUZZ_CHECK(line.counter < std::numeric_limits<std::int64_t>::max(), "the last integer");
  AUSPEX_FUZZ_CHECK(line.process >= 0, std::to_string(line.process));
  AUSPEX_FUZZ_CHECK(!line.route.empty() && line.route.size() <= auspex::telemetry::kMaxRouteBytes,
                    line.route);
  AUSPEX_FUZZ_CHECK(IsUtf8(line.route) && IsUtf8(line.server) && IsUtf8(line.backend), "not UTF-8");
}

std::string Number(std::int64_t value) { return value < 0 ? "-" : std::to_string(value); }

// A message that says what `line` says.
std::string Print(const ProxyLogLine& line) {
  const bool fine = !line.error && line.status >= 500;
  const nlohmann::json fields = {
      {"b", line.backend},         {"s", line.server.empty() ? "<NOSRV>" : line.server},
      {"st", Number(line.status)}, {"us", Number(line.latency_us)},
      {"r", line.route},           {"ts", line.error ? "SH" : fine ? "CQ" : "--"},
      {"n", Number(line.counter)}};
  // An end that was reckoned from a start may lie beyond what "e" allows.
  constexpr std::int64_t kLatestEnd = kLatestMicros / 2;
  const bool reckoned = line.end_us > kLatestEnd;
  const std::int64_t start = reckoned ? line.end_us - line.latency_us : 0;
  nlohmann::json all = fields;
  if (reckoned) {
    all["t"] = fmt::format("{}.{:06}", start / 1'000'000, start % 1'000'000);
  } else {
    all["e"] = Number(line.end_us);
  }
  return fmt::format("<134>1 - - haproxy {} - - {}", line.process, all.dump());
}

bool IsSame(const ProxyLogLine& a, const ProxyLogLine& b) {
  return a.backend == b.backend && a.server == b.server && a.route == b.route &&
         a.status == b.status && a.latency_us == b.latency_us && a.end_us == b.end_us &&
         a.counter == b.counter && a.process == b.process && a.error == b.error;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // One parser for all inputs, as a connection has: nothing of a line may reach the next.
  static ProxyLogParser parser;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the bytes as text
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const auto line = parser.Parse(message);
  if (!line.ok()) {
    AUSPEX_FUZZ_CHECK(line.error().code == auspex::ErrorCode::kInvalidArgument,
                      line.error().message);
    AUSPEX_FUZZ_CHECK(line.error().message.size() < 300, line.error().message);
    return 0;
  }
  CheckRanges(*line);
  const std::string printed = Print(*line);
  ProxyLogParser other;
  const auto again = other.Parse(printed);
  AUSPEX_FUZZ_CHECK(again.ok(), printed);
  AUSPEX_FUZZ_CHECK(IsSame(*line, *again), printed);
  return 0;
}
