#include "auspex/telemetry/sources/proxy_log.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "auspex/base/clock.h"
#include "tests/telemetry/feed_client.h"

namespace auspex::telemetry {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const ServerKey kServer{"checkout", "a"};
const Logger kSilent(LogLevel::kError, [](std::string_view) {});

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
  feed->SetEdges(kServer, {{100, 200, 900, 1000}, 400});
  Client client(feed->port());
  ASSERT_TRUE(client.Send(LineFrame()));
  ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == 1; }));
  const ServerTick tick = feed->Take(kServer, std::nullopt);
  EXPECT_EQ(tick.slower, (std::array<std::int64_t, 4>{1, 1, 0, 0}));
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

// Two minutes ago, so that a later line shows what is missing at once.
constexpr std::int64_t kPatientUs = 120'000'000;

std::int64_t NowUs() { return MicrosSinceEpoch(RealClock().Wall()); }

TEST(ProxyLog, AConnectionThatBreaksWithinAFrameCostsThatLine) {
  const auto feed = ListenAnywhere();
  const std::int64_t then = NowUs() - kPatientUs;
  for (std::int64_t n = 1; n <= 4; ++n) {
    Client client(feed->port());
    const std::string cut = FrameOf({.number = 2 * n + 1, .end_us = then + n});
    ASSERT_TRUE(client.Send(FrameOf({.number = 2 * n, .end_us = then + n}) +
                            cut.substr(0, cut.size() / static_cast<std::size_t>(n))));
    // The first is whole. HAProxy sends a line once: it does not know what had arrived.
    client.Close();
    ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == n + 1; })) << n;
    ASSERT_TRUE(WaitFor([&] { return !feed->Health().connected; }));
    EXPECT_EQ(feed->Health().malformed, n - 1);
  }
  Client client(feed->port());
  ASSERT_TRUE(client.Send(FrameOf({.number = 10, .end_us = then + 10}) +
                          FrameOf({.number = 11, .end_us = NowUs()})));
  ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == 7; }));
  EXPECT_EQ(feed->Health().missing, 3) << "over all connections of the process";
  EXPECT_EQ(feed->Take(kServer, std::nullopt).requests, 7);
}

TEST(ProxyLog, APeerThatVanishedWithinAFrameKeepsNobodyFromConnectingAnew) {
  const auto feed = ListenAnywhere();
  const std::int64_t then = NowUs() - kPatientUs;
  Client vanished(feed->port());  // says no more and never closes, as one behind a dead tunnel
  const std::string cut = FrameOf({.number = 2, .end_us = then});
  ASSERT_TRUE(vanished.Send(FrameOf({.number = 1, .end_us = then}) + cut.substr(0, 40)));
  ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == 1; }));
  Client again(feed->port());
  for (std::int64_t n = 3; n <= 50; ++n)
    ASSERT_TRUE(again.Send(FrameOf({.number = n, .end_us = then + n})));
  ASSERT_TRUE(again.Send(FrameOf({.number = 51, .end_us = NowUs()})));
  ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == 50; }));
  EXPECT_EQ(feed->Health().missing, 1);
  EXPECT_EQ(feed->Health().malformed, 0);
  vanished.Close();
  EXPECT_TRUE(WaitFor([&] { return feed->Health().malformed == 1; }));
}

TEST(ProxyLog, TwoProxiesOfOneProcessIdShareTheFeed) {
  const auto feed = ListenAnywhere();
  const std::int64_t then = NowUs() - kPatientUs;
  Client one(feed->port()), two(feed->port());
  for (std::int64_t n = 1; n <= 100; ++n) {
    ASSERT_TRUE(one.Send(FrameOf({.number = n, .end_us = then + n, .host = "web1"})));
    ASSERT_TRUE(two.Send(FrameOf({.number = n, .end_us = then + n, .host = "web2"})));
    ASSERT_TRUE(two.Send(FrameOf({.number = 9'000 + n, .end_us = then + n, .host = "web3"})));
  }
  for (const char* host : {"web1", "web2", "web3"})
    ASSERT_TRUE(two.Send(FrameOf({.number = 9'101, .end_us = NowUs(), .host = host})));
  ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == 303; }));
  EXPECT_EQ(feed->Health().missing, 0) << "the last of web1 and web2 are too new to be missing";
  EXPECT_EQ(feed->Health().duplicates, 0);
  one.Close();
  ASSERT_TRUE(two.Send(FrameOf({.number = 9'102, .end_us = NowUs(), .host = "web3"})));
  ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == 304; }));
  EXPECT_TRUE(feed->Health().connected);
}

TEST(ProxyLog, AReconnectStormIsCountedWholeAndFillsNoLog) {
  std::atomic<int> written = 0;
  const Logger log(LogLevel::kDebug, [&](std::string_view) { ++written; });
  auto feed = ProxyLog::Listen({.address = "127.0.0.1", .port = 0}, log);
  ASSERT_TRUE(feed.ok());
  (*feed)->Track(kServer);
  ASSERT_TRUE((*feed)->Start());
  constexpr int kStorm = 1'000;
  for (int i = 0; i < kStorm; ++i) {
    Client client((*feed)->port());
    ASSERT_TRUE(client.Send(LineFrame()));
  }
  EXPECT_TRUE(WaitFor([&] { return (*feed)->LinesOf(kServer) == kStorm; }))
      << (*feed)->LinesOf(kServer);
  EXPECT_EQ((*feed)->Health().malformed, 0);
  EXPECT_LT(written, 200) << "of " << 2 * kStorm << " connections and ends";
}

TEST(ProxyLog, AConnectionThatHasToMakeRoomIsReadOutBefore) {
  auto listening = ProxyLog::Listen({.address = "127.0.0.1", .port = 0}, kSilent);
  ASSERT_TRUE(listening.ok());
  const auto feed = *std::move(listening);
  feed->Track(kServer);
  // Twice as many as it can hold, all with a line, before it begins to read.
  std::vector<Client> clients;
  for (std::size_t i = 0; i < 2 * ProxyLog::kMaxConnections; ++i) {
    clients.emplace_back(feed->port());
    ASSERT_TRUE(clients.back().Send(LineFrame()));
  }
  ASSERT_TRUE(feed->Start());
  const auto sent = static_cast<std::int64_t>(clients.size());
  EXPECT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == sent; })) << feed->LinesOf(kServer);
  EXPECT_TRUE(clients.front().SeesEnd());
}

}  // namespace
}  // namespace auspex::telemetry
