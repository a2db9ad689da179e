#pragma once

#include <cstdint>
#include <string>

#include "auspex/base/fd.h"
#include "auspex/base/result.h"

namespace auspex::telemetry {

enum class FeedTransport {
  kTcp,  // from a ring of HAProxy, which keeps what we are not there to take
  kUdp,  // a datagram a line: what is sent while we are away, or faster than we read, is lost
};

// Where a feed is received. It carries no proof of who sends it, so only loopback is allowed:
// 127.0.0.0/8 or `localhost`. Port 0 takes a free one.
struct FeedAddress {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8514;
  FeedTransport transport = FeedTransport::kTcp;
};

[[nodiscard]] std::string SystemReason(int error);
// Best effort. False: the system refused.
bool SetSocketOption(int fd, int level, int name, int value);
// A non-blocking socket bound to `address`. Errors: kInvalidArgument for an address that is not
// loopback; kUnavailable when the port is taken; kPermissionDenied when the system refuses it;
// kInternal when it gives no descriptor.
Result<Fd> BindFeed(const FeedAddress& address);
// The error of BindFeed for a later step that failed with `error`.
[[nodiscard]] Failure CannotListen(const FeedAddress& address, int error);
// 0 where the socket has none.
[[nodiscard]] std::uint16_t PortOf(int fd);

}  // namespace auspex::telemetry
