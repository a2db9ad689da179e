#include "auspex/telemetry/sources/proxy_log.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "auspex/base/clock.h"
#include "auspex/telemetry/sources/proxy_log_parser.h"
#include "auspex/telemetry/sources/request_counter.h"

namespace auspex::telemetry {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr auto kFarewell = 500ms;    // for proxies to close when we stop
constexpr auto kAcceptPause = 1s;    // when the process has no descriptor left
constexpr int kKeepAliveIdleS = 30;  // a peer that vanished is found after about a minute
constexpr int kKeepAliveEveryS = 10;
constexpr int kKeepAliveTries = 3;

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { Close(); }
  void Close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

std::string Reason(int error) { return std::generic_category().message(error); }

void SetOption(int fd, int level, int name, int value) {
  // Best effort: without it the feed works, a vanished peer is only noticed later.
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

void KeepAlive(int fd) {
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleS);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveEveryS);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveTries);
}

Result<sockaddr_in> ToLoopback(const ProxyLog::Address& address) {
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

Failure BindFailure(const ProxyLog::Address& address, int error) {
  if (error == EADDRINUSE) {
    return Fail(ErrorCode::kUnavailable,
                "proxy log: {}:{} is in use: stop the process that listens there (`ss -ltnp`), or "
                "set another port in `proxy_log.listen` and in the proxy's ring",
                address.address, address.port);
  }
  return Fail(error == EACCES ? ErrorCode::kPermissionDenied : ErrorCode::kInternal,
              "proxy log: cannot listen on {}:{}: {}", address.address, address.port,
              Reason(error));
}

Result<Descriptor> OpenListener(const ProxyLog::Address& address) {
  AUSPEX_TRY(const sockaddr_in where, ToLoopback(address));
  Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (listener.get() < 0) return BindFailure(address, errno);
  SetOption(listener.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  sockaddr generic{};
  static_assert(sizeof generic == sizeof where);
  std::memcpy(&generic, &where, sizeof where);
  if (::bind(listener.get(), &generic, sizeof generic) != 0) return BindFailure(address, errno);
  if (::listen(listener.get(), 16) != 0) return BindFailure(address, errno);
  return listener;
}

std::uint16_t PortOf(int fd) {
  sockaddr generic{};
  socklen_t size = sizeof generic;
  if (::getsockname(fd, &generic, &size) != 0) return 0;
  sockaddr_in address{};
  std::memcpy(&address, &generic, sizeof address);
  return ntohs(address.sin_port);
}

}  // namespace

// The thread and what it alone touches; counter_ is the part that others share.
class ProxyLog::Receiver {
 public:
  static Result<std::unique_ptr<Receiver>> Listen(const Address& address, const Logger& log);
  ~Receiver() { Stop(); }

  Status Start();
  void Stop();
  RequestCounter& counter() { return counter_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Connection {
    Descriptor fd;
    FrameSplitter frames;
    Clock::time_point heard;  // when it last sent anything
    std::int64_t lines = 0;
    std::int64_t malformed = 0;
  };

  Receiver(Descriptor listener, const Logger& log) : log_(log), listener_(std::move(listener)) {}
  Status Prepare();
  [[nodiscard]] bool Watch(int fd, std::uint32_t events, int operation) const;
  void Run();
  void WaitAndServe(int wait_ms);
  void Serve(int fd);
  void Accept();
  void Admit(Descriptor fd);
  void PauseAccepting(bool pause);
  void Receive(Connection& connection);
  void Count(Connection& connection, std::string_view bytes);
  void CountMalformed(Connection& connection, std::int64_t count, std::string_view why);
  void Drop(int fd);
  void SayFarewell();

  const Logger log_;
  RequestCounter counter_;
  ProxyLogParser parser_;
  Descriptor listener_;
  Descriptor epoll_;
  Descriptor wake_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  bool accept_paused_ = false;
  std::unordered_map<int, Connection> connections_;
  std::array<char, kReadBytes> chunk_{};
  std::thread thread_;
};

Result<std::unique_ptr<ProxyLog::Receiver>> ProxyLog::Receiver::Listen(const Address& address,
                                                                       const Logger& log) {
  AUSPEX_TRY(Descriptor listener, OpenListener(address));
  std::unique_ptr<Receiver> receiver(new Receiver(std::move(listener), log));
  AUSPEX_TRY(receiver->Prepare());
  return receiver;
}

Status ProxyLog::Receiver::Prepare() {
  port_ = PortOf(listener_.get());
  epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (epoll_.get() < 0 || wake_.get() < 0 || !Watch(wake_.get(), EPOLLIN, EPOLL_CTL_ADD) ||
      !Watch(listener_.get(), EPOLLIN, EPOLL_CTL_ADD)) {
    return Fail(ErrorCode::kInternal, "proxy log: no descriptor to wait on: {}", Reason(errno));
  }
  return {};
}

Status ProxyLog::Receiver::Start() {
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    return Fail(ErrorCode::kInternal, "proxy log: no thread: {}", error.what());
  }
  return {};
}

bool ProxyLog::Receiver::Watch(int fd, std::uint32_t events, int operation) const {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

void ProxyLog::Receiver::Stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const std::uint64_t one = 1;
  static_cast<void>(
      ::write(wake_.get(), &one, sizeof one));  // cannot fail: the count is far from full
  thread_.join();
}

void ProxyLog::Receiver::Run() {
  while (!stopping_) {
    WaitAndServe(accept_paused_ ? static_cast<int>(std::chrono::milliseconds(kAcceptPause).count())
                                : -1);
    if (accept_paused_) PauseAccepting(false);
  }
  SayFarewell();
}

void ProxyLog::Receiver::WaitAndServe(int wait_ms) {
  std::array<epoll_event, kMaxConnections + 2> events{};
  const int ready =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms);
  for (int i = 0; i < ready; ++i) Serve(events[static_cast<std::size_t>(i)].data.fd);
}

void ProxyLog::Receiver::Serve(int fd) {
  if (fd == listener_.get()) {
    Accept();
  } else if (const auto found = connections_.find(fd); found != connections_.end()) {
    Receive(found->second);
  }
}

void ProxyLog::Receiver::Accept() {
  Descriptor fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd.get() >= 0) {
    Admit(std::move(fd));
  } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    log_.Warn("proxy_log_cannot_accept", {{"reason", Reason(errno)}});
    PauseAccepting(true);
  }
}

void ProxyLog::Receiver::Admit(Descriptor fd) {
  if (connections_.size() >= kMaxConnections) {
    const auto silent = std::min_element(
        connections_.begin(), connections_.end(),
        [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; });
    log_.Warn("proxy_log_full", {{"connections", kMaxConnections}});
    Drop(silent->first);
  }
  KeepAlive(fd.get());
  const int key = fd.get();
  if (!Watch(key, EPOLLIN, EPOLL_CTL_ADD)) return;
  Connection& connection = connections_[key];
  connection.fd = std::move(fd);
  connection.heard = Clock::now();
  counter_.SetConnections(connections_.size());
  log_.Info("proxy_connected", {{"connections", connections_.size()}});
}

void ProxyLog::Receiver::PauseAccepting(bool pause) {
  accept_paused_ = pause;
  static_cast<void>(Watch(listener_.get(), pause ? 0U : EPOLLIN, EPOLL_CTL_MOD));
}

void ProxyLog::Receiver::Receive(Connection& connection) {
  const int fd = connection.fd.get();
  const ssize_t got = ::recv(fd, chunk_.data(), chunk_.size(), 0);
  if (got > 0) {
    connection.heard = Clock::now();
    Count(connection, {chunk_.data(), static_cast<std::size_t>(got)});
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    Drop(fd);
  }
}

void ProxyLog::Receiver::Count(Connection& connection, std::string_view bytes) {
  const std::int64_t before = connection.frames.malformed();
  connection.frames.Append(bytes);
  while (const auto message = connection.frames.Next()) {
    const auto line = parser_.Parse(*message);
    if (line.ok()) {
      counter_.Add(*line);
      ++connection.lines;
    } else {
      CountMalformed(connection, 1, line.error().message);
    }
  }
  const std::int64_t bad = connection.frames.malformed() - before;
  if (bad > 0)
    CountMalformed(connection, bad, "not octet-counted frames (`log-proto octet-count`)");
}

// Says why once a connection: a proxy that sends another format would fill our log.
void ProxyLog::Receiver::CountMalformed(Connection& connection, std::int64_t count,
                                        std::string_view why) {
  if (connection.malformed == 0) log_.Warn("proxy_log_malformed", {{"reason", why}});
  connection.malformed += count;
  counter_.AddMalformed(count);
}

void ProxyLog::Receiver::Drop(int fd) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  log_.Info("proxy_disconnected",
            {{"lines", found->second.lines}, {"malformed", found->second.malformed}});
  connections_.erase(found);  // closing the descriptor takes it out of epoll
  counter_.SetConnections(connections_.size());
}

// Bytes that wait in our sockets would be lost with them, so the peers close first: they see the
// end of our side, stop sending, and we read up to theirs.
void ProxyLog::Receiver::SayFarewell() {
  listener_.Close();
  static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, wake_.get(), nullptr));
  for (const auto& [fd, connection] : connections_) ::shutdown(fd, SHUT_WR);
  const auto end = Clock::now() + kFarewell;
  while (!connections_.empty() && Clock::now() < end) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    WaitAndServe(static_cast<int>(left.count()) + 1);
  }
  connections_.clear();
  counter_.SetConnections(0);
}

ProxyLog::ProxyLog(std::unique_ptr<Receiver> receiver) : receiver_(std::move(receiver)) {}
ProxyLog::~ProxyLog() = default;

Result<std::unique_ptr<ProxyLog>> ProxyLog::Listen(const Address& address, const Logger& log) {
  AUSPEX_TRY(std::unique_ptr<Receiver> receiver, Receiver::Listen(address, log));
  return std::unique_ptr<ProxyLog>(new ProxyLog(std::move(receiver)));
}

Status ProxyLog::Start() { return receiver_->Start(); }
void ProxyLog::Stop() { receiver_->Stop(); }
std::uint16_t ProxyLog::port() const { return receiver_->port(); }
void ProxyLog::Track(const ServerKey& server) { receiver_->counter().Track(server); }
void ProxyLog::Forget(const ServerKey& server) { receiver_->counter().Forget(server); }
void ProxyLog::SetEdges(const ServerKey& server, const Edges& edges) {
  receiver_->counter().SetEdges(server, edges);
}
ServerTick ProxyLog::Take(const ServerKey& server, std::optional<WallTime> until) {
  return receiver_->counter().Take(server, until);
}
std::int64_t ProxyLog::LinesOf(const ServerKey& server) const {
  return receiver_->counter().LinesOf(server);
}
FeedHealth ProxyLog::Health() const { return receiver_->counter().Health(); }

std::string ProxyLog::RingSection(const Address& address) {
  return fmt::format(
      R"(# Requests for Auspex: kept in memory, sent over TCP, kept on while it is away.
ring auspex
  format rfc5424
  maxlen 2048
  size 33554432
  timeout connect 1s
  timeout server 10s
  server auspex {}:{} log-proto octet-count

# Numbers the requests, so that a lost line shows. (%rt numbers connections to the sockets too.)
backend auspex_counter
  stick-table type integer size 1 nopurge store gpc0
)",
      address.address, address.port);
}

// e: the end by the proxy's own clock, since %Ts of a kept-alive connection is the end of the
// request before. Microseconds by date(): the built-in timers are whole milliseconds. Every sample
// is quoted: an unset one is a bare `-`. %b and %s are names of [A-Za-z0-9_.:-], or <NOSRV>; what a
// client can choose is escaped (+E) and cut, so that no line outgrows the ring's maxlen.
std::string ProxyLog::LogFormat() {
  return R"(  log ring@auspex local0
  http-request track-sc2 int(1) table auspex_counter
  http-request set-var(txn.auspex_n) sc_inc_gpc0(2)
  http-request set-var(txn.auspex_t0) date(0,us)
  http-request set-var(txn.auspex_route) path,field(2,/),bytes(0,64)
  log-format '{"b":"%b","s":"%s","st":"%ST","us":"%[date(0,us),sub(txn.auspex_t0)]","e":"%[date(0,us)]","r":"%{+E}[var(txn.auspex_route)]","m":"%{+E}[method,bytes(0,16)]","rc":"%rc","ts":"%tsc","n":"%[var(txn.auspex_n)]"}'
)";
}

}  // namespace auspex::telemetry
