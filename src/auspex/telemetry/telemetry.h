#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "auspex/telemetry/sketch.h"

// telemetry tells what the versions did; it judges nothing. A RequestSource counts single requests
// per server and tick, as the proxy saw them end; a MetricSource answers queries of a time-series
// server.
//
//   AUSPEX_TRY(auto feed, ProxyLog::Listen({.address = "127.0.0.1", .port = 8514}, log));
//   feed->Track({"checkout", "b"});
//   AUSPEX_TRY(feed->Start());
//   ServerTick tick = feed->Take({"checkout", "b"}, tick_end);
//
// Read next: sketch.h (latencies), sources/proxy_log.h, sources/prometheus.h.
namespace auspex::telemetry {

// One server of one backend, by the proxy's names.
struct ServerKey {
  std::string backend;
  std::string server;
  friend auto operator<=>(const ServerKey&, const ServerKey&) = default;
};

// Latency edges: the baseline's t50, t90, t99 and t99.9, ascending; a canary's are wider.
inline constexpr std::size_t kEdges = 4;

// A request is an event of edge i when it took longer than slower_us[i]. `harm_us`: longer than
// this or failed is a harmed request. Microseconds, > 0; an edge of 0 is not known, and nothing is
// an event of it.
struct Edges {
  std::array<std::int64_t, kEdges> slower_us{};
  std::int64_t harm_us = 0;
  friend bool operator==(const Edges&, const Edges&) = default;
};

struct RouteCounts {
  std::int64_t requests = 0;
  std::int64_t errors = 0;
  friend bool operator==(const RouteCounts&, const RouteCounts&) = default;
};

// What one server's requests that the proxy ended in one tick showed.
struct ServerTick {
  std::int64_t requests = 0;
  std::int64_t errors = 0;  // the server's failures: proxy_log_parser.h, IsServerError
  std::array<std::int64_t, kEdges> slower{};  // over the edges; 0 where none were set
  std::int64_t harmed = 0;                    // failed or slower than harm_us
  bool has_edges = false;                     // were edges set when each of these came, and now
  std::map<std::string, RouteCounts> routes;  // at most kMaxRoutes; the rest under kOtherRoutes
  Sketch latency_us;
};

inline constexpr std::size_t kMaxRoutes = 256;
inline constexpr std::string_view kOtherRoutes = "(other)";

struct FeedHealth {
  bool connected = false;      // a proxy is connected now; over UDP: a line came in the last minute
  std::int64_t lines = 0;      // understood, since the start, those of no server too
  std::int64_t malformed = 0;  // frames or lines that were not
  std::int64_t unmatched = 0;  // of servers that nobody tracks
  // Gaps in the proxy's own request counter that stayed open for a minute: lines lost on the way.
  // Can fall again when the line of a very long request comes after all.
  std::int64_t missing = 0;
  std::optional<WallTime> last_line = {};  // end of the request of the line that came last
  std::int64_t dropped = 0;     // that our system threw away, its receive buffer full (UDP)
  std::int64_t duplicates = 0;  // lines that came twice; counted once
  // Lines that came more than a second before the end they claim; counted as ended when they came.
  std::int64_t early = 0;
  // Of the proxy whose clock is furthest off: above 0 ahead of ours, below 0 behind it (or its
  // lines are held up). 0: within a second.
  Duration clock_offset = {};
  std::int64_t buffer_bytes = 0;         // the receive buffer that the system granted; 0: TCP
  std::int64_t buffer_wanted_bytes = 0;  // and that was asked for
};

// Counts single requests per server. Thread-safe.
class RequestSource {
 public:
  virtual ~RequestSource() = default;
  // Counting begins. Idempotent.
  virtual void Track(const ServerKey& server) = 0;
  // Counting ends, and what was counted is forgotten. Idempotent.
  virtual void Forget(const ServerKey& server) = 0;
  // From the next request on. Forgotten with the server.
  virtual void SetEdges(const ServerKey& server, const Edges& edges) = 0;
  // What ended at or before `until` (our clock; how a proxy's that differs is handled, its source
  // says) and was not taken yet; later ends stay for the next call. None is lost: a line that
  // arrives after its tick was taken is in the next.
  // `until` = nullopt takes all. An untracked server gives an empty tick.
  virtual ServerTick Take(const ServerKey& server, std::optional<WallTime> until) = 0;
  // Lines of this server since Track, taken or not: to be compared with the proxy's own count.
  [[nodiscard]] virtual std::int64_t LinesOf(const ServerKey& server) const = 0;
  // Lines of this server since the start, tracked or not: whether its proxy's log comes at all.
  [[nodiscard]] virtual std::int64_t LinesHeard(const ServerKey& server) const = 0;
  // Lines of one proxy process, of whatever server, as it names itself in them; 0 where none came
  // lately. `host` empty: not known.
  [[nodiscard]] virtual std::int64_t LinesFrom(std::string_view host,
                                               std::int64_t process) const = 0;
  [[nodiscard]] virtual FeedHealth Health() const = 0;
  // What to look at while no proxy is connected, to follow these words: " (…)", or nothing.
  [[nodiscard]] virtual std::string HowToConnect() const { return ""; }
};

struct Label {
  std::string name;
  std::string value;
  friend auto operator<=>(const Label&, const Label&) = default;
};

struct Point {
  WallTime at;
  double value = 0.0;
  friend bool operator==(const Point&, const Point&) = default;
};

struct Series {
  std::vector<Label> labels;  // sorted by name
  std::vector<Point> points;  // ascending; NaN and infinite ones are left out
};

// Answers PromQL or the like. Thread-safe; every call ends by its deadline. Errors: kNoData (no
// series, or no finite point: absent, not zero), kInvalidArgument (the server says the query is
// wrong), kUnavailable (no answer, 429, 5xx, an answer that is not the API's).
class MetricSource {
 public:
  virtual ~MetricSource() = default;
  virtual Result<std::vector<Series>> Instant(std::string_view query, WallTime at,
                                              MonotonicTime deadline) = 0;
  struct Range {
    WallTime from;
    WallTime to;
    Duration step;
  };
  virtual Result<std::vector<Series>> Over(std::string_view query, const Range& range,
                                           MonotonicTime deadline) = 0;
};

}  // namespace auspex::telemetry
