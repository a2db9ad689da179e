#include <gtest/gtest.h>

#include <string>

#include "lab/http_answer.h"
#include "lab/http_request.h"
#include "lab/latency_summary.h"

namespace auspex::lab {
namespace {

TEST(ParseRequest, ReadsOneOfSeveral) {
  const std::string text =
      "POST /pay/card?x=1 HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 3\r\n\r\nabcGET / HTTP/1.1\r\n";
  const Parsed parsed = ParseRequest(text);
  ASSERT_EQ(parsed.state, ParseState::kWhole);
  EXPECT_EQ(parsed.request.method, "POST");
  EXPECT_EQ(parsed.request.path, "/pay/card");
  EXPECT_TRUE(parsed.request.keep_alive);
  EXPECT_EQ(parsed.request.size, text.find("GET"));
}

TEST(ParseRequest, EveryCutOfARequestWaitsForMore) {
  const std::string text = "GET /cart HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
  for (std::size_t n = 0; n < text.size(); ++n) {
    EXPECT_EQ(ParseRequest(text.substr(0, n)).state, ParseState::kMore) << n;
  }
  EXPECT_EQ(ParseRequest(text).state, ParseState::kWhole);
}

TEST(ParseRequest, KeepsAliveByVersionAndHeader) {
  const auto keeps = [](std::string_view text) { return ParseRequest(text).request.keep_alive; };
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
}

TEST(ParseRequest, RefusesWhatIsNotHttpOrTooMuch) {
  const auto reason = [](std::string_view text) {
    const Parsed parsed = ParseRequest(text);
    return parsed.state == ParseState::kBad ? std::string(parsed.reason) : "";
  };
  EXPECT_EQ(reason(std::string_view("\x16\x03\x01\x02", 4)), "not a request line");
  EXPECT_EQ(reason("GET /\r\n\r\n"), "not a request line");
  EXPECT_EQ(reason("GET cart HTTP/1.1\r\n\r\n"), "not a request line");
  EXPECT_EQ(reason("GET / HTTP/2.0\r\n\r\n"), "not a request line");
  EXPECT_EQ(reason("GET / HTTP/1.1\r\nno colon\r\n\r\n"), "not a header");
  EXPECT_EQ(reason("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), "not a header");
  EXPECT_EQ(reason("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "a body of unstated length");
  EXPECT_EQ(reason("POST / HTTP/1.1\r\nContent-Length: 16385\r\n\r\n"), "body too large");
  EXPECT_EQ(reason("GET / HTTP/1.1\r\nX: " + std::string(kMaxHeaderBytes, 'x')),
            "headers too large");
}

TEST(ParseAnswer, ReadsStatusLengthAndKeepAlive) {
  const std::string text = "HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nabHTTP/1.1";
  const ParsedAnswer answer = ParseAnswer(text);
  EXPECT_EQ(answer.state, ParseState::kWhole);
  EXPECT_EQ(answer.status, 500);
  EXPECT_TRUE(answer.keep_alive);
  EXPECT_EQ(answer.size, text.size() - 8);
  EXPECT_EQ(ParseAnswer(text.substr(0, answer.size - 1)).state, ParseState::kMore);
  EXPECT_FALSE(
      ParseAnswer("HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").keep_alive);
}

TEST(ParseAnswer, WithoutALengthTheStreamEndsIt) {
  const ParsedAnswer answer = ParseAnswer("HTTP/1.0 200 OK\r\n\r\nsome");
  EXPECT_EQ(answer.state, ParseState::kMore);
  EXPECT_TRUE(answer.ends_with_stream);
  EXPECT_EQ(answer.status, 200);
}

TEST(ParseAnswer, RefusesGarbageAndDoesNotOverflow) {
  EXPECT_EQ(ParseAnswer("SSH-2.0-OpenSSH\r\n\r\n").state, ParseState::kBad);
  EXPECT_EQ(ParseAnswer(std::string(kMaxHeaderBytes, 'x')).state, ParseState::kBad);
  EXPECT_EQ(ParseAnswer("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n").state,
            ParseState::kMore);
}

TEST(LatencySummary, QuantilesAreWithinABucket) {
  LatencySummary summary;
  EXPECT_EQ(summary.Quantile(0.5), 0ns);
  for (int ms = 1; ms <= 1000; ++ms) summary.Add(std::chrono::milliseconds(ms));
  EXPECT_NEAR(Seconds(summary.Quantile(0.5)), 0.500, 0.500 * 0.016);
  EXPECT_NEAR(Seconds(summary.Quantile(0.99)), 0.990, 0.990 * 0.016);
  EXPECT_EQ(summary.Quantile(1.0), 1s);
  EXPECT_EQ(summary.count(), 1000);
  summary.Add(10h);  // beyond the last bucket: the greatest is still known
  EXPECT_EQ(summary.Quantile(1.0), 10h);
  EXPECT_EQ(summary.max(), 10h);
}

}  // namespace
}  // namespace auspex::lab
