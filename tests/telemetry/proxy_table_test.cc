#include "auspex/telemetry/sources/proxy_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace auspex::telemetry {
namespace {

constexpr std::int64_t kNowUs = 1'795'520'000'000'000;
constexpr std::int64_t kSecondUs = 1'000'000;

ProxyLogLine Line(std::int64_t number, std::int64_t end_us, std::int64_t process = 1,
                  std::string_view host = "web1") {
  ProxyLogLine line;
  line.counter = number;
  line.end_us = end_us;
  line.latency_us = 1'000;
  line.process = process;
  line.host = host;
  return line;
}

TEST(ProxyTable, ProxiesOfOneProcessIdOnTwoHostsAreTwo) {
  ProxyTable table;
  for (std::int64_t i = 0; i < 200; ++i) {
    const std::int64_t now = kNowUs + i * kSecondUs;
    EXPECT_TRUE(table.Add(Line(i, now, 1, "web1"), now));
    EXPECT_TRUE(table.Add(Line(70'000 + i, now, 1, "web2"), now));
  }
  EXPECT_EQ(table.missing(), 0);
  EXPECT_TRUE(table.Add(Line(201, kNowUs + 201 * kSecondUs, 1, "web1"), -1));  // without 200
  EXPECT_TRUE(table.Add(Line(202, kNowUs + 270 * kSecondUs, 1, "web1"), -1));
  EXPECT_EQ(table.missing(), 1);
}

TEST(ProxyTable, CountsTheLinesOfEachProcess) {
  ProxyTable table;
  for (std::int64_t i = 0; i < 3; ++i) table.Add(Line(i, kNowUs + i, 1, "web1"), kNowUs + i);
  table.Add(Line(0, kNowUs, 1, "web2"), kNowUs);
  table.Add(Line(0, kNowUs, 2, ""), kNowUs);
  EXPECT_EQ(table.LinesFrom("web1", 1), 3);
  EXPECT_EQ(table.LinesFrom("web2", 1), 1);
  EXPECT_EQ(table.LinesFrom("", 1), 4);
  EXPECT_EQ(table.LinesFrom("web1", 2), 1) << "its lines name no host";
  EXPECT_EQ(table.LinesFrom("web3", 1), 0);
}

TEST(ProxyTable, ALineThatComesTwiceIsKnownAgain) {
  ProxyTable table;
  for (std::int64_t i = 0; i < 5'000; ++i) {
    EXPECT_TRUE(table.Add(Line(i, kNowUs + i), kNowUs + i));
    EXPECT_FALSE(table.Add(Line(i, kNowUs + i), kNowUs + i));
  }
  EXPECT_EQ(table.duplicates(), 5'000);
  EXPECT_EQ(table.missing(), 0);
  // All that is still remembered comes again, as from a second feed of the same proxy.
  const auto remembered = static_cast<std::int64_t>(ProxyTable::kRemembered);
  for (std::int64_t i = 5'000 - remembered; i < 5'000; ++i)
    EXPECT_FALSE(table.Add(Line(i, kNowUs + i), kNowUs + i));
}

TEST(ProxyTable, LinesThatOnlyLookAlikeAreNotTheSame) {
  ProxyTable table;
  EXPECT_TRUE(table.Add(Line(7, kNowUs), kNowUs));
  EXPECT_TRUE(table.Add(Line(8, kNowUs), kNowUs));                     // ended with it
  EXPECT_TRUE(table.Add(Line(7, kNowUs, 1, "web2"), kNowUs));          // another host
  EXPECT_TRUE(table.Add(Line(7, kNowUs, 2), kNowUs));                  // another process
  EXPECT_TRUE(table.Add(Line(7, kNowUs - 3'600 * kSecondUs), kNowUs))  // started anew
      << "with a clock set back: no request may be lost for it";
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(table.Add(Line(-1, kNowUs), kNowUs));  // no number
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(table.Add(Line(9, -1), kNowUs));       // no end
  EXPECT_EQ(table.duplicates(), 0);
}

TEST(ProxyTable, AClockThatIsAheadShowsAtOnce) {
  ProxyTable table;
  EXPECT_TRUE(table.Add(Line(1, kNowUs + 300), kNowUs));  // a little ahead is nothing
  EXPECT_EQ(table.clock_offset_us(), 0);
  EXPECT_EQ(table.early(), 0);
  EXPECT_TRUE(table.Add(Line(2, kNowUs + 90 * kSecondUs), kNowUs));
  EXPECT_EQ(table.clock_offset_us(), 90 * kSecondUs);
  EXPECT_EQ(table.early(), 1);
}

TEST(ProxyTable, AClockThatIsBehindShowsWhenAWholeWindowWasLate) {
  ProxyTable table;
  const std::int64_t behind = 7'200 * kSecondUs;
  for (std::int64_t i = 0; i < 10; ++i)
    table.Add(Line(i, kNowUs + i * kSecondUs - behind), kNowUs + i * kSecondUs);
  EXPECT_EQ(table.clock_offset_us(), 0) << "may still be a ring that was away";
  table.Add(Line(11, kNowUs + 11 * kSecondUs - behind + 5), kNowUs + 11 * kSecondUs);
  EXPECT_EQ(table.clock_offset_us(), -behind + 5);
}

TEST(ProxyTable, ARingThatSendsWhatItKeptHasNoBadClock) {
  ProxyTable table;
  std::int64_t number = 0;
  for (std::int64_t late = 300; late >= 0; --late)  // five minutes of lines within a second
    table.Add(Line(++number, kNowUs - late * kSecondUs), kNowUs);
  for (std::int64_t i = 0; i < 40; ++i)
    table.Add(Line(++number, kNowUs + i * kSecondUs - 500), kNowUs + i * kSecondUs);
  EXPECT_EQ(table.clock_offset_us(), 0);
}

TEST(ProxyTable, TheFurthestClockIsSaidAndASilentProxyHasNone) {
  ProxyTable table;
  table.Add(Line(1, kNowUs + 5 * kSecondUs, 1), kNowUs);
  table.Add(Line(1, kNowUs + 50 * kSecondUs, 2), kNowUs);
  table.Add(Line(2, kNowUs, 3), kNowUs);
  EXPECT_EQ(table.clock_offset_us(), 50 * kSecondUs);
  const std::int64_t later = kNowUs + 100 * kSecondUs;
  table.Add(Line(3, later, 3), later);
  EXPECT_EQ(table.clock_offset_us(), 0) << "a reload has replaced 1 and 2";
}

TEST(ProxyTable, TakesOurOwnClockBeingSet) {
  ProxyTable table;
  std::int64_t number = 0;
  for (const std::int64_t jump : {0, -3'600, 3'600, -86'400, 0}) {
    const std::int64_t now = kNowUs + jump * kSecondUs;
    for (std::int64_t i = 0; i < 30; ++i)
      EXPECT_TRUE(table.Add(Line(++number, now + i * kSecondUs - 200), now + i * kSecondUs));
    EXPECT_EQ(table.clock_offset_us(), 0) << jump;
  }
  EXPECT_EQ(table.early(), 0);
}

TEST(ProxyTable, TheSilentOneMakesRoomAndItsLossStays) {
  ProxyTable table;
  table.Add(Line(1, kNowUs, 0), -1);
  table.Add(Line(4, kNowUs, 0), -1);
  table.Add(Line(5, kNowUs + 70 * kSecondUs, 0), -1);  // 2 and 3 are lost
  for (std::int64_t process = 1; process < 1'000; ++process) {
    table.Add(Line(1, kNowUs, process), -1);
    table.Add(Line(process + 10, kNowUs + 80 * kSecondUs, 999'999), -1);  // always heard of
  }
  EXPECT_EQ(table.missing(), 2);
  table.Add(Line(2'000, kNowUs + 80 * kSecondUs, 999'999), -1);
  table.Add(Line(2'001, kNowUs + 170 * kSecondUs, 999'999), -1);
  EXPECT_EQ(table.missing(), 2 + 990) << "it was followed all along";
}

}  // namespace
}  // namespace auspex::telemetry
