#include "auspex/telemetry/sources/proxy_log_parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace auspex::telemetry {
namespace {

// What HAProxy 2.6.12 sent: feed_lab.txt in the format without `b`, feed_abnormal.txt in
// LogFormat().
std::string ReadData(const std::string& name) {
  std::ifstream file(std::string(AUSPEX_TELEMETRY_TEST_DATA) + "/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Frame(std::string_view message) {
  return fmt::format("{} {}", message.size(), message);
}

struct Split {
  std::vector<std::string> messages;
  std::int64_t malformed = 0;
  friend bool operator==(const Split&, const Split&) = default;
};

Split SplitAll(const std::vector<std::string>& chunks) {
  FrameSplitter splitter;
  Split split;
  for (const auto& chunk : chunks) {
    splitter.Append(chunk);
    while (const auto message = splitter.Next()) split.messages.emplace_back(*message);
  }
  split.malformed = splitter.malformed();
  return split;
}

Split SplitBytewise(const std::string& stream) {
  std::vector<std::string> chunks;
  for (const char c : stream) chunks.emplace_back(1, c);
  return SplitAll(chunks);
}

constexpr std::string_view kHead = "<134>1 2026-11-24T11:34:03.431834+00:00 - haproxy 5947 - - ";

Result<ProxyLogLine> ParseJson(ProxyLogParser& parser, std::string_view json) {
  return parser.Parse(std::string(kHead) + std::string(json));
}

TEST(FrameSplitter, FindsTheSameFramesWhereverTheStreamIsCutInTwo) {
  const std::string stream = ReadData("feed_abnormal.txt");
  const Split whole = SplitAll({stream});
  ASSERT_EQ(whole.messages.size(), 13U);
  ASSERT_EQ(whole.malformed, 0);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    ASSERT_EQ(SplitAll({stream.substr(0, cut), stream.substr(cut)}), whole) << cut;
  }
  EXPECT_EQ(SplitBytewise(stream), whole);
}

rc::Gen<std::string> Piece() {
  const auto number = [](int length) { return fmt::format("{} <1>1 x", length); };
  return rc::gen::oneOf(
      rc::gen::just(Frame("<134>1 - - - - - - {}")), rc::gen::just(Frame("<1>1 ")),
      rc::gen::map(rc::gen::inRange(0, 70'000), number), rc::gen::arbitrary<std::string>(),
      rc::gen::element<std::string>("0 ", "007 <1>1 ", "99999999999999999999 ", " ", "12345", "<",
                                    "5 {", "65536 <", "65537 <", "-1 <", "4 <1>1 4 <1>1 "));
}

RC_GTEST_PROP(FrameSplitter, AnswersTheSameForAnyChunksOfAnyStream, ()) {
  std::string stream;
  for (const auto& piece : *rc::gen::container<std::vector<std::string>>(Piece())) stream += piece;
  std::vector<std::string> chunks;
  for (std::size_t at = 0; at < stream.size();) {
    const auto size = static_cast<std::size_t>(*rc::gen::inRange(1, 20));
    chunks.push_back(stream.substr(at, size));
    at += size;
  }
  RC_ASSERT(SplitAll(chunks) == SplitAll({stream}));
}

TEST(FrameSplitter, GoesOnBehindADamagedStretch) {
  const std::string good = Frame(std::string(kHead) + "{}");
  const std::vector<std::string> damaged = {
      "garbage",      "0 ",       "-5 <134>1 ",         "007 <134>1 ", "99999999999999999999999999",
      "65537 <1>1 ",  "12 {abc}", std::string(3, '\0'), "\xFF\xFE",    "GET / HTTP/1.1\r\n\r\n",
      "12 12 12 12 ",
  };
  for (const auto& bytes : damaged) {
    // A digit right before the next header makes its length ambiguous: that one is given up too.
    const bool ambiguous = bytes.back() == '9';
    const Split split = SplitAll({good + bytes + good + good});
    EXPECT_EQ(split.messages.size(), ambiguous ? 2U : 3U) << bytes;
    EXPECT_EQ(split.malformed, 1) << bytes;
    EXPECT_EQ(SplitBytewise(good + bytes + good + good), split) << bytes;
  }
}

TEST(FrameSplitter, FindsTheNextFrameBehindALyingLength) {
  const std::string message = std::string(kHead) + "{}";
  const std::string shorter = fmt::format("{} {}", message.size() - 1, message);
  const std::string longer = fmt::format("{} {}", message.size() + 2, message);
  for (const auto& lie : {shorter, longer}) {
    const Split split = SplitAll({lie + Frame(message) + Frame(message) + Frame(message)});
    EXPECT_GE(split.messages.size(), 3U) << lie;  // the lie itself and at least two of the three
    EXPECT_EQ(split.messages.back(), message);
    EXPECT_EQ(split.malformed, 1);
  }
}

TEST(FrameSplitter, KeepsLittleOfEndlessGarbage) {
  FrameSplitter splitter;
  for (const char* garbage : {"x", "1", "9 ", "<", "1 <1>2 "}) {
    std::string chunk;
    while (chunk.size() < 64 * 1024) chunk += garbage;
    for (int i = 0; i < 50; ++i) {
      splitter.Append(chunk);
      while (splitter.Next()) {
      }
      ASSERT_LE(splitter.buffered_bytes(), FrameSplitter::kMaxFrameBytes + 16) << garbage;
    }
  }
  EXPECT_GE(splitter.malformed(), 1);
}

TEST(FrameSplitter, TakesTheLargestFrameAndNoLarger) {
  const std::string largest = "<" + std::string(FrameSplitter::kMaxFrameBytes - 1, 'x');
  EXPECT_EQ(SplitAll({Frame(largest)}).messages, std::vector<std::string>{largest});
  const Split larger = SplitAll({Frame(largest + "x")});
  EXPECT_TRUE(larger.messages.empty());
  EXPECT_EQ(larger.malformed, 1);
}

TEST(ProxyLogParser, ReadsEveryLineOfTheLabFeed) {
  ProxyLogParser parser;
  const Split split = SplitAll({ReadData("feed_lab.txt")});
  ASSERT_EQ(split.messages.size(), 63U);
  std::map<std::string, int> routes;
  for (std::size_t i = 0; i < 60; ++i) {
    const auto line = parser.Parse(split.messages[i]);
    ASSERT_TRUE(line.ok()) << line.error().message;
    EXPECT_EQ(line->server, "a");
    EXPECT_EQ(line->backend, "");
    EXPECT_EQ(line->status, 200);
    EXPECT_EQ(line->counter, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(line->process, 9262);
    EXPECT_FALSE(line->error);
    ++routes[std::string(line->route)];
  }
  EXPECT_EQ(routes,
            (std::map<std::string, int>{{"cart", 15}, {"img", 15}, {"pay", 15}, {"search", 15}}));
}

TEST(ProxyLogParser, EndIsStartPlusLatencyWithoutE) {
  ProxyLogParser parser;
  const Split split = SplitAll({ReadData("feed_lab.txt")});
  const auto line = parser.Parse(split.messages[1]);
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->latency_us, 44'357);
  EXPECT_EQ(line->end_us, 1'795'445'030'978'000 + 44'357);
}

TEST(ProxyLogParser, TellsTheServersFailuresInTheLabFeed) {
  ProxyLogParser parser;
  const Split split = SplitAll({ReadData("feed_lab.txt")});
  const auto failed = parser.Parse(split.messages[60]);  // 500
  ASSERT_TRUE(failed.ok());
  EXPECT_EQ(failed->server, "b");
  EXPECT_EQ(failed->status, 500);
  EXPECT_TRUE(failed->error);
  const auto garbage = parser.Parse(split.messages[61]);  // <NOSRV>, PR--
  ASSERT_TRUE(garbage.ok());
  EXPECT_EQ(garbage->server, "");
  EXPECT_EQ(garbage->latency_us, -1);
  EXPECT_FALSE(garbage->error);
  const auto refused = parser.Parse(split.messages[62]);  // 503 SC--
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->server, "b");
  EXPECT_EQ(refused->status, 503);
  EXPECT_TRUE(refused->error);
}

TEST(ProxyLogParser, ReadsEveryKindOfAbnormalEnd) {
  struct Expected {
    std::string backend, server, route;
    int status;
    bool error;
  };
  const std::vector<Expected> expected = {
      {"checkout", "a", "cart", 200, false},
      {"checkout", "a", "/", 200, false},
      {"checkout", "a", "pa]y\"q\\z", 200, false},  // `\]`, which is not JSON
      {"checkout", "a", "caf%C3%A9", 200, false},
      {"checkout", "a", std::string(64, 'x'), 200, false},
      {"checkout", "a", "fail", 500, true},
      {"checkout", "a", "cut", 200, true},   // SD--: the server broke off
      {"dead", "b", "dead", 503, true},      // SC--: refused
      {"checkout", "a", "bad", 502, true},   // PH--: not HTTP
      {"checkout", "a", "hang", 504, true},  // sH--: timed out
      {"checkout", "a", "big", 200, false},  // CD--: the client left
      {"shop", "", "/", 400, false},         // PR--: no request
      {"checkout", "a", "hang", 504, true},
  };
  ProxyLogParser parser;
  const Split split = SplitAll({ReadData("feed_abnormal.txt")});
  ASSERT_EQ(split.messages.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto line = parser.Parse(split.messages[i]);
    ASSERT_TRUE(line.ok()) << line.error().message;
    EXPECT_EQ(line->backend, expected[i].backend) << i;
    EXPECT_EQ(line->server, expected[i].server) << i;
    EXPECT_EQ(line->route, expected[i].route) << i;
    EXPECT_EQ(line->status, expected[i].status) << i;
    EXPECT_EQ(line->error, expected[i].error) << i;
  }
  const auto first = parser.Parse(split.messages[0]);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->end_us, 1'795'522'010'064'573);
  EXPECT_EQ(first->latency_us, 639);
}

TEST(IsServerError, FollowsStatusAndWhoBrokeOff) {
  struct Case {
    int status;
    const char* state;
    bool error;
  };
  const Case cases[] = {
      {200, "----", false}, {499, "----", false}, {500, "----", true},  {599, "----", true},
      {-1, "SH--", true},   {0, "sC--", true},    {-1, "CC--", false},  {-1, "----", false},
      {200, "SD--", true},  {200, "sD--", true},  {200, "CD--", false}, {200, "cD--", false},
      {503, "CC--", false}, {503, "CQ--", false}, {503, "C", false},    {500, "CD--", true},
      {500, "cD--", true},  {502, "CL--", true},  {400, "CR--", false}, {504, "sH--", true},
      {503, "SC--", true},  {502, "PH--", true},  {500, "", true},      {200, "", false},
  };
  for (const auto& [status, state, error] : cases) {
    EXPECT_EQ(IsServerError(status, state), error) << status << ' ' << state;
  }
}

TEST(ProxyLogParser, UnsetOrMissingSamplesAreNotKnown) {
  ProxyLogParser parser;
  for (const char* json :
       {R"({"s":"a"})",
        R"({"b":"-","s":"a","st":"-","us":"-","r":"-","ts":"-","n":"-","t":"-","e":"-"})",
        R"({"s":"a","st":"","us":"","r":"","n":"","t":"","unknown":[1,{"x":null}]})"}) {
    const auto line = ParseJson(parser, json);
    ASSERT_TRUE(line.ok()) << json << line.error().message;
    EXPECT_EQ(line->server, "a");
    EXPECT_EQ(line->backend, "");
    EXPECT_EQ(line->route, "/");
    EXPECT_EQ(line->status, -1);
    EXPECT_EQ(line->latency_us, -1);
    EXPECT_EQ(line->end_us, -1);
    EXPECT_EQ(line->counter, -1);
    EXPECT_FALSE(line->error);
  }
}

TEST(ProxyLogParser, ALatencyOfAClockThatWasSetBackIsNotKnown) {
  ProxyLogParser parser;
  const auto line = ParseJson(parser, R"({"s":"a","us":"-4711","t":"5.25"})");
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->latency_us, -1);
  EXPECT_EQ(line->end_us, 5'250'000);
}

TEST(ProxyLogParser, BytesThatJsonForbidsCostTheByteNotTheLine) {
  ProxyLogParser parser;
  const std::vector<std::pair<std::string, std::string>> routes = {
      {"caf\xC3\xA9", "caf\xC3\xA9"},
      {"caf\xE9", "caf?"},
      {"\xFF\xFE", "??"},
      {"a\x01z", "a?z"},
      {"a\\]z", "a]z"},
      {"q\\\"\\\\", "q\"\\"},
      {"\\u00e9", "\xC3\xA9"},
  };
  for (const auto& [sent, read] : routes) {
    const auto line = ParseJson(parser, R"({"s":"a","r":")" + sent + R"("})");
    ASSERT_TRUE(line.ok()) << sent << ": " << line.error().message;
    EXPECT_EQ(line->route, read);
  }
}

TEST(ProxyLogParser, CutsALongRouteBetweenCharacters) {
  ProxyLogParser parser;
  std::string route(kMaxRouteBytes - 1, 'x');
  const auto line = ParseJson(parser, R"({"s":"a","r":")" + route + "\xC3\xA9" + R"("})");
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->route, route);
}

TEST(ProxyLogParser, RefusesWhatIsNotALine) {
  ProxyLogParser parser;
  const std::string head(kHead);
  const std::vector<std::string> bad = {
      "",
      "<",
      "{}",
      "<134>2 - - - - - - {\"s\":\"a\"}",
      "<1345>1 - - - - - - {\"s\":\"a\"}",
      "<134>1 - -",
      "<134>1 - - - - - [x y=\"",
      head,
      head + "Server checkout/a is DOWN",
      head + "{",
      head + "{\"s\":\"a\"",
      head + "{\"s\":\"a\"}x",
      head + "{\"s\":\"a\"}{}",
      head + "[]",
      head + "{}",
      head + "{\"s\":\"\"}",
      head + "{\"s\":-}",
      head + "{\"s\":7}",
      head + "{\"s\":\"a\",\"us\":-}",
      head + "{\"s\":\"a\",\"st\":\"abc\"}",
      head + "{\"s\":\"a\",\"st\":\"20000\"}",
      head + "{\"s\":\"a\",\"us\":\"12x\"}",
      head + "{\"s\":\"a\",\"us\":\"99999999999999999999\"}",
      head + "{\"s\":\"a\",\"t\":\"1.2.3\"}",
      head + "{\"s\":\"a\",\"t\":\"1.-2\"}",
      head + "{\"s\":\"a\",\"t\":\"1.\"}",
      head + "{\"s\":\"a\",\"t\":\"-1.5\"}",
      head + "{\"s\":\"a\",\"e\":\"9223372036854775807\"}",
      head + "{\"s\":\"a\",\"n\":\"9223372036854775807\"}",
      head + std::string(60'000, '['),
      head + "{\"s\":\"a\",\"x\":" + std::string(3'000, '['),
  };
  for (const auto& message : bad) {
    const auto line = parser.Parse(message);
    ASSERT_FALSE(line.ok()) << message.substr(0, 100);
    EXPECT_EQ(line.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(ParseJson(parser, R"({"s":"a"})").ok()) << "a bad line must not spoil the next";
}

TEST(ProxyLogParser, SkipsStructuredDataAndTrailingNewline) {
  ProxyLogParser parser;
  const auto line =
      parser.Parse("<1>1 - host app 77 id [x y=\"{\\]} \"][z] \xEF\xBB\xBF{\"s\":\"a\"}\r\n");
  ASSERT_TRUE(line.ok()) << line.error().message;
  EXPECT_EQ(line->process, 77);
  EXPECT_EQ(line->server, "a");
}

RC_GTEST_PROP(ProxyLogParser, SurvivesAnyDamage, ()) {
  static ProxyLogParser parser;
  std::string message =
      std::string(kHead) +
      R"({"b":"x","s":"a","st":"200","us":"12","e":"5","r":"p\"q","ts":"----","n":"1"})";
  const int changes = *rc::gen::inRange(0, 6);
  for (int i = 0; i < changes; ++i) {
    const auto at =
        static_cast<std::size_t>(*rc::gen::inRange<int>(0, static_cast<int>(message.size())));
    message[at] = *rc::gen::arbitrary<char>();
  }
  message.resize(
      static_cast<std::size_t>(*rc::gen::inRange<int>(0, static_cast<int>(message.size()) + 1)));
  const auto line = parser.Parse(message);
  if (line.ok()) {
    RC_ASSERT(line->route.size() <= kMaxRouteBytes);
    RC_ASSERT(line->latency_us >= -1);
    RC_ASSERT(line->end_us >= -1);
  }
}

}  // namespace
}  // namespace auspex::telemetry
