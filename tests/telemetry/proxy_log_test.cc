#include "auspex/telemetry/sources/proxy_log.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"

namespace auspex::telemetry {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const ServerKey kServer{"checkout", "a"};
const Logger kSilent(LogLevel::kError, [](std::string_view) {});

// The limit is generous: it is reached only when the condition never comes true.
bool WaitFor(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return condition();
}

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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
  // False when the other side has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
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

// Each a request of its own.
std::string LineFrame() {
  static std::atomic<int> number = 0;
  const std::string message = fmt::format(
      R"(<134>1 2026-11-24T11:34:03.431834+00:00 - haproxy 1 - - {{"b":"checkout","s":"a","st":"200","us":"500","e":"1795520043431742","r":"cart","ts":"----","n":"{}"}})",
      ++number);
  return fmt::format("{} {}", message.size(), message);
}

std::unique_ptr<ProxyLog> ListenAnywhere() {
  auto feed = ProxyLog::Listen({"127.0.0.1", 0}, kSilent);
  EXPECT_TRUE(feed.ok()) << feed.error().message;
  (*feed)->Track(kServer);
  EXPECT_TRUE((*feed)->Start().ok());
  return *std::move(feed);
}

TEST(ProxyLog, CountsWhatWasSentBeforeItBeganToRead) {
  auto feed = ProxyLog::Listen({"127.0.0.1", 0}, kSilent);
  ASSERT_TRUE(feed.ok()) << feed.error().message;
  Client client((*feed)->port());
  ASSERT_TRUE(client.Send(LineFrame() + LineFrame()));
  EXPECT_FALSE((*feed)->Health().connected);
  (*feed)->Track(kServer);
  ASSERT_TRUE((*feed)->Start().ok());
  EXPECT_TRUE(WaitFor([&] { return (*feed)->LinesOf(kServer) == 2; }));
}

TEST(ProxyLog, RefusesEveryAddressThatIsNotLoopback) {
  for (const char* address : {"0.0.0.0", "10.0.0.1", "::1", "", "example.org", "127.0.0.1x"}) {
    const auto feed = ProxyLog::Listen({address, 0}, kSilent);
    ASSERT_FALSE(feed.ok()) << address;
    EXPECT_EQ(feed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(feed.error().message, AllOf(HasSubstr(address), HasSubstr("loopback")));
  }
  EXPECT_TRUE(ProxyLog::Listen({"localhost", 0}, kSilent).ok());
}

TEST(ProxyLog, NamesTheAddressThatIsInUse) {
  const auto feed = ListenAnywhere();
  const auto second = ProxyLog::Listen({"127.0.0.1", feed->port()}, kSilent);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message,
              AllOf(HasSubstr(fmt::format("127.0.0.1:{}", feed->port())), HasSubstr("in use")));
}

TEST(ProxyLog, CountsLinesAndSaysWhetherAProxyIsConnected) {
  const auto feed = ListenAnywhere();
  EXPECT_FALSE(feed->Health().connected);
  Client client(feed->port());
  ASSERT_TRUE(WaitFor([&] { return feed->Health().connected; }));
  const std::string frames = LineFrame() + LineFrame();
  for (const char byte : frames) ASSERT_TRUE(client.Send({&byte, 1}));
  ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == 2; }));
  EXPECT_EQ(feed->Take(kServer, std::nullopt).routes.at("cart").requests, 2);
  client.Close();
  EXPECT_TRUE(WaitFor([&] { return !feed->Health().connected; }));
  EXPECT_EQ(feed->Health().malformed, 0);
}

TEST(ProxyLog, ForgetsAndSetsEdgesLikeTheCounterBehindIt) {
  const auto feed = ListenAnywhere();
  feed->SetEdges(kServer, {{100, 200, 900}, 400});
  Client client(feed->port());
  ASSERT_TRUE(client.Send(LineFrame()));
  ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == 1; }));
  const ServerTick tick = feed->Take(kServer, std::nullopt);
  EXPECT_EQ(tick.slower, (std::array<std::int64_t, 3>{1, 1, 0}));
  EXPECT_EQ(tick.harmed, 1);
  EXPECT_TRUE(tick.has_edges);
  feed->Forget(kServer);
  ASSERT_TRUE(client.Send(LineFrame()));
  ASSERT_TRUE(WaitFor([&] { return feed->Health().unmatched == 1; }));
  EXPECT_EQ(feed->LinesOf(kServer), 0);
}

TEST(ProxyLog, CountsGoodLinesAmongHostileBytes) {
  const auto feed = ListenAnywhere();
  const std::vector<std::string> hostile = {
      "99999999999999999999999999999999 ",
      std::string(200'000, '\0'),
      std::string(200'000, '1'),
      "GET / HTTP/1.1\r\n\r\n",
      "16 <134>1 - - - - {",
      "\xFF\xFE\x80 ",
  };
  std::int64_t sent = 0;
  for (const auto& bytes : hostile) {
    Client client(feed->port());
    ASSERT_TRUE(client.Send(bytes + " " + LineFrame() + LineFrame() + LineFrame()));
    // Bytes right behind hostile ones may be taken with them; later ones never.
    ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) >= sent + 2; })) << bytes.substr(0, 20);
    sent = feed->LinesOf(kServer);
  }
  EXPECT_GE(feed->Health().malformed, static_cast<std::int64_t>(hostile.size()));
}

TEST(ProxyLog, SaysOnceAConnectionWhyLinesAreMalformed) {
  std::mutex mutex;
  std::string written;
  const Logger log(LogLevel::kWarn, [&](std::string_view line) {
    const std::lock_guard lock(mutex);
    written += line;
  });
  auto feed = ProxyLog::Listen({"127.0.0.1", 0}, log);
  ASSERT_TRUE(feed.ok());
  ASSERT_TRUE((*feed)->Start().ok());
  Client client((*feed)->port());
  ASSERT_TRUE(client.Send("18 <134>1 - - - - - x18 <134>1 - - - - - x"));
  ASSERT_TRUE(WaitFor([&] { return (*feed)->Health().malformed == 2; }));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(written, HasSubstr("proxy_log_malformed"));
  EXPECT_EQ(written.find("proxy_log_malformed"), written.rfind("proxy_log_malformed"));
}

TEST(ProxyLog, SilentConnectionsGiveWayToNewOnes) {
  const auto feed = ListenAnywhere();
  Client talking(feed->port());
  ASSERT_TRUE(talking.Send(LineFrame()));
  ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == 1; }));
  Client silent(feed->port());  // silent from the first
  std::vector<Client> others;
  std::int64_t sent = 1;
  for (std::size_t i = 0; i < ProxyLog::kMaxConnections + 10; ++i) {
    others.emplace_back(feed->port());
    ASSERT_TRUE(others.back().connected());
    ASSERT_TRUE(others.back().Send(LineFrame()));
    ASSERT_TRUE(talking.Send(LineFrame())) << "one that talks is not closed";
    sent += 2;
    ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == sent; })) << i;
  }
  EXPECT_TRUE(silent.SeesEnd());
}

TEST(ProxyLog, StopCountsWhatHadBeenSentAndEndsInTimeWithAPeerThatStays) {
  const auto feed = ListenAnywhere();
  Client client(feed->port());
  std::string frames;
  for (int i = 0; i < 200; ++i) frames += LineFrame();
  ASSERT_TRUE(client.Send(frames));
  ASSERT_TRUE(WaitFor([&] { return feed->Health().connected; }));
  feed->Stop();  // the client never closes
  EXPECT_EQ(feed->LinesOf(kServer), 200);
  EXPECT_FALSE(feed->Health().connected);
  EXPECT_FALSE(Client(feed->port()).connected());
  feed->Stop();
}

TEST(ProxyLog, ListensAgainOnThePortItLeft) {
  auto feed = ListenAnywhere();
  const std::uint16_t port = feed->port();
  for (int i = 0; i < 3; ++i) {
    Client client(port);
    ASSERT_TRUE(WaitFor([&] { return feed->Health().connected; }));
    feed.reset();
    auto again = ProxyLog::Listen({"127.0.0.1", port}, kSilent);
    ASSERT_TRUE(again.ok()) << again.error().message;
    feed = *std::move(again);
    ASSERT_TRUE(feed->Start().ok());
    EXPECT_EQ(feed->port(), port);
  }
}

}  // namespace
}  // namespace auspex::telemetry
