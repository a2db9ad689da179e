#include "auspex/telemetry/sources/udp_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auspex/telemetry/sources/proxy_log.h"
#include "tests/telemetry/feed_client.h"

namespace auspex::telemetry {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const ServerKey kServer{"checkout", "a"};
const Logger kSilent(LogLevel::kError, [](std::string_view) {});

FeedAddress Udp(std::uint16_t port = 0) {
  return {.address = "127.0.0.1", .port = port, .transport = FeedTransport::kUdp};
}

std::unique_ptr<ProxyLog> Bind(const FeedAddress& address = Udp()) {
  auto feed = ProxyLog::Listen(address, kSilent);
  EXPECT_TRUE(feed.ok()) << feed.error().message;
  (*feed)->Track(kServer);
  return *std::move(feed);
}

std::unique_ptr<ProxyLog> Listen() {
  auto feed = Bind();
  EXPECT_TRUE(feed->Start());
  return feed;
}

std::int64_t NowUs() { return MicrosSinceEpoch(RealClock().Wall()); }

TEST(UdpFeed, CountsALineADatagramAndIsConnectedOnceOneCame) {
  const auto feed = Listen();
  Client client(feed->port(), SOCK_DGRAM);
  EXPECT_FALSE(feed->Health().connected);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(client.Send(NextLine() + (i % 2 == 0 ? "\n" : "")));
  ASSERT_TRUE(WaitFor([&] { return feed->LinesOf(kServer) == 500; })) << feed->LinesOf(kServer);
  EXPECT_TRUE(feed->Health().connected);
  EXPECT_EQ(feed->Take(kServer, std::nullopt).routes.at("cart").requests, 500);
  EXPECT_EQ(feed->Health().malformed, 0);
  EXPECT_EQ(feed->Health().dropped, 0);
}

TEST(UdpFeed, RefusesAddressesThatAreNotLoopbackAndNamesAPortInUse) {
  const auto distant = ProxyLog::Listen(
      {.address = "0.0.0.0", .port = 0, .transport = FeedTransport::kUdp}, kSilent);
  EXPECT_EQ(distant.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(distant.error().message, HasSubstr("loopback"));
  const auto feed = Listen();
  const auto second = ProxyLog::Listen(Udp(feed->port()), kSilent);
  ASSERT_FALSE(second.ok()) << "or it would take half of the lines";
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message,
              AllOf(HasSubstr(fmt::format("127.0.0.1:{} is in use", feed->port())),
                    HasSubstr("ss -unlp"), HasSubstr("`log` line")));
}

TEST(UdpFeed, CountsGoodLinesAmongHostileDatagrams) {
  const auto feed = Listen();
  Client client(feed->port(), SOCK_DGRAM);
  const std::string line = NextLine();
  const std::vector<std::string> hostile = {
      "",
      "\n",
      std::string(1, '\0'),
      std::string(65'000, 'x'),
      std::string(kMaxDatagramBytes, '1'),
      "<134>1 - - - - - -",
      LineFrame(),  // framed, as for TCP
      line.substr(0, line.size() / 2),
      line + line,
      line + std::string(kMaxDatagramBytes, ' '),
      "\xFF\xFE\x80",
  };
  for (const std::string& bytes : hostile) {
    ASSERT_TRUE(client.Send(bytes));
    ASSERT_TRUE(client.Send(NextLine()));
  }
  const auto count = static_cast<std::int64_t>(hostile.size());
  ASSERT_TRUE(WaitFor([&] {
    return feed->LinesOf(kServer) == count && feed->Health().malformed == count;
  })) << feed->LinesOf(kServer)
      << " " << feed->Health().malformed;
}

TEST(UdpFeed, WhatTheKernelThrewAwayIsCountedToTheLine) {
  const auto feed = Bind();  // bound, not read: the buffer fills
  Client client(feed->port(), SOCK_DGRAM);
  const std::int64_t then = NowUs() - 120'000'000;              // so that gaps show at once
  const std::int64_t fits = feed->Health().buffer_bytes / 300;  // more than fit, at 1 kB each
  constexpr std::int64_t kMost = 60'000;
  const std::int64_t sent = std::min(fits, kMost);
  for (std::int64_t n = 1; n <= sent; ++n)
    ASSERT_TRUE(client.Send(LineOf({.number = n, .end_us = then + n})));
  ASSERT_TRUE(feed->Start());
  std::int64_t number = sent;
  // The count of those thrown away comes with a later datagram.
  ASSERT_TRUE(WaitFor([&] {
    ++number;
    EXPECT_TRUE(client.Send(LineOf({.number = number, .end_us = then + number})));
    std::this_thread::sleep_for(20ms);
    return feed->LinesOf(kServer) + feed->Health().dropped == number;
  })) << feed->LinesOf(kServer)
      << " + " << feed->Health().dropped << " of " << number;
  EXPECT_GT(feed->Health().dropped, 0);
  ASSERT_TRUE(client.Send(LineOf({.number = number + 1, .end_us = NowUs()})));
  EXPECT_TRUE(WaitFor([&] { return feed->Health().missing == feed->Health().dropped; }))
      << "the numbers say the same: " << feed->Health().missing;
  EXPECT_EQ(feed->Health().malformed, 0);
}

TEST(UdpFeed, StopCountsWhatHadBeenSent) {
  const auto feed = Listen();
  Client client(feed->port(), SOCK_DGRAM);
  for (int i = 0; i < 2'000; ++i) ASSERT_TRUE(client.Send(NextLine()));
  feed->Stop();
  EXPECT_EQ(feed->LinesOf(kServer), 2'000);
  EXPECT_FALSE(feed->Health().connected);
  feed->Stop();
}

TEST(UdpFeed, ListensAgainOnThePortItLeft) {
  auto feed = Listen();
  const std::uint16_t port = feed->port();
  feed.reset();
  EXPECT_EQ(Bind(Udp(port))->port(), port);
}

TEST(UdpFeed, SaysWhatToDoAboutABufferThatIsTooSmall) {
  EXPECT_EQ(Advice({.granted = 8 << 20}), "");
  EXPECT_THAT(Advice({.granted = 212'992}),
              AllOf(HasSubstr("212992 bytes instead of 8388608"),
                    HasSubstr("net.core.rmem_max=8388608"), HasSubstr("tcp://")));
  const auto probed = ProbeReceiveBuffer();
  ASSERT_TRUE(probed.ok());
  const auto feed = Bind();
  EXPECT_EQ(feed->Health().buffer_bytes, probed->granted);
  EXPECT_EQ(feed->Health().buffer_wanted_bytes, probed->wanted);
  EXPECT_GT(probed->granted, 0);
}

TEST(UdpFeed, PrintsTheLinesForHaproxy) {
  const std::string format = ProxyLog::LogFormat(Udp(8514));
  EXPECT_THAT(format, HasSubstr("  log 127.0.0.1:8514 len 2048 format rfc5424 local0\n"));
  const std::string sections = ProxyLog::RingSection(Udp(8514));
  EXPECT_THAT(sections, AllOf(HasSubstr("backend auspex_counter"), Not(HasSubstr("ring"))));
}

}  // namespace
}  // namespace auspex::telemetry
