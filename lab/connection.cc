#include "lab/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace auspex::lab {

Connection::Io Connection::Read(std::size_t room_bytes) {
  std::array<char, 16 * 1024> buffer;
  const std::size_t want = std::min(room_bytes, buffer.size());
  if (want == 0) return Io::kOk;
  const ssize_t got = recv(fd.get(), buffer.data(), want, 0);
  if (got == 0) return Io::kClosed;
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Io::kOk : Io::kClosed;
  in.append(buffer.data(), static_cast<std::size_t>(got));
  return Io::kOk;
}

Connection::Io Connection::Write() {
  while (!out.empty()) {
    const ssize_t sent = send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? Io::kOk : Io::kClosed;
    out.erase(0, static_cast<std::size_t>(sent));
  }
  return Io::kOk;
}

}  // namespace auspex::lab
