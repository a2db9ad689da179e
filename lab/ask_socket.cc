#include "lab/ask_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>

#include "lab/connection.h"
#include "lab/posix.h"

namespace auspex::lab {
namespace {

constexpr std::size_t kMaxAnswerBytes = 8U << 20U;
constexpr std::size_t kReadBytes = 16 * 1024;

Status WaitFor(const Fd& fd, short events, MonotonicTime end) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  pollfd ready{fd.get(), events, 0};
  const int got = left.count() > 0 ? poll(&ready, 1, static_cast<int>(left.count())) : 0;
  if (got < 0 && errno != EINTR) return FailErrno("wait for an answer");
  if (left.count() <= 0) return Fail(ErrorCode::kUnavailable, "no answer in time");
  return {};
}

Status SendAll(Connection& peer, MonotonicTime end) {
  while (!peer.out.empty()) {
    AUSPEX_TRY(WaitFor(peer.fd, POLLOUT, end));
    if (peer.Write() == Connection::Io::kClosed) return FailErrno("send");
  }
  return {};
}

// Until the other side hangs up.
Result<std::string> Exchange(Fd fd, std::string_view question, Duration limit) {
  const MonotonicTime end = std::chrono::steady_clock::now() + limit;
  Connection peer;
  peer.fd = std::move(fd);
  peer.out = question;
  AUSPEX_TRY(SendAll(peer, end));
  while (true) {
    AUSPEX_TRY(WaitFor(peer.fd, POLLIN, end));
    if (peer.Read(kReadBytes) == Connection::Io::kClosed) return std::move(peer.in);
    if (peer.in.size() > kMaxAnswerBytes) {
      return Fail(ErrorCode::kUnavailable, "an answer over {} bytes", kMaxAnswerBytes);
    }
  }
}

Result<Fd> ConnectUnix(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path.native();
  if (text.size() >= sizeof(address.sun_path)) {
    return Fail(ErrorCode::kInvalidArgument, "the socket path {} is longer than {} bytes", text,
                sizeof(address.sun_path) - 1);
  }
  std::copy(text.begin(), text.end(), address.sun_path);
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return FailErrno("a socket");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return FailErrno(fmt::format("connect to {}", text));
  }
  return fd;
}

}  // namespace

Result<std::string> AskSocket(const std::filesystem::path& socket, std::string_view command,
                              Duration limit) {
  auto fd = ConnectUnix(socket);
  if (!fd.ok()) return Failure{std::move(fd).error()};
  auto answer = Exchange(*std::move(fd), fmt::format("{}\n", command), limit);
  if (!answer.ok()) return Within(socket.string(), answer.error());
  return answer;
}

}  // namespace auspex::lab
