#include "auspex/telemetry/sources/tcp_feed.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace auspex::telemetry {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kLastReads = 64;       // of a connection that has to make room
constexpr auto kFarewell = 500ms;    // for proxies to close when we stop
constexpr auto kAcceptPause = 1s;    // when the process has no descriptor left
constexpr int kKeepAliveIdleS = 30;  // a peer that vanished is found after about a minute
constexpr int kKeepAliveEveryS = 10;
constexpr int kKeepAliveTries = 3;

// Best effort: without it the feed works, a vanished peer is only noticed later.
void KeepAlive(int fd) {
  SetSocketOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetSocketOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleS);
  SetSocketOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveEveryS);
  SetSocketOption(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveTries);
}

int Milliseconds(Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

class TcpFeed final : public FeedReceiver {
 public:
  TcpFeed(Fd listener, const Logger& log) : FeedReceiver(log), listener_(std::move(listener)) {}
  ~TcpFeed() override { Stop(); }

  Status Open();

 private:
  using Clock = std::chrono::steady_clock;
  struct Connection {
    Fd fd;
    FrameSplitter frames;
    Clock::time_point heard;  // when it last sent anything
    std::int64_t lines = 0;
    std::int64_t malformed = 0;
  };

  void Run() override;
  [[nodiscard]] bool Watch(int fd, std::uint32_t events, int operation) const;
  void WaitAndServe(int wait_ms);
  void Serve(int fd);
  void Accept();
  void Admit(Fd fd);
  void MakeRoom();
  void PauseAccepting(bool pause);
  bool Receive(Connection& connection);
  void CountChunk(Connection& connection, std::string_view bytes);
  void Spoil(Connection& connection, std::int64_t count, std::string_view why);
  void Drop(int fd);
  void SayFarewell();

  Fd listener_;
  Fd epoll_;
  bool accept_paused_ = false;
  std::unordered_map<int, Connection> connections_;
  std::array<char, kReadBytes> chunk_{};
};

Status TcpFeed::Open() {
  AUSPEX_TRY(Prepare(listener_.get()));
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid() || !Watch(wake(), EPOLLIN, EPOLL_CTL_ADD) ||
      !Watch(listener_.get(), EPOLLIN, EPOLL_CTL_ADD)) {
    return Fail(ErrorCode::kInternal, "proxy log: no descriptor to wait on: {}",
                SystemReason(errno));
  }
  return {};
}

void TcpFeed::Run() {
  while (!stopping()) {
    WaitAndServe(Milliseconds(accept_paused_ ? Duration(kAcceptPause) : FeedReporter::kEvery));
    if (accept_paused_) PauseAccepting(false);
    Report();
  }
  SayFarewell();
}

bool TcpFeed::Watch(int fd, std::uint32_t events, int operation) const {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

void TcpFeed::WaitAndServe(int wait_ms) {
  std::array<epoll_event, kMaxFeedConnections + 2> events{};
  const int ready =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms);
  for (int i = 0; i < ready; ++i) Serve(events[static_cast<std::size_t>(i)].data.fd);
}

void TcpFeed::Serve(int fd) {
  if (fd == listener_.get()) {
    Accept();
  } else if (const auto found = connections_.find(fd); found != connections_.end()) {
    Receive(found->second);
  }
}

// Several at a time: a proxy whose call finds the queue full tries again only after a second.
void TcpFeed::Accept() {
  for (std::size_t i = 0; i < kMaxFeedConnections; ++i) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.valid()) {
      Admit(std::move(fd));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      log().Warn("proxy_log_cannot_accept", {{"reason", SystemReason(errno)}});
      PauseAccepting(true);
    }
    return;
  }
}

void TcpFeed::Admit(Fd fd) {
  if (connections_.size() >= kMaxFeedConnections) MakeRoom();
  KeepAlive(fd.get());
  const int key = fd.get();
  if (!Watch(key, EPOLLIN, EPOLL_CTL_ADD)) return;
  Connection& connection = connections_[key];
  connection.fd = std::move(fd);
  connection.heard = Clock::now();
  counter().SetConnections(connections_.size());
  reporter().Connected(connections_.size(), connection.heard);
}

// What the one that goes had sent is counted first.
void TcpFeed::MakeRoom() {
  const int silent =
      std::min_element(connections_.begin(), connections_.end(), [](const auto& a, const auto& b) {
        return a.second.heard < b.second.heard;
      })->first;
  reporter().Full(connections_.size(), Clock::now());
  for (int i = 0; i < kLastReads; ++i) {
    const auto found = connections_.find(silent);
    if (found == connections_.end() || !Receive(found->second)) break;
  }
  Drop(silent);
}

void TcpFeed::PauseAccepting(bool pause) {
  accept_paused_ = pause;
  static_cast<void>(Watch(listener_.get(), pause ? 0U : EPOLLIN, EPOLL_CTL_MOD));
}

// False: nothing was there, or it has ended and is gone.
bool TcpFeed::Receive(Connection& connection) {
  const int fd = connection.fd.get();
  const ssize_t got = ::recv(fd, chunk_.data(), chunk_.size(), 0);
  if (got > 0) {
    connection.heard = Clock::now();
    CountChunk(connection, {chunk_.data(), static_cast<std::size_t>(got)});
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    Drop(fd);
  }
  return got > 0;
}

// All lines of a chunk came when it was read.
void TcpFeed::CountChunk(Connection& connection, std::string_view bytes) {
  const WallTime arrived = RealClock().Wall();
  const std::int64_t before = connection.frames.malformed();
  connection.frames.Append(bytes);
  while (const auto message = connection.frames.Next()) {
    ++(Count(*message, arrived) ? connection.lines : connection.malformed);
  }
  const std::int64_t bad = connection.frames.malformed() - before;
  if (bad > 0) Spoil(connection, bad, "not octet-counted frames (`log-proto octet-count`)");
}

void TcpFeed::Spoil(Connection& connection, std::int64_t count, std::string_view why) {
  connection.malformed += count;
  CountMalformed(count, why);
}

void TcpFeed::Drop(int fd) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  if (connection.frames.buffered_bytes() > 0) Spoil(connection, 1, "its connection cut a frame");
  reporter().Disconnected({.lines = connection.lines, .malformed = connection.malformed},
                          Clock::now());
  connections_.erase(found);  // closing the descriptor takes it out of epoll
  counter().SetConnections(connections_.size());
}

// Bytes that wait in our sockets would be lost with them, so the peers close first: they see the
// end of our side, stop sending, and we read up to theirs.
void TcpFeed::SayFarewell() {
  listener_.Reset();
  static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, wake(), nullptr));
  for (const auto& [fd, connection] : connections_) ::shutdown(fd, SHUT_WR);
  const auto end = Clock::now() + kFarewell;
  while (!connections_.empty() && Clock::now() < end) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    WaitAndServe(static_cast<int>(left.count()) + 1);
  }
  connections_.clear();
  counter().SetConnections(0);
}

}  // namespace

Result<std::unique_ptr<FeedReceiver>> ListenTcp(const FeedAddress& address, const Logger& log) {
  AUSPEX_TRY(Fd listener, BindFeed(address));
  if (::listen(listener.get(), SOMAXCONN) != 0) return CannotListen(address, errno);
  auto feed = std::make_unique<TcpFeed>(std::move(listener), log);
  AUSPEX_TRY(feed->Open());
  return std::unique_ptr<FeedReceiver>(std::move(feed));
}

}  // namespace auspex::telemetry
