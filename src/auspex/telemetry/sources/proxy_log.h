#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "auspex/base/log.h"
#include "auspex/base/result.h"
#include "auspex/telemetry/sources/feed_socket.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

class FeedReceiver;

// Receives HAProxy's request log and counts it (request_counter.h), on a thread of its own, from
// one proxy or several. Two ways:
// - TCP: octet-counted RFC 5424 frames from a `ring`. The ring keeps what we were not there to
//   take, and HAProxy connects again by itself. The way to choose.
// - UDP: a datagram a line, for setups where log lines already go that way. What is sent while we
//   are away, or faster than we read, is lost, which HAProxy never learns. Loss is measured
//   instead (FeedHealth) and holds rollouts when it is grave (feed_balance.h).
// Thread-safe.
class ProxyLog final : public RequestSource {
 public:
  static constexpr std::size_t kMaxConnections = 64;  // over TCP: tcp_feed.h
  using Address = FeedAddress;

  // Takes the port; nothing is read before Start(), so that whoever needs the lines can say first
  // which servers it tracks (what a proxy sends until then waits in the socket, and in its ring).
  // Errors: kInvalidArgument for an address that is not loopback; kUnavailable when the port is
  // taken; kPermissionDenied when the system refuses it; kInternal when it gives no descriptor.
  static Result<std::unique_ptr<ProxyLog>> Listen(const Address& address, const Logger& log);
  // Begins to read. Once. Error: kInternal when the system gives no thread.
  Status Start();
  // Stops.
  ~ProxyLog() override;

  // Refuses new connections, asks the connected proxies to close, counts what had been sent already
  // (waiting at most half a second) and ends the thread. What was counted can still be taken.
  // Idempotent, but not to be called from two threads at once.
  void Stop();
  [[nodiscard]] std::uint16_t port() const;

  void Track(const ServerKey& server) override;
  void Forget(const ServerKey& server) override;
  void SetEdges(const ServerKey& server, const Edges& edges) override;
  ServerTick Take(const ServerKey& server, std::optional<WallTime> until) override;
  [[nodiscard]] std::int64_t LinesOf(const ServerKey& server) const override;
  [[nodiscard]] std::int64_t LinesHeard(const ServerKey& server) const override;
  [[nodiscard]] std::int64_t LinesFrom(std::string_view host, std::int64_t process) const override;
  [[nodiscard]] FeedHealth Health() const override;
  [[nodiscard]] std::string HowToConnect() const override;

  // To paste into haproxy.cfg: sections of their own (the request counter; over TCP the
  // ring) ...
  [[nodiscard]] static std::string RingSection(const Address& address);
  // ... and, into each frontend, lines that log its requests to that ring or address. They occupy
  // the frontend's sticky counter 2 and the variables txn.auspex_*; the client's address is not
  // sent.
  [[nodiscard]] static std::string LogFormat(const Address& address = {});

 private:
  ProxyLog(Address address, std::unique_ptr<FeedReceiver> receiver);
  Address address_;  // with the port that is open
  std::unique_ptr<FeedReceiver> receiver_;
};

}  // namespace auspex::telemetry
