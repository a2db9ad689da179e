#include "lab/posix.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <system_error>

namespace auspex::lab {
namespace {

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

const sockaddr* Generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Result<std::uint16_t> PortOf(const Fd& fd) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return FailErrno("port of a listener");
  }
  return ntohs(address.sin_port);
}

}  // namespace

Failure FailErrno(std::string_view what, int error) {
  return Fail(ErrorCode::kUnavailable, "{}: {}", what, std::system_category().message(error));
}

Result<Listener> ListenLoopback(std::uint16_t port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return FailErrno("a socket to listen on");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const sockaddr_in address = Loopback(port);
  if (bind(fd.get(), Generic(address), sizeof(address)) != 0 || listen(fd.get(), SOMAXCONN) != 0) {
    return FailErrno(fmt::format("listen on 127.0.0.1:{}", port));
  }
  AUSPEX_TRY(const std::uint16_t bound, PortOf(fd));
  return Listener{std::move(fd), bound};
}

Result<Fd> ConnectLoopback(std::uint16_t port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return FailErrno("a socket to connect with");
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const sockaddr_in address = Loopback(port);
  if (connect(fd.get(), Generic(address), sizeof(address)) != 0 && errno != EINPROGRESS) {
    return FailErrno(fmt::format("connect to 127.0.0.1:{}", port));
  }
  return fd;
}

}  // namespace auspex::lab
