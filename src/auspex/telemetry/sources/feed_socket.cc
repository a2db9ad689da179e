#include "auspex/telemetry/sources/feed_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace auspex::telemetry {
namespace {

Result<sockaddr_in> ToLoopback(const FeedAddress& address) {
  sockaddr_in socket_address{};
  socket_address.sin_family = AF_INET;
  socket_address.sin_port = htons(address.port);
  const std::string text = address.address == "localhost" ? "127.0.0.1" : address.address;
  const bool parsed = ::inet_pton(AF_INET, text.c_str(), &socket_address.sin_addr) == 1;
  if (!parsed || (ntohl(socket_address.sin_addr.s_addr) >> 24) != 127) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "proxy log: cannot listen on '{}': the feed carries no proof of its sender, so only "
        "loopback (127.0.0.0/8 or localhost) is allowed; bring a distant proxy's feed here "
        "by a tunnel",
        address.address);
  }
  return socket_address;
}

}  // namespace

std::string SystemReason(int error) { return std::generic_category().message(error); }

bool SetSocketOption(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

Result<Fd> BindFeed(const FeedAddress& address) {
  AUSPEX_TRY(const sockaddr_in where, ToLoopback(address));
  const bool tcp = address.transport == FeedTransport::kTcp;
  Fd bound(::socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!bound.valid()) return CannotListen(address, errno);
  // With UDP it would let a second process take the port, and half of the lines with it.
  if (tcp) SetSocketOption(bound.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  sockaddr generic{};
  static_assert(sizeof generic == sizeof where);
  std::memcpy(&generic, &where, sizeof where);
  if (::bind(bound.get(), &generic, sizeof generic) != 0) return CannotListen(address, errno);
  return bound;
}

Failure CannotListen(const FeedAddress& address, int error) {
  const bool tcp = address.transport == FeedTransport::kTcp;
  if (error == EADDRINUSE) {
    return Fail(ErrorCode::kUnavailable,
                "proxy log: {}:{} is in use: stop the process that listens there (`ss -{}nlp`), or "
                "set another port in `proxy_log.listen` and in the proxy's {}",
                address.address, address.port, tcp ? 't' : 'u', tcp ? "ring" : "`log` line");
  }
  return Fail(error == EACCES ? ErrorCode::kPermissionDenied : ErrorCode::kInternal,
              "proxy log: cannot listen on {}:{}: {}", address.address, address.port,
              SystemReason(error));
}

std::uint16_t PortOf(int fd) {
  sockaddr generic{};
  socklen_t size = sizeof generic;
  if (::getsockname(fd, &generic, &size) != 0) return 0;
  sockaddr_in address{};
  std::memcpy(&address, &generic, sizeof address);
  return ntohs(address.sin_port);
}

}  // namespace auspex::telemetry
