#include "auspex/base/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <thread>

#include "tests/base/scripted_http.h"

namespace auspex {
namespace {

using auspex::testing::ClosedPort;
using auspex::testing::Exchange;
using auspex::testing::ScriptedServer;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// What the client makes of these bytes, after which the connection ends.
Result<HttpResponse> AnswerOf(const std::string& bytes, HttpRequest request = {}) {
  ScriptedServer server([&](const Exchange& exchange) {
    exchange.Send(bytes);
    return false;
  });
  request.url = server.Url();
  return SendHttp(request);
}

TEST(HttpClient, SendsMethodHeadersBearerAndBody) {
  std::string head, body;
  ScriptedServer server([&](const Exchange& exchange) {
    head = exchange.head();
    body = exchange.body();
    exchange.Answer("201 Created", "made", "X-Kind: First\r\n");
    return false;
  });
  const auto answer = SendHttp({.method = "PUT",
                                .url = server.Url("/x?y=1"),
                                .headers = {{"X-A", "1"}, {"X-Empty", ""}},
                                .body = "data",
                                .bearer = Secret("s3cret")});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "made");
  EXPECT_EQ(answer->Header("x-kind"), "First");
  EXPECT_EQ(answer->Header("x-none"), "");
  EXPECT_EQ(body, "data");
  EXPECT_THAT(head, AllOf(HasSubstr("PUT /x?y=1 HTTP/1.1\r\n"), HasSubstr("X-A: 1\r\n"),
                          HasSubstr("X-Empty:\r\n"), HasSubstr("Authorization: Bearer s3cret\r\n"),
                          Not(HasSubstr("Content-Type")), Not(HasSubstr("Expect"))));
}

TEST(HttpClient, HeadDoesNotWaitForABody) {
  const auto answer = AnswerOf("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {.method = "HEAD"});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->Header("content-length"), "5");
}

TEST(HttpClient, FollowsNoRedirect) {
  ScriptedServer other(
      [](const Exchange& exchange) { return exchange.Answer("200 OK", ""), false; });
  const auto answer =
      AnswerOf("HTTP/1.1 302 Found\r\nLocation: " + other.Url() + "\r\nContent-Length: 0\r\n\r\n",
               {.bearer = Secret("s3cret")});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(other.requests(), 0);
}

TEST(HttpClient, AnyStatusIsAnAnswer) {
  for (const int status : {204, 400, 404, 429, 500, 503, 599}) {
    const auto answer =
        AnswerOf(fmt::format("HTTP/1.1 {} Word\r\nContent-Length: 0\r\n\r\n", status));
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->status, status);
  }
}

TEST(HttpClient, ForgetsTheHeadersOfInterimAnswers) {
  const auto answer = AnswerOf(
      "HTTP/1.1 103 Early Hints\r\nX-A: early\r\n\r\nHTTP/1.1 200 OK\r\nX-A: "
      "real\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->Header("x-a"), "real");
}

TEST(HttpClient, KeepsTheConnectionForTheNextCall) {
  ScriptedServer server(
      [](const Exchange& exchange) { return exchange.Answer("200 OK", "x"), true; });
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(SendHttp({.url = server.Url()}).ok());
  EXPECT_EQ(server.requests(), 3);
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, AnswersThatAreCutOrNoHttpAreUnavailable) {
  for (const char* bytes :
       {"", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Le"}) {
    const auto answer = AnswerOf(bytes);
    ASSERT_FALSE(answer.ok()) << bytes;
    EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable) << bytes;
    EXPECT_THAT(answer.error().message, HasSubstr("127.0.0.1:")) << bytes;
  }
}

TEST(HttpClient, ARefusedConnectionIsUnavailableWithHostAndPortAndNoSecret) {
  const int port = ClosedPort();
  const auto answer =
      SendHttp({.url = fmt::format("http://user:hunter2@127.0.0.1:{}/p?token=hunter2", port),
                .bearer = Secret("hunter2")});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message,
              AllOf(HasSubstr(fmt::format("127.0.0.1:{}", port)), Not(HasSubstr("hunter2"))));
}

TEST(HttpClient, ATimeoutIsUnavailable) {
  ScriptedServer server([](const Exchange& exchange) { return exchange.Hang(), false; });
  const auto answer = SendHttp({.url = server.Url(), .timeout = 100ms});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message, HasSubstr("timed out"));
  EXPECT_EQ(SendHttp({.url = server.Url(), .timeout = 0s}).error().code, ErrorCode::kUnavailable);
}

TEST(HttpClient, ADripDoesNotStretchTheTotalTimeout) {
  ScriptedServer server([](const Exchange& exchange) {
    bool there = exchange.Send("HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; there && i < 1000; ++i) {
      there = exchange.Send("x");
      std::this_thread::sleep_for(20ms);
    }
    return false;
  });
  EXPECT_EQ(SendHttp({.url = server.Url(), .timeout = 300ms}).error().code,
            ErrorCode::kUnavailable);
}

TEST(HttpClient, TlsToAPlainServerIsUnavailable) {
  ScriptedServer server([](const Exchange&) { return false; });
  const auto answer =
      SendHttp({.url = fmt::format("https://127.0.0.1:{}", server.port()), .timeout = 1s});
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
}

TEST(HttpClient, BoundsTheBodyAtExactlyWhatIsAllowed) {
  const auto answer = [](std::size_t size) {
    return AnswerOf(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", size,
                                std::string(size, 'x')),
                    {.max_body_bytes = 1000});
  };
  EXPECT_THAT(answer(1000)->body, SizeIs(1000));
  ASSERT_FALSE(answer(1001).ok());
  EXPECT_EQ(answer(1001).error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(answer(1001).error().message, HasSubstr("more than 1000 bytes"));
}

TEST(HttpClient, RefusesWhatIsNoRequestAndShowsNoPassword) {
  for (const char* url :
       {"ftp://user:hunter2@host/", "file:///etc/passwd", "", "http://", "http://a b/"}) {
    const auto answer = SendHttp({.url = url});
    ASSERT_FALSE(answer.ok()) << url;
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument) << url;
    EXPECT_THAT(answer.error().message, Not(HasSubstr("hunter2")));
  }
  const std::string url = "http://127.0.0.1:1";
  for (const HttpRequest& request :
       std::vector<HttpRequest>{{.method = "GET\r\nX: y", .url = url},
                                {.url = url, .headers = {{"X", "a\r\nHost: b"}}},
                                {.url = url, .headers = {{"X: y", "a"}}},
                                {.url = url, .bearer = Secret("a\nb: hunter2")}}) {
    EXPECT_EQ(SendHttp(request).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(HttpClient, ServesSeveralThreads) {
  ScriptedServer server(
      [](const Exchange& exchange) { return exchange.Answer("200 OK", exchange.body()), true; });
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string body = fmt::format("{}-{}", t, i);
        const auto answer = SendHttp({.method = "POST", .url = server.Url(), .body = body});
        if (answer.ok() && answer->body == body) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 80);
}

// A server of made-up answers and a clock that only sleeping moves.
class Retry : public ::testing::Test {
 protected:
  Result<HttpResponse> Run(std::vector<Result<HttpResponse>> answers, Duration limit,
                           int attempts = 5) {
    const RetryPlan plan{
        .deadline = clock_.Now() + limit,
        .attempts = attempts,
        .first_wait = 100ms,
        .longest_wait = 1s,
        .clock = &clock_,
        .random = &random_,
        .sleep = [this](Duration pause) { waits_.push_back(pause), clock_.Advance(pause); }};
    const HttpSend send = [&](const HttpRequest& request) -> Result<HttpResponse> {
      timeouts_.push_back(request.timeout);
      return answers[std::min(timeouts_.size(), answers.size()) - 1];
    };
    return SendWithRetry(send, {.timeout = 10s}, plan);
  }
  static HttpResponse Status(int status, const std::string& retry_after = "") {
    HttpResponse response{.status = status, .headers = {}, .body = ""};
    if (!retry_after.empty()) response.headers.emplace_back("retry-after", retry_after);
    return response;
  }
  SimulatedClock clock_{FromMicros(1'700'000'000'000'000)};  // 2023-11-14T22:13:20Z
  Random random_{1};
  std::vector<Duration> waits_, timeouts_;
};

TEST_F(Retry, AsksAgainUntilAGoodAnswer) {
  const auto answer =
      Run({Fail(ErrorCode::kUnavailable, "refused"), Status(429), Status(502), Status(200)}, 60s);
  EXPECT_EQ(answer->status, 200);
  EXPECT_THAT(waits_, SizeIs(3));
}

TEST_F(Retry, DoesNotRepeatWhatWouldNotChange) {
  for (const Result<HttpResponse>& last : std::vector<Result<HttpResponse>>{
           Status(200), Status(404), Status(500), Fail(ErrorCode::kInvalidArgument, "url")}) {
    timeouts_.clear();
    static_cast<void>(Run({last}, 60s));
    EXPECT_THAT(timeouts_, SizeIs(1));
  }
}

TEST_F(Retry, GivesTheLastAnswerWhenTheAttemptsAreSpent) {
  EXPECT_EQ(Run({Status(503)}, 60s, 3)->status, 503);
  EXPECT_THAT(timeouts_, SizeIs(3));
}

TEST_F(Retry, HeedsRetryAfterInSecondsAndAsADate) {
  static_cast<void>(
      Run({Status(503, "7"), Status(429, "Tue, 14 Nov 2023 22:13:50 GMT"), Status(200)}, 60s));
  EXPECT_THAT(waits_, ElementsAre(7s, 23s));
  waits_.clear();
  timeouts_.clear();
  static_cast<void>(Run({Status(503, "soon"), Status(503, "-5"), Status(200)}, 60s));
  for (const Duration wait : waits_) EXPECT_LE(wait, 200ms);
}

TEST_F(Retry, GivesUpAtOnceWhenTheServerAsksForLongerThanThereIs) {
  EXPECT_EQ(Run({Status(429, "3600")}, 60s)->status, 429);
  EXPECT_THAT(waits_, SizeIs(0));
}

TEST_F(Retry, NoTimeIsUnavailableWithoutAsking) {
  EXPECT_EQ(Run({Status(200)}, 0s).error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(timeouts_, SizeIs(0));
}

RC_GTEST_PROP(RetryLaw, NeverSleepsBeyondTheDeadlineAndGrowsWithinBounds, (std::uint64_t seed)) {
  SimulatedClock clock(FromMicros(0));
  Random random(seed);
  const Duration limit = std::chrono::milliseconds(*rc::gen::inRange(1, 20'000));
  std::vector<Duration> waits;
  const RetryPlan plan{
      .deadline = clock.Now() + limit,
      .attempts = 40,
      .first_wait = 100ms,
      .longest_wait = 1s,
      .clock = &clock,
      .random = &random,
      .sleep = [&](Duration pause) { waits.push_back(pause), clock.Advance(pause); }};
  const auto send = [&](const HttpRequest& request) -> Result<HttpResponse> {
    RC_ASSERT(request.timeout > Duration::zero() && clock.Now() + request.timeout <= plan.deadline);
    return Fail(ErrorCode::kUnavailable, "down");
  };
  RC_ASSERT(SendWithRetry(send, {.timeout = 30s}, plan).error().message == "down");
  RC_ASSERT(clock.Now() < plan.deadline);
  Duration full = 100ms;
  for (const Duration wait : waits) {
    RC_ASSERT(wait >= full / 2 && wait <= full);
    full = std::min<Duration>(2 * full, 1s);
  }
}

TEST(PercentEncode, KeepsTheUnreservedOnly) {
  EXPECT_EQ(PercentEncode("aZ09-_.~"), "aZ09-_.~");
  EXPECT_EQ(PercentEncode("a b{c=\"é\"}+&"), "a%20b%7Bc%3D%22%C3%A9%22%7D%2B%26");
}

}  // namespace
}  // namespace auspex
