// The feed of a real HAProxy, with the configuration that ProxyLog prints.

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/telemetry/sources/proxy_log.h"

namespace auspex::telemetry {
namespace {

const Logger kSilent(LogLevel::kError, [](std::string_view) {});
const ServerKey kGood{"checkout", "good"};
const ServerKey kDead{"dead", "dead"};

bool WaitFor(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return condition();
}

class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }
  bool Connect(std::uint16_t port) {
    const sockaddr generic = Loopback(port);
    return ::connect(fd_, &generic, sizeof generic) == 0;
  }
  // The port is this socket's while it lives, but for a listener that asks for it by number.
  std::uint16_t BindAnywhere() {
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr generic = Loopback(0);
    EXPECT_EQ(::bind(fd_, &generic, sizeof generic), 0);
    sockaddr bound{};
    socklen_t size = sizeof bound;
    EXPECT_EQ(::getsockname(fd_, &bound, &size), 0);
    sockaddr_in address{};
    std::memcpy(&address, &bound, sizeof address);
    return ntohs(address.sin_port);
  }
  void Send(std::string_view bytes) { ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // Up to the end of the headers; empty when the other side closed.
  std::string ReceiveHead() {
    std::string head;
    char chunk[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(fd_, chunk, sizeof chunk, 0);
      if (got <= 0) return {};
      head.append(chunk, static_cast<std::size_t>(got));
    }
    return head;
  }

 private:
  static sockaddr Loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    return generic;
  }
  int fd_;
};

// Answers 500 for /fail, else 200, one request a connection.
class TinyBackend {
 public:
  TinyBackend() : port_(listener_.BindAnywhere()) {
    EXPECT_EQ(::listen(listener_.fd(), 64), 0);
    thread_ = std::thread([this] {
      while (!stop_) ServeOne();
    });
  }
  ~TinyBackend() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void ServeOne() {
    pollfd ready{listener_.fd(), POLLIN, 0};
    if (::poll(&ready, 1, 50) <= 0) return;
    Socket client(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::string head = client.ReceiveHead();
    const bool fail = head.rfind("GET /fail", 0) == 0;
    client.Send(fmt::format("HTTP/1.1 {} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                            fail ? 500 : 200));
  }

  Socket listener_;
  std::uint16_t port_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class Haproxy {
 public:
  Haproxy(const FeedAddress& feed, std::uint16_t backend_port) {
    std::string folder = std::filesystem::temp_directory_path() / "auspex-feed-XXXXXX";
    folder_ = ::mkdtemp(folder.data());
    std::ofstream(folder_ + "/haproxy.cfg") << Configuration(feed, backend_port);
    Spawn();
  }
  ~Haproxy() {
    ::kill(process_, SIGTERM);
    ::waitpid(process_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  // The status line's code; 0: no answer.
  int Get(std::string_view path) const {
    Socket client;
    if (!client.Connect(port_)) return 0;
    client.Send(fmt::format("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path));
    const std::string head = client.ReceiveHead();
    return head.size() < 12 ? 0 : std::atoi(head.c_str() + 9);
  }
  void SendRaw(std::string_view bytes) const {
    Socket client;
    ASSERT_TRUE(client.Connect(port_));
    client.Send(bytes);
    client.ReceiveHead();
  }
  [[nodiscard]] bool Answers() const { return Socket().Connect(port_); }

 private:
  std::string Configuration(const FeedAddress& feed, std::uint16_t backend_port) {
    return fmt::format(R"(global
  maxconn 200
{}
defaults
  mode http
  retries 0
  timeout connect 2s
  timeout client 10s
  timeout server 5s
frontend shop
  bind 127.0.0.1:{}
  option dontlognull
{}  use_backend dead if {{ path_beg /dead }}
  default_backend checkout
backend checkout
  server good 127.0.0.1:{}
backend dead
  server dead 127.0.0.1:{}
)",
                       ProxyLog::RingSection(feed), port_, ProxyLog::LogFormat(feed), backend_port,
                       nobody_.BindAnywhere());
  }
  void Spawn() {
    const std::string file = folder_ + "/haproxy.cfg";
    std::vector<std::string> arguments = {"haproxy", "-db", "-f", file};
    std::vector<char*> pointers;
    for (auto& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string output = folder_ + "/haproxy.log";
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_CREAT | O_WRONLY, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    char path[] = "PATH=/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/bin";
    char* environment[] = {path, nullptr};
    const int failed = ::posix_spawn(&process_, "/usr/sbin/haproxy", &actions, nullptr,
                                     pointers.data(), environment);
    posix_spawn_file_actions_destroy(&actions);
    ASSERT_EQ(failed, 0) << std::strerror(failed);
    ASSERT_TRUE(WaitFor([this] { return Answers(); })) << Output(output);
  }
  static std::string Output(const std::string& file) {
    std::ifstream log(file);
    return {std::istreambuf_iterator<char>(log), {}};
  }

  Socket kept_;    // holds the port for the proxy
  Socket nobody_;  // holds a port that refuses connections
  std::uint16_t port_ = kept_.BindAnywhere();
  std::string folder_;
  pid_t process_ = -1;
};

FeedAddress At(std::uint16_t port, FeedTransport transport = FeedTransport::kTcp) {
  return {.address = "127.0.0.1", .port = port, .transport = transport};
}

std::unique_ptr<ProxyLog> Listen(const FeedAddress& address) {
  auto feed = ProxyLog::Listen(address, kSilent);
  EXPECT_TRUE(feed.ok()) << feed.error().message;
  (*feed)->Track(kGood);
  (*feed)->Track(kDead);
  EXPECT_TRUE((*feed)->Start().ok());
  return *std::move(feed);
}

class ProxyLogOfHaproxy : public testing::TestWithParam<FeedTransport> {};

TEST_P(ProxyLogOfHaproxy, CountsEveryRequest) {
  const auto feed = Listen(At(0, GetParam()));
  const TinyBackend backend;
  const Haproxy proxy(At(feed->port(), GetParam()), backend.port());
  for (int i = 0; i < 300; ++i)
    ASSERT_EQ(proxy.Get(i % 10 == 0 ? "/fail/x" : "/cart/1"), i % 10 == 0 ? 500 : 200);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(proxy.Get("/dead"), 503);
  EXPECT_EQ(proxy.Get("/we]i\"rd\\path%FF"), 200);
  proxy.SendRaw("GARBAGE\r\n\r\n");
  proxy.SendRaw("GET /\xFF\xFE HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(WaitFor([&] { return feed->Health().lines == 308; })) << feed->Health().lines;
  EXPECT_EQ(feed->LinesOf(kGood), 301);
  EXPECT_EQ(feed->LinesOf(kDead), 5);
  const FeedHealth health = feed->Health();
  EXPECT_EQ(health.malformed, 0);
  EXPECT_EQ(health.missing, 0);
  EXPECT_EQ(health.unmatched, 0);
  EXPECT_EQ(health.dropped, 0);
  EXPECT_EQ(health.duplicates, 0);
  EXPECT_EQ(health.early, 0);
  const ServerTick tick = feed->Take(kGood, RealClock().Wall());
  EXPECT_EQ(tick.requests, 301);
  EXPECT_EQ(tick.errors, 30);
  EXPECT_EQ(tick.routes,
            (std::map<std::string, RouteCounts>{
                {"cart", {270, 0}}, {"fail", {30, 30}}, {"we]i\"rd\\path%FF", {1, 0}}}));
  EXPECT_EQ(tick.latency_us.count(), 301);
  EXPECT_EQ(feed->Take(kDead, std::nullopt).errors, 5);
}

INSTANTIATE_TEST_SUITE_P(Both, ProxyLogOfHaproxy,
                         testing::Values(FeedTransport::kTcp, FeedTransport::kUdp),
                         [](const auto& transport) {
                           return transport.param == FeedTransport::kTcp ? "Tcp" : "Udp";
                         });

TEST(ProxyLogWithHaproxy, LosesNothingWhenItIsStartedAnewUnderTraffic) {
  auto feed = Listen(At(0));
  const std::uint16_t port = feed->port();
  const TinyBackend backend;
  const Haproxy proxy(At(port), backend.port());
  std::atomic<std::int64_t> answered = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!stop) answered += proxy.Get("/cart") == 200 ? 1 : 0;
    });
  }
  std::int64_t counted = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(WaitFor([&] { return feed->LinesOf(kGood) >= 100; }));
    feed->Stop();
    counted += feed->LinesOf(kGood);
    feed.reset();
    const std::int64_t away = answered;
    EXPECT_TRUE(WaitFor([&] { return answered >= away + 100; }));  // these wait in the ring
    feed = Listen(At(port));
  }
  stop = true;
  for (auto& client : clients) client.join();
  EXPECT_TRUE(WaitFor([&] { return counted + feed->LinesOf(kGood) >= answered; }))
      << counted + feed->LinesOf(kGood) << " of " << answered;
  EXPECT_EQ(counted + feed->LinesOf(kGood), answered);
  EXPECT_EQ(feed->Health().malformed, 0);
}

}  // namespace
}  // namespace auspex::telemetry
