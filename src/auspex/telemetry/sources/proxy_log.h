#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "auspex/base/log.h"
#include "auspex/base/result.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

// Receives HAProxy's request log over TCP (octet-counted RFC 5424 frames from a `ring`) and counts
// it. The ring keeps what we were not there to take, and HAProxy connects again by itself.
//
// One thread of its own serves all connections, at most kMaxConnections: when one more comes, the
// one that was silent longest gives way, so dead peers cannot lock a proxy out. A connection holds
// at most one frame and one read. Thread-safe.
class ProxyLog final : public RequestSource {
 public:
  static constexpr std::size_t kMaxConnections = 64;

  // Where to listen. The feed carries no proof of who sends it, so only loopback is allowed:
  // 127.0.0.0/8 or `localhost`. Port 0 takes a free one.
  struct Address {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8514;
  };

  // Takes the port; nothing is read before Start(), so that whoever needs the lines can say first
  // which servers it tracks (what a proxy sends until then waits in the socket and in its ring).
  // Errors: kInvalidArgument for an address that is not loopback; kUnavailable when the port is
  // taken; kPermissionDenied when the system refuses it; kInternal when it gives no descriptor.
  static Result<std::unique_ptr<ProxyLog>> Listen(const Address& address, const Logger& log);
  // Begins to read. Once. Error: kInternal when the system gives no thread.
  Status Start();
  // Stops.
  ~ProxyLog() override;

  // Refuses new connections, asks the connected proxies to close, counts what they had sent already
  // (waiting at most half a second) and ends the thread. What was counted can still be taken.
  // Idempotent, but not to be called from two threads at once.
  void Stop();
  [[nodiscard]] std::uint16_t port() const;

  void Track(const ServerKey& server) override;
  void Forget(const ServerKey& server) override;
  void SetEdges(const ServerKey& server, const Edges& edges) override;
  ServerTick Take(const ServerKey& server, std::optional<WallTime> until) override;
  [[nodiscard]] std::int64_t LinesOf(const ServerKey& server) const override;
  [[nodiscard]] FeedHealth Health() const override;

  // To paste into haproxy.cfg: sections of their own (the ring, the request counter) ...
  [[nodiscard]] static std::string RingSection(const Address& address);
  // ... and, into each frontend, lines that log its requests to that ring. They occupy the
  // frontend's sticky counter 2 and the variables txn.auspex_*; the client's address is not sent.
  [[nodiscard]] static std::string LogFormat();

 private:
  class Receiver;
  explicit ProxyLog(std::unique_ptr<Receiver> receiver);
  std::unique_ptr<Receiver> receiver_;
};

}  // namespace auspex::telemetry
