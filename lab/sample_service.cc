#include "lab/sample_service.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "lab/connection.h"
#include "lab/event_loop.h"
#include "lab/http_request.h"
#include "lab/request_fates.h"
#include "lab/service_metrics.h"

namespace auspex::lab {
namespace {

constexpr std::size_t kMaxInBytes = kMaxHeaderBytes + kMaxBodyBytes;
// Answers to pipelined requests wait for the reader beyond this.
constexpr std::size_t kMaxOutBytes = 64 * 1024;
constexpr Duration kSweepEvery = 500ms;
constexpr Duration kLeakEvery = 200ms;
constexpr Duration kAcceptPause = 100ms;
constexpr int kAcceptsPerTurn = 64;

struct Client : Connection {
  bool waiting = false;    // an answer is due; its bytes come later
  bool reading = true;     // EPOLLIN is on
  bool writing = false;    // EPOLLOUT is on
  bool closing = false;    // once all is written
  bool keep_alive = true;  // of the request being answered
  bool head = false;       // its method is HEAD: no body
  std::size_t route = 0;
  Fate fate;
  MonotonicTime arrived{};
};

std::string_view StatusText(int status) {
  switch (status) {
    case 200:
      return "200 OK";
    case 400:
      return "400 Bad Request";
    case 404:
      return "404 Not Found";
    case 405:
      return "405 Method Not Allowed";
    default:
      return "500 Internal Server Error";
  }
}

bool IsLabel(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

bool IsShare(double value) { return value >= 0.0 && value <= 1.0; }

Status Validate(const ServiceOptions& options) {
  const auto refuse = [](std::string_view text) {
    return Fail(ErrorCode::kInvalidArgument, "sample service: {}", text);
  };
  if (!IsLabel(options.version)) return refuse("version must be letters, digits, '.', '_' or '-'");
  if (!IsShare(options.base_error_rate)) return refuse("base_error_rate must be within [0, 1]");
  if (!(options.latency_sigma >= 0.0 && options.latency_sigma <= 3.0)) {
    return refuse("latency_sigma must be within [0, 3]");
  }
  if (options.latency_median < 0s || options.latency_median > 60s) {
    return refuse("latency_median must be within [0, 60s]");
  }
  if (!(options.cold_factor >= 1.0 && options.cold_factor <= 100.0)) {
    return refuse("cold_factor must be within [1, 100]");
  }
  if (!(options.total_rps >= 0.0 && std::isfinite(options.total_rps))) {
    return refuse("total_rps must be at least 0");
  }
  if (options.fault == Fault::kLoad && options.total_rps == 0.0) {
    return refuse("the fault 'load' needs total_rps, the rate of all versions together");
  }
  if (options.max_connections == 0) return refuse("max_connections must be at least 1");
  return {};
}

std::optional<std::size_t> RouteOf(std::string_view path) {
  const std::string_view name = path.substr(1, path.find('/', 1) - 1);
  const auto* const found = std::find_if(kRoutes.begin(), kRoutes.end(),
                                         [&](const Route& route) { return route.name == name; });
  if (found == kRoutes.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kRoutes.begin());
}

// Memory that counts as resident: every page is written.
std::unique_ptr<char[]> HoldMemory(std::size_t bytes) {
  std::unique_ptr<char[]> memory(new char[bytes]);
  std::memset(memory.get(), 0x5a, bytes);
  return memory;
}

Status WritePortFile(const std::filesystem::path& path, std::uint16_t port) {
  // Renamed into place, so that a reader never sees half a number.
  const std::filesystem::path draft = path.string() + ".new";
  std::ofstream file(draft);
  file << port << '\n';
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(draft, path, error);
  if (!file || error) {
    return Fail(ErrorCode::kPermissionDenied, "cannot write the port file {}", path.string());
  }
  return {};
}

}  // namespace

class SampleService::Impl {
 public:
  Impl(ServiceOptions options, std::unique_ptr<EventLoop> loop, Listener listener)
      : options_(std::move(options)),
        loop_(std::move(loop)),
        listener_(std::move(listener)),
        fates_(options_),
        working_set_(HoldMemory(options_.memory_bytes)),
        start_bytes_(ResidentBytes()),
        started_(EventLoop::Now()) {}

  Status Begin();
  [[nodiscard]] std::uint16_t port() const { return listener_.port; }
  EventLoop& loop() { return *loop_; }

 private:
  Status Listen();
  void Accept();
  void PauseAccepting();
  void Admit(Fd fd);
  void OnEvent(int fd, std::uint32_t events);
  void Serve(Client& client);
  bool AnswerSome(Client& client);
  void Handle(Client& client, const RequestHead& request);
  void HandleShop(Client& client, std::size_t route);
  void OnFateDue(int fd, std::uint32_t id);
  void FinishShop(Client& client);
  void Answer(Client& client, int status, std::string_view body);
  void Settle(Client& client);
  void Close(Client& client);
  void Sweep();
  [[nodiscard]] bool Overdue(const Client& client, MonotonicTime now) const;
  void Leak();

  ServiceOptions options_;
  std::unique_ptr<EventLoop> loop_;
  Listener listener_;
  RequestFates fates_;
  ServiceMetrics metrics_;
  std::vector<std::unique_ptr<Client>> clients_;  // by descriptor
  std::size_t client_count_ = 0;
  std::uint32_t next_id_ = 1;
  std::unique_ptr<char[]> working_set_;
  std::int64_t start_bytes_;
  MonotonicTime started_;
  std::vector<std::unique_ptr<char[]>> leaked_;
  std::size_t leaked_bytes_ = 0;
};

Status SampleService::Impl::Begin() {
  AUSPEX_TRY(Listen());
  Sweep();
  if (options_.fault == Fault::kLeak) Leak();
  if (!options_.port_file.empty()) AUSPEX_TRY(WritePortFile(options_.port_file, port()));
  return {};
}

Status SampleService::Impl::Listen() {
  return loop_->Watch(listener_.fd.get(), EPOLLIN, [this](std::uint32_t) { Accept(); });
}

void SampleService::Impl::Accept() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Fd fd(accept4(listener_.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.valid()) {
      Admit(std::move(fd));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      return PauseAccepting();
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

// Out of descriptors: the listener stays readable, and the loop would turn on it without end.
void SampleService::Impl::PauseAccepting() {
  const auto timer = loop_->At(EventLoop::Now() + kAcceptPause, [this] {
    if (!Listen().ok()) PauseAccepting();
  });
  if (timer.ok()) loop_->Unwatch(listener_.fd.get());
}

void SampleService::Impl::Admit(Fd fd) {
  if (client_count_ >= options_.max_connections) return;
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const int number = fd.get();
  const auto watched = loop_->Watch(
      number, EPOLLIN, [this, number](std::uint32_t events) { OnEvent(number, events); });
  if (!watched.ok()) return;
  auto client = std::make_unique<Client>();
  client->fd = std::move(fd);
  client->id = next_id_++;
  client->since = EventLoop::Now();
  const auto index = static_cast<std::size_t>(number);
  if (index >= clients_.size()) clients_.resize(index + 1);
  clients_[index] = std::move(client);
  ++client_count_;
}

void SampleService::Impl::OnEvent(int fd, std::uint32_t events) {
  Client& client = *clients_[static_cast<std::size_t>(fd)];
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0U) {
    const bool was_empty = client.in.empty();
    // Asked for or not, these two come again and again until the socket is closed.
    if ((events & (EPOLLERR | EPOLLHUP)) != 0U ||
        client.Read(kMaxInBytes - client.in.size()) == Connection::Io::kClosed) {
      return Close(client);
    }
    if (was_empty && !client.waiting) client.since = EventLoop::Now();
  }
  Serve(client);
}

void SampleService::Impl::Serve(Client& client) {
  // Each round takes requests out of a buffer that is not refilled here, so there is an end.
  while (AnswerSome(client)) {
    if (client.Write() == Connection::Io::kClosed) return Close(client);
    if (!client.out.empty()) break;  // goes on when the reader has caught up
  }
  Settle(client);
}

// Answers what is whole in `in`, in order, until one has to wait. True if it stopped only because
// enough is waiting to be written.
bool SampleService::Impl::AnswerSome(Client& client) {
  std::size_t used = 0;
  bool more = true;
  while (more && !client.waiting && !client.closing && client.out.size() < kMaxOutBytes) {
    const Parsed parsed = ParseRequest(std::string_view(client.in).substr(used));
    more = parsed.state == ParseState::kWhole;
    if (more) {
      Handle(client, parsed.request);
      used += parsed.request.size;
    } else if (parsed.state == ParseState::kBad) {
      client.keep_alive = false;
      client.head = false;
      Answer(client, 400, parsed.reason);
    }
  }
  client.in.erase(0, used);
  return more && !client.waiting && !client.closing;
}

void SampleService::Impl::Handle(Client& client, const RequestHead& request) {
  client.keep_alive = request.keep_alive;
  client.head = request.method == "HEAD";
  if (request.path == "/lab/start-clock") {
    if (request.method != "POST") return Answer(client, 405, "POST starts the fault clock\n");
    fates_.StartClock(EventLoop::Now());
    return Answer(client, 200, "the fault clock runs\n");
  }
  if (request.method != "GET" && request.method != "POST" && !client.head) {
    return Answer(client, 405, "GET, HEAD or POST\n");
  }
  if (request.path == "/healthz") return Answer(client, 200, "ok\n");
  if (request.path == "/metrics") return Answer(client, 200, metrics_.Text(options_.version));
  if (const auto route = RouteOf(request.path)) return HandleShop(client, *route);
  Answer(client, 404, "no such page\n");
}

void SampleService::Impl::HandleShop(Client& client, std::size_t route) {
  client.arrived = EventLoop::Now();
  client.route = route;
  client.fate = fates_.Next(client.arrived, route);
  if (client.fate.latency <= 0ns) return FinishShop(client);
  client.waiting = true;
  const auto timer = loop_->At(client.arrived + client.fate.latency,
                               [this, fd = client.fd.get(), id = client.id] { OnFateDue(fd, id); });
  // No room for another timer: answered at once, which is late for nobody.
  if (!timer.ok()) FinishShop(client);
}

void SampleService::Impl::OnFateDue(int fd, std::uint32_t id) {
  Client* const client = clients_[static_cast<std::size_t>(fd)].get();
  if (client == nullptr || client->id != id) return;  // it left before its answer
  FinishShop(*client);
  Serve(*client);
}

void SampleService::Impl::FinishShop(Client& client) {
  client.waiting = false;
  client.since = EventLoop::Now();
  metrics_.Count(client.route, client.fate.ok, client.since - client.arrived);
  Answer(client, client.fate.ok ? 200 : 500, kRoutes[client.route].name);
}

void SampleService::Impl::Answer(Client& client, int status, std::string_view body) {
  fmt::format_to(std::back_inserter(client.out),
                 "HTTP/1.1 {}\r\nContent-Type: text/plain\r\nX-Version: {}\r\n{}"
                 "Content-Length: {}\r\n\r\n{}",
                 StatusText(status), options_.version,
                 client.keep_alive ? "" : "Connection: close\r\n", body.size(),
                 client.head ? std::string_view{} : body);
  if (!client.keep_alive) client.closing = true;
}

// Writes what there is and asks for the events that can still bring it on.
void SampleService::Impl::Settle(Client& client) {
  if (!client.out.empty() && client.Write() == Connection::Io::kClosed) return Close(client);
  if (client.closing && client.out.empty()) return Close(client);
  const bool reading = !client.closing && client.in.size() < kMaxInBytes;
  const bool writing = !client.out.empty();
  if (reading == client.reading && writing == client.writing) return;
  client.reading = reading;
  client.writing = writing;
  const std::uint32_t events =
      (reading ? std::uint32_t{EPOLLIN} : 0U) | (writing ? std::uint32_t{EPOLLOUT} : 0U);
  if (!loop_->Change(client.fd.get(), events).ok()) Close(client);
}

void SampleService::Impl::Close(Client& client) {
  const int fd = client.fd.get();
  loop_->Unwatch(fd);
  --client_count_;
  clients_[static_cast<std::size_t>(fd)].reset();
}

void SampleService::Impl::Sweep() {
  const MonotonicTime now = EventLoop::Now();
  for (const auto& client : clients_) {
    if (client && Overdue(*client, now)) Close(*client);
  }
  // Full of timers, the loop sweeps no more; it cannot be: a client holds at most one.
  [[maybe_unused]] const auto timer = loop_->At(now + kSweepEvery, [this] { Sweep(); });
}

bool SampleService::Impl::Overdue(const Client& client, MonotonicTime now) const {
  if (client.waiting) return false;
  const bool idle = client.in.empty() && client.out.empty();
  return now - client.since > (idle ? options_.idle_limit : options_.request_limit);
}

void SampleService::Impl::Leak() {
  const MonotonicTime now = EventLoop::Now();
  const double due =
      static_cast<double>(start_bytes_) * kLeakPerMinute * Seconds(now - started_) / 60.0;
  const std::size_t target = std::min(static_cast<std::size_t>(due), options_.leak_max_bytes);
  if (target > leaked_bytes_) {
    leaked_.push_back(HoldMemory(target - leaked_bytes_));
    leaked_bytes_ = target;
  }
  [[maybe_unused]] const auto timer = loop_->At(now + kLeakEvery, [this] { Leak(); });
}

SampleService::SampleService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SampleService::~SampleService() = default;

Result<std::unique_ptr<SampleService>> SampleService::Create(const ServiceOptions& options) {
  AUSPEX_TRY(Validate(options));
  AUSPEX_TRY(auto loop, EventLoop::Create());
  AUSPEX_TRY(auto listener, ListenLoopback(options.port));
  auto impl = std::make_unique<Impl>(options, std::move(loop), std::move(listener));
  AUSPEX_TRY(impl->Begin());
  return std::unique_ptr<SampleService>(new SampleService(std::move(impl)));
}

std::uint16_t SampleService::port() const { return impl_->port(); }

Status SampleService::Run() { return impl_->loop().Run(); }

Status SampleService::RunUntilSignal() {
  const StopOnSignals signals(impl_->loop());
  AUSPEX_TRY(signals.status());
  return impl_->loop().Run();
}

void SampleService::Stop() { impl_->loop().Stop(); }

int RunSampleService(const ServiceOptions& options) {
  const auto service = SampleService::Create(options);
  if (!service.ok()) {
    fmt::print(stderr, "error: {}\n", service.error().message);
    return service.error().code == ErrorCode::kInvalidArgument ? 2 : 3;
  }
  fmt::print("listening on 127.0.0.1:{}\n", (*service)->port());
  std::fflush(stdout);
  const Status ran = (*service)->RunUntilSignal();
  if (!ran.ok()) fmt::print(stderr, "error: {}\n", ran.error().message);
  return ran.ok() ? 0 : 3;
}

}  // namespace auspex::lab
