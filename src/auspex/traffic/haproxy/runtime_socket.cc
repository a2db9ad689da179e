#include "auspex/traffic/haproxy/runtime_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <cstring>
#include <system_error>
#include <thread>

#include "auspex/base/fd.h"

namespace auspex::traffic {
namespace {

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

Failure SystemFailure(std::string_view doing, int error) {
  const ErrorCode code =
      error == EACCES || error == EPERM ? ErrorCode::kPermissionDenied : ErrorCode::kUnavailable;
  return Fail(code, "{}: {}", doing, std::generic_category().message(error));
}

Failure Late(std::string_view doing) {
  return Fail(ErrorCode::kUnavailable, "{}: the deadline passed", doing);
}

// Milliseconds for poll(), rounded up so that it does not spin before the deadline.
int MillisUntil(MonotonicTime deadline) {
  const auto now = std::chrono::steady_clock::now();
  if (deadline <= now) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<int>(std::min<std::int64_t>(left, INT_MAX));
}

// Until the socket is ready (or broken: the next call on it says how).
Status WaitFor(const Fd& socket, short events, MonotonicTime deadline, std::string_view doing) {
  while (true) {
    const int wait_ms = MillisUntil(deadline);
    if (wait_ms == 0) return Late(doing);
    pollfd poll{.fd = socket.get(), .events = events, .revents = 0};
    const int ready = ::poll(&poll, 1, wait_ms);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return SystemFailure(doing, errno);
  }
}

Status FinishConnecting(const Fd& socket, MonotonicTime deadline) {
  AUSPEX_TRY(WaitFor(socket, POLLOUT, deadline, "connect"));
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return SystemFailure("connect", error);
  return {};
}

Status Connect(const Fd& socket, const Address& address, MonotonicTime deadline) {
  while (true) {
    const auto* const bytes = reinterpret_cast<const sockaddr*>(&address.bytes);
    if (::connect(socket.get(), bytes, address.size) == 0) return {};
    if (errno == EINPROGRESS || errno == EINTR) return FinishConnecting(socket, deadline);
    if (errno != EAGAIN) return SystemFailure("connect", errno);
    // A unix socket whose backlog is full cannot be polled for.
    if (MillisUntil(deadline) == 0) return Late("connect");
    std::this_thread::sleep_for(1ms);
  }
}

Status WriteAll(const Fd& socket, std::string_view bytes, MonotonicTime deadline) {
  while (!bytes.empty()) {
    AUSPEX_TRY(WaitFor(socket, POLLOUT, deadline, "write"));
    const ssize_t written = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EAGAIN && errno != EINTR) {
      return SystemFailure("write", errno);
    }
  }
  return {};
}

Result<std::string> ReadToEnd(const Fd& socket, MonotonicTime deadline) {
  std::string answer;
  std::array<char, 16'384> chunk{};
  while (true) {
    AUSPEX_TRY(WaitFor(socket, POLLIN, deadline, "read"));
    const ssize_t read = ::recv(socket.get(), chunk.data(), chunk.size(), 0);
    if (read == 0) return answer;
    if (read < 0 && errno != EAGAIN && errno != EINTR) return SystemFailure("read", errno);
    if (read > 0) answer.append(chunk.data(), static_cast<std::size_t>(read));
    if (answer.size() > RuntimeSocket::kMaxAnswerBytes) {
      return Fail(ErrorCode::kUnavailable, "the answer is longer than {} bytes",
                  RuntimeSocket::kMaxAnswerBytes);
    }
  }
}

// HAProxy ends each answer with an empty line; where it lacks, the rest was lost.
Result<std::string> Whole(std::string_view answer) {
  if (answer.empty()) return Fail(ErrorCode::kUnavailable, "closed without an answer");
  if (answer != "\n" && !answer.ends_with("\n\n")) {
    return Fail(ErrorCode::kUnavailable, "closed in the middle of an answer, after {} bytes: '{}'",
                answer.size(), answer.substr(0, std::min<std::size_t>(answer.find('\n'), 80)));
  }
  return std::string(answer.substr(0, answer.size() - 1));
}

Result<std::string> Exchange(const Address& address, std::string_view line,
                             MonotonicTime deadline) {
  const Fd socket(::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return SystemFailure("socket", errno);
  AUSPEX_TRY(Connect(socket, address, deadline));
  AUSPEX_TRY(WriteAll(socket, line, deadline));
  AUSPEX_TRY(const std::string answer, ReadToEnd(socket, deadline));
  return Whole(answer);
}

Address UnixAddress(const std::string& path) {
  Address address;
  sockaddr_un unix_address{};
  unix_address.sun_family = AF_UNIX;
  std::memcpy(unix_address.sun_path, path.data(), path.size());
  std::memcpy(&address.bytes, &unix_address, sizeof unix_address);
  address.size = sizeof unix_address;
  return address;
}

Address Ipv4Address(std::uint32_t host, std::uint16_t port) {
  Address address;
  sockaddr_in ipv4_address{};
  ipv4_address.sin_family = AF_INET;
  ipv4_address.sin_addr.s_addr = htonl(host);
  ipv4_address.sin_port = htons(port);
  std::memcpy(&address.bytes, &ipv4_address, sizeof ipv4_address);
  address.size = sizeof ipv4_address;
  return address;
}

Status CheckPath(std::string_view address, std::string_view path) {
  constexpr std::size_t kMostBytes = sizeof(sockaddr_un::sun_path) - 1;
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidArgument,
                "socket '{}' is neither an absolute path nor ipv4@ADDRESS:PORT", address);
  }
  if (path.size() > kMostBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "socket '{}' has {} bytes, and the system takes {}: use a shorter path", path,
                path.size(), kMostBytes);
  }
  return {};
}

}  // namespace

Result<RuntimeSocket> RuntimeSocket::Parse(std::string_view address) {
  constexpr std::string_view kUnix = "unix@";
  constexpr std::string_view kIpv4 = "ipv4@";
  RuntimeSocket socket;
  socket.address_ = address;
  if (!address.starts_with(kIpv4)) {
    const auto path = address.starts_with(kUnix) ? address.substr(kUnix.size()) : address;
    AUSPEX_TRY(CheckPath(address, path));
    socket.path_ = path;
    return socket;
  }
  const std::string_view target = address.substr(kIpv4.size());
  const auto colon = target.find(':');
  const std::string host(target.substr(0, colon));
  const auto digits =
      colon == std::string_view::npos ? std::string_view() : target.substr(colon + 1);
  const auto [end, failed] =
      std::from_chars(digits.data(), digits.data() + digits.size(), socket.port_);
  in_addr parsed{};
  if (::inet_pton(AF_INET, host.c_str(), &parsed) != 1 || failed != std::errc() ||
      end != digits.data() + digits.size() || socket.port_ == 0) {
    return Fail(ErrorCode::kInvalidArgument, "socket '{}' is not like ipv4@127.0.0.1:9999",
                address);
  }
  socket.ipv4_ = ntohl(parsed.s_addr);
  return socket;
}

Result<std::string> RuntimeSocket::Ask(std::string_view command, MonotonicTime deadline) const {
  if (command.find_first_of("\r\n") != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidArgument, "a command to haproxy is one line, not '{}'", command);
  }
  const Address address = path_.empty() ? Ipv4Address(ipv4_, port_) : UnixAddress(path_);
  auto answer = Exchange(address, fmt::format("{}\n", command), deadline);
  if (!answer.ok()) {
    return Within(fmt::format("haproxy at {}, '{}'", address_, command), answer.error());
  }
  return answer;
}

}  // namespace auspex::traffic
