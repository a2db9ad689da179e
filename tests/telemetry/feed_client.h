#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "auspex/base/clock.h"

namespace auspex::telemetry {

// The limit is generous: it is reached only when the condition never comes true.
inline bool WaitFor(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return condition();
}

// One that sends to a port of this machine, by a connection or (SOCK_DGRAM) datagrams.
class Client {
 public:
  explicit Client(std::uint16_t port, int type = SOCK_STREAM)
      : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    connected_ = ::connect(fd_, &generic, sizeof generic) == 0;
  }
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
  ~Client() { Close(); }
  void Close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] bool connected() const { return connected_; }
  // False when the other side has closed. One datagram, or all of the bytes.
  bool Send(std::string_view bytes) {
    do {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } while (!bytes.empty());
    return true;
  }
  // Waits for the other side to close.
  bool SeesEnd() {
    char byte = 0;
    return ::recv(fd_, &byte, 1, 0) <= 0;
  }

 private:
  int fd_;
  bool connected_ = false;
};

// A request to server `a` of `checkout`, as the proxy logs it.
struct LoggedRequest {
  std::int64_t number = 0;
  std::int64_t end_us = 1'795'520'043'431'742;
  std::string host = "web1";
};

inline std::string LineOf(const LoggedRequest& request) {
  return fmt::format(
      R"(<134>1 2026-11-24T11:34:03.431834+00:00 - haproxy 1 - - {{"b":"checkout","s":"a","st":"200","us":"500","e":"{}","r":"cart","ts":"----","n":"{}","h":"{}"}})",
      request.end_us, request.number, request.host);
}

inline std::string FrameOf(const LoggedRequest& request) {
  const std::string line = LineOf(request);
  return fmt::format("{} {}", line.size(), line);
}

// Each a request of its own.
inline std::string NextLine() {
  static std::atomic<int> number = 0;
  return LineOf({.number = ++number});
}
inline std::string LineFrame() {
  const std::string line = NextLine();
  return fmt::format("{} {}", line.size(), line);
}

}  // namespace auspex::telemetry
