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
// microsecond. Bounded: when a server has kMaxRecords of them, the half that ended first is folded
// into one sum that the next Take gives whole, whatever its `until` (at 40,000 requests/s that is
// what ended more than 3 s ago). A line without an end, and one that claims to end more than an
// hour behind `until` (a clock that was set), is in the next Take too. Edges are compared on
// arrival. Routes: the first kMaxRoutes names of a server; when they are used up, names without a
// request in a tick make room at its Take, so a scan of random paths does not push out real routes
// for long. A line without `b` counts for the tracked server of its name when just one backend has
// it.
class RequestCounter final : public RequestSource {
 public:
  static constexpr std::size_t kMaxRecords = std::size_t{1} << 18;
  static constexpr std::size_t kMaxProcesses = 64;  // proxies whose counters are followed

  RequestCounter();
  ~RequestCounter() override;

  void Add(const ProxyLogLine& line);
  // Frames or lines that could not be read. `count` >= 0.
  void AddMalformed(std::int64_t count);
  // Proxies that are connected now.
  void SetConnections(std::size_t connections);

  void Track(const ServerKey& server) override;
  void Forget(const ServerKey& server) override;
  void SetEdges(const ServerKey& server, const Edges& edges) override;
  ServerTick Take(const ServerKey& server, std::optional<WallTime> until) override;
  [[nodiscard]] std::int64_t LinesOf(const ServerKey& server) const override;
  [[nodiscard]] FeedHealth Health() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace auspex::telemetry
