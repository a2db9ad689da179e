#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "auspex/base/clock.h"
#include "auspex/telemetry/sources/proxy_log_parser.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

// The counting half of a RequestSource, without a network: lines in, ticks out. Thread-safe.
//
// Exact: each request that was not taken yet is kept as one record of 24 bytes, so Take cuts at the
// microsecond. Edges are compared on arrival. A line that comes a second time (same process,
// request number and end) is not counted again: a configuration may name the log twice.
//
// Clocks. A request has ended when its line comes, so its end is the earlier of what the line says
// by the proxy's clock and of the arrival by ours:
// - a line from the future (the proxy's clock is ahead) ended when it came, and waits for no later
//   tick than others that came with it;
// - a line from the past (the clock is behind, or the ring kept it for us) is in the next Take;
// - when our clock is set back, seen as an arrival before the last one, what is kept and would lie
//   ahead is in the next Take;
// - a line without an end, and any that claims to end more than an hour behind `until` (our clock
//   was set and nothing came since), is in the next Take.
// So each request is in exactly one tick, and none is kept once a tick has ended after it came.
// Health says by how much a clock is off (clock_watch.h).
//
// Bounded: when a server has as many records as it may, or all have together, the half of the
// server's that ended first is folded into one sum that the next Take gives whole, whatever its
// `until` (at 40,000 requests/s for one server that is what ended more than 3 s ago). Routes: the
// kMaxRoutes busiest names of a server, whatever the order they come in, so a scan of random paths
// does not push out real ones (route_table.h). Proxies: as proxy_table.h says. A line without `b`
// counts for the tracked server of its name when just one backend has it.
class RequestCounter final : public RequestSource {
 public:
  static constexpr std::size_t kMaxRecords = std::size_t{1} << 18;
  // 100 MB; what comes in 100 s at 40,000 requests/s. Reached when nobody takes: a full disk holds
  // all rollouts.
  static constexpr std::size_t kMaxRecordsInAll = std::size_t{1} << 22;
  struct Limits {
    std::size_t records_of_server = kMaxRecords;
    std::size_t records = kMaxRecordsInAll;
  };

  RequestCounter();
  explicit RequestCounter(const Limits& limits);
  ~RequestCounter() override;

  // `arrived`: when the line came, by our clock; nullopt: not known, its own end is believed.
  void Add(const ProxyLogLine& line, std::optional<WallTime> arrived = std::nullopt);
  // Frames or lines that could not be read. `count` >= 0.
  void AddMalformed(std::int64_t count);
  // Lines that our system threw away before we could read them. `count` >= 0.
  void AddDropped(std::int64_t count);
  // The receive buffer, in bytes: what the system granted of what was asked for.
  void SetBuffer(std::int64_t granted, std::int64_t wanted);
  // Proxies that are connected now.
  void SetConnections(std::size_t connections);

  void Track(const ServerKey& server) override;
  void Forget(const ServerKey& server) override;
  void SetEdges(const ServerKey& server, const Edges& edges) override;
  ServerTick Take(const ServerKey& server, std::optional<WallTime> until) override;
  [[nodiscard]] std::int64_t LinesOf(const ServerKey& server) const override;
  [[nodiscard]] std::int64_t LinesHeard(const ServerKey& server) const override;
  [[nodiscard]] std::int64_t LinesFrom(std::string_view host, std::int64_t process) const override;
  [[nodiscard]] FeedHealth Health() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace auspex::telemetry
