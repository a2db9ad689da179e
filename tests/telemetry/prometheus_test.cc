#include "auspex/telemetry/sources/prometheus.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "auspex/base/http_client.h"
#include "tests/base/scripted_http.h"

namespace auspex::telemetry {
namespace {

using auspex::testing::ClosedPort;
using auspex::testing::Exchange;
using auspex::testing::ScriptedServer;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr WallTime kAt = WallTime(std::chrono::seconds(1'700'000'000));

const Clock& Real() {
  static const RealClock clock;
  return clock;
}

MonotonicTime In(Duration time) { return Real().Now() + time; }

std::unique_ptr<MetricSource> Source(const std::string& url, PrometheusConfig config = {}) {
  config.url = url;
  auto source = MakePrometheus(config, &Real());
  EXPECT_TRUE(source.ok());
  return *std::move(source);
}

std::string Vector(std::string_view items) {
  return fmt::format(R"({{"status":"success","data":{{"resultType":"vector","result":[{}]}}}})",
                     items);
}

std::string One(std::string_view value, std::int64_t at = 1'700'000'000) {
  return Vector(fmt::format(R"({{"metric":{{"job":"a"}},"value":[{},"{}"]}})", at, value));
}

// What a query gives when the server answers each request with `body`.
Result<std::vector<Series>> Ask(const std::string& body, const std::string& status = "200 OK",
                                Duration limit = 5s) {
  ScriptedServer server(
      [&](const Exchange& exchange) { return exchange.Answer(status, body), false; });
  return Source(server.Url())->Instant("up", kAt, In(limit));
}

TEST(Prometheus, SendsTheQueryAsAFormWithItsTimeAndToken) {
  std::string head, body;
  ScriptedServer server([&](const Exchange& exchange) {
    head = exchange.head();
    body = exchange.body();
    return exchange.Answer("200 OK", One("1.5")), false;
  });
  const auto series = Source(server.Url("/prefix/"), {.bearer = Secret("s3cret")})
                          ->Instant("up{a=\"b c\"}", kAt + 300ms, In(5s));
  ASSERT_TRUE(series.ok()) << series.error().message;
  EXPECT_THAT(head, AllOf(HasSubstr("POST /prefix/api/v1/query HTTP"), HasSubstr("Bearer s3cret"),
                          HasSubstr("x-www-form-urlencoded")));
  EXPECT_THAT(body, HasSubstr("query=up%7Ba%3D%22b%20c%22%7D&time=1700000000.000&"));
  ASSERT_THAT(*series, SizeIs(1));
  EXPECT_THAT(series->front().labels, ElementsAre(Label{"job", "a"}));
  EXPECT_THAT(series->front().points, ElementsAre(Point{kAt, 1.5}));
}

TEST(Prometheus, ReadsARangeAndLeavesNonFinitePointsOut) {
  std::string body;
  ScriptedServer server([&](const Exchange& exchange) {
    body = exchange.head() + exchange.body();
    return exchange.Answer(
               "200 OK",
               R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1700000000,"1"],[1700000010,"NaN"],[1700000020,"+Inf"],[1700000030,"2e3"]]}]}})"),
           false;
  });
  const auto series =
      Source(server.Url())->Over("up", {.from = kAt, .to = kAt + 30s, .step = 10s}, In(5s));
  ASSERT_TRUE(series.ok()) << series.error().message;
  EXPECT_THAT(body, AllOf(HasSubstr("/api/v1/query_range "),
                          HasSubstr("start=1700000000.000&end=1700000030.000&step=10")));
  EXPECT_THAT(series->front().points, ElementsAre(Point{kAt, 1.0}, Point{kAt + 30s, 2000.0}));
}

// The API has milliseconds: the first point stands just before a start in microseconds.
TEST(Prometheus, KeepsTheFirstPointOfARangeThatBeginsWithinAMillisecond) {
  ScriptedServer server([](const Exchange& exchange) {
    return exchange.Answer("200 OK",
                           R"({"status":"success","data":{"resultType":"matrix","result":[)"
                           R"({"metric":{},"values":[[1700000000,"1"],[1700000010,"2"]]}]}})"),
           false;
  });
  const auto series =
      Source(server.Url())->Over("up", {.from = kAt + 400us, .to = kAt + 10s, .step = 10s}, In(5s));
  ASSERT_TRUE(series.ok()) << series.error().message;
  EXPECT_THAT(series->front().points, ElementsAre(Point{kAt, 1.0}, Point{kAt + 10s, 2.0}));
}

TEST(Prometheus, RefusesARangeThatDoesNotGoForward) {
  const auto source = Source("http://127.0.0.1:1");
  EXPECT_EQ(source->Over("up", {.from = kAt, .to = kAt - 1s, .step = 1s}, In(1s)).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(source->Over("up", {.from = kAt, .to = kAt, .step = 0s}, In(1s)).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(Prometheus, ReadsAScalar) {
  const auto series =
      Ask(R"({"status":"success","data":{"resultType":"scalar","result":[1700000000,"7"]}})");
  ASSERT_TRUE(series.ok()) << series.error().message;
  EXPECT_THAT(series->front().points, ElementsAre(Point{kAt, 7.0}));
}

TEST(Prometheus, AnOldScalarIsNoData) {
  const auto series =
      Ask(R"({"status":"success","data":{"resultType":"scalar","result":[1600000000,"7"]}})");
  ASSERT_FALSE(series.ok());
  EXPECT_EQ(series.error().code, ErrorCode::kNoData);
}

TEST(Prometheus, PutsPointsInOrderAndKeepsTheLaterOfTwoForOneTime) {
  const auto series = Ask(
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1700000010,"2"],[1700000000,"1"],[1700000010,"3"]]}]}})");
  ASSERT_TRUE(series.ok()) << series.error().message;
  EXPECT_THAT(series->front().points, ElementsAre(Point{kAt, 1.0}, Point{kAt + 10s, 3.0}));
}

TEST(Prometheus, NothingFiniteOrRecentIsNoData) {
  for (
      const std::string& body :
      {Vector(""), One("NaN"), One("+Inf"), One("-Inf"), One("1", 1'699'999'600), One("1", 0),
       std::string(
           R"({"status":"success","data":{"resultType":"scalar","result":[1700000000,"NaN"]}})")}) {
    const auto series = Ask(body);
    ASSERT_FALSE(series.ok()) << body;
    EXPECT_EQ(series.error().code, ErrorCode::kNoData) << body;
  }
  EXPECT_TRUE(Ask(One("1", 1'699'999'700)).ok());  // exactly as old as allowed
}

TEST(Prometheus, LeavesOutOnlyTheSeriesThatAreStaleOrNotFinite) {
  const auto item = [](std::string_view job, std::int64_t at, std::string_view value) {
    return fmt::format(R"({{"metric":{{"job":"{}"}},"value":[{},"{}"]}})", job, at, value);
  };
  const auto series =
      Ask(Vector(item("nan", 1'700'000'000, "NaN") + "," + item("stale", 1'699'990'000, "2") + "," +
                 item("good", 1'700'000'000, "3") + "," + item("inf", 1'700'000'000, "-Inf")));
  ASSERT_TRUE(series.ok()) << series.error().message;
  ASSERT_THAT(*series, SizeIs(1));
  EXPECT_THAT(series->front().labels, ElementsAre(Label{"job", "good"}));
}

TEST(Prometheus, AWrongQueryIsTheCallersWithTheServersWords) {
  for (const char* type : {"bad_data", "422"}) {  // Prometheus, VictoriaMetrics
    const auto series = Ask(
        fmt::format(R"({{"status":"error","errorType":"{}","error":"1:4: parse error"}})", type),
        "400 Bad Request");
    EXPECT_EQ(series.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(series.error().message, HasSubstr("1:4: parse error"));
  }
  EXPECT_EQ(Ask(R"({"status":"error","errorType":"execution","error":"storage"})",
                "422 Unprocessable Entity")
                .error()
                .code,
            ErrorCode::kUnavailable);
}

TEST(Prometheus, TheServersWordsAreCutAtACharacterAndCannotMoveTheCursor) {
  std::string words = "x\\u001b[31m";  // escaped, as JSON has it
  for (int i = 0; i < 100'000; ++i) words += "é";
  const auto series =
      Ask(fmt::format(R"({{"status":"error","errorType":"bad_data","error":"{}"}})", words),
          "400 Bad Request");
  EXPECT_EQ(series.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(series.error().message, AllOf(HasSubstr("x [31m"), EndsWith("é")));
  EXPECT_LT(series.error().message.size(), 600U);
}

TEST(Prometheus, AnAnswerThatIsNotTheApisIsUnavailableAndShown) {
  for (
      const std::string& body :
      {std::string("<html>login</html>"), std::string("{\"status\":\"succ"), std::string("[]"),
       std::string("null"), std::string("{}"), std::string(R"({"status":"success"})"),
       std::string(R"({"status":"success","data":{"resultType":"vector","result":7}})"),
       std::string(
           R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}})"),
       std::string(
           R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"2"]}]}})"),
       std::string(
           R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[]}]}})"),
       std::string(R"({"status":"success","data":{"resultType":"string","result":[1,"s"]}})"),
       R"({"status":"success","data":)" + std::string(200'000, '[') + std::string(200'000, ']') +
           "}",
       std::string(R"({"status":"error","errorType":5})")}) {
    const auto series = Ask(body);
    ASSERT_FALSE(series.ok()) << body;
    EXPECT_EQ(series.error().code, ErrorCode::kUnavailable) << body;
  }
  EXPECT_THAT(Ask("<html>login</html>").error().message, HasSubstr("'<html>login</html>'"));
  EXPECT_THAT(Ask("").error().message, HasSubstr("nothing"));
  EXPECT_THAT(Ask(std::string(5000, 'x')).error().message,
              AllOf(HasSubstr(std::string(80, 'x')), Not(HasSubstr(std::string(81, 'x')))));
  EXPECT_THAT(Ask("a\x1b[31m").error().message, Not(HasSubstr("\x1b")));
  EXPECT_THAT(Ask("not found", "404 Not Found").error().message,
              AllOf(HasSubstr("404"), HasSubstr("not found")));
}

TEST(Prometheus, ATooLongAnswerIsUnavailable) {
  const auto series = Ask(std::string(17U << 20U, ' '));
  EXPECT_EQ(series.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(series.error().message, HasSubstr("more than"));
}

TEST(Prometheus, NoAnswerIsUnavailableWhateverTheReason) {
  ScriptedServer silent([](const Exchange& exchange) { return exchange.Hang(), false; });
  ScriptedServer cut([](const Exchange& exchange) {
    return exchange.Send("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"sta"), false;
  });
  ScriptedServer gone([](const Exchange&) { return false; });
  for (const std::string& url :
       {silent.Url(), cut.Url(), gone.Url(), fmt::format("http://127.0.0.1:{}", ClosedPort())}) {
    const auto series = Source(url)->Instant("up", kAt, In(400ms));
    ASSERT_FALSE(series.ok()) << url;
    EXPECT_EQ(series.error().code, ErrorCode::kUnavailable) << series.error().message;
  }
}

TEST(Prometheus, TriesAgainAfterABusyAnswer) {
  std::atomic<int> asked = 0;
  ScriptedServer server([&](const Exchange& exchange) {
    switch (++asked) {
      case 1:
        exchange.Answer("429 Too Many Requests", "slow", "Retry-After: 0\r\n");
        return false;
      case 2:
        exchange.Answer("503 Service Unavailable", "busy");
        return false;
      case 3:
        return false;
      default:
        exchange.Answer("200 OK", One("1"));
        return false;
    }
  });
  EXPECT_TRUE(Source(server.Url())->Instant("up", kAt, In(30s)).ok());
  EXPECT_EQ(asked, 4);
}

TEST(Prometheus, WaitsAsLongAsRetryAfterSays) {
  std::mutex mutex;
  std::vector<MonotonicTime> asked;
  ScriptedServer server([&](const Exchange& exchange) {
    const std::lock_guard lock(mutex);
    asked.push_back(Real().Now());
    if (asked.size() == 1) {
      exchange.Answer("429 Too Many Requests", "slow down", "Retry-After: 1\r\n");
    } else {
      exchange.Answer("200 OK", One("1"));
    }
    return false;
  });
  ASSERT_TRUE(Source(server.Url())->Instant("up", kAt, In(30s)).ok());
  ASSERT_THAT(asked, SizeIs(2));
  EXPECT_GE(asked[1] - asked[0], 1s);
}

// 500 is not asked again: it may be the query that brings the server down.
TEST(Prometheus, EveryServerErrorIsUnavailableAndShown) {
  for (const char* status : {"500 Internal Server Error", "501 Not Implemented", "502 Bad Gateway",
                             "503 Service Unavailable", "504 Gateway Timeout", "599 Whatever"}) {
    ScriptedServer server([&](const Exchange& exchange) {
      // The wait ends the tries at this answer; without it the deadline may end within the next.
      exchange.Answer(status, "<html>the proxy before it</html>", "Retry-After: 3600\r\n");
      return false;
    });
    const auto series = Source(server.Url())->Instant("up", kAt, In(30s));
    ASSERT_FALSE(series.ok()) << status;
    EXPECT_EQ(series.error().code, ErrorCode::kUnavailable) << status;
    EXPECT_THAT(series.error().message,
                AllOf(HasSubstr(std::string(status, 3)), HasSubstr("<html>the proxy")));
  }
}

TEST(Prometheus, ASlowDripEndsByTheDeadline) {
  const auto drip = [](std::string_view head) {
    return [head](const Exchange& exchange) {
      if (!exchange.Send(head)) return false;
      while (exchange.Send("x")) std::this_thread::sleep_for(20ms);
      return false;
    };
  };
  ScriptedServer body(drip("HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n"));
  ScriptedServer headers(drip("HTTP/1.1 200 OK\r\nX-Slow: "));
  for (const auto* server : {&body, &headers}) {
    const MonotonicTime deadline = In(300ms);
    const auto series = Source(server->Url())->Instant("up", kAt, deadline);
    ASSERT_FALSE(series.ok());
    EXPECT_EQ(series.error().code, ErrorCode::kUnavailable);
    EXPECT_LT(Real().Now(), deadline + 20s);  // generous: the drip would take hours
  }
}

TEST(Prometheus, GivesUpWhenRetryAfterLiesBeyondTheDeadline) {
  ScriptedServer server([](const Exchange& exchange) {
    return exchange.Answer("429 Too Many Requests", "slow down", "Retry-After: 3600\r\n"), false;
  });
  const auto series = Source(server.Url())->Instant("up", kAt, In(30s));
  EXPECT_EQ(series.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(series.error().message, AllOf(HasSubstr("429"), HasSubstr("slow down")));
  EXPECT_EQ(server.requests(), 1);
}

TEST(Prometheus, AServerThatStaysBusyIsUnavailableByTheDeadline) {
  ScriptedServer server([](const Exchange& exchange) {
    return exchange.Answer("503 Service Unavailable", "starting"), true;
  });
  const MonotonicTime deadline = In(1s);
  const auto series = Source(server.Url())->Instant("up", kAt, deadline);
  EXPECT_LT(Real().Now(), deadline + 20s);  // generous: all the attempts would take minutes
  ASSERT_FALSE(series.ok());
  EXPECT_EQ(series.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(series.error().message, AllOf(HasSubstr("503"), HasSubstr("starting")));
  EXPECT_GE(server.requests(), 2);
}

TEST(Prometheus, ReadsAnAnswerOfTenMegabytes) {
  std::string items;
  for (int i = 0; i < 50'000; ++i) {
    items += fmt::format(
        R"({}{{"metric":{{"instance":"host-{}","pad":"{:0>150}"}},"value":[1700000000,"{}"]}})",
        i == 0 ? "" : ",", i, i, i);
  }
  ASSERT_GT(items.size(), 10U << 20U);
  const auto series = Ask(Vector(items), "200 OK", 40s);
  ASSERT_TRUE(series.ok()) << series.error().message;
  ASSERT_THAT(*series, SizeIs(50'000));
  EXPECT_THAT(series->back().labels.front(), (Label{"instance", "host-49999"}));
  EXPECT_THAT(series->back().points, ElementsAre(Point{kAt, 49'999.0}));
}

TEST(Prometheus, RefusesAnAddressThatIsNone) {
  EXPECT_EQ(MakePrometheus({.url = "localhost:9090"}, &Real()).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(PrometheusSharing, ConcurrentEqualQueriesAreOneRequest) {
  std::atomic<int> waiting = 0;
  ScriptedServer server([&](const Exchange& exchange) {
    // Answers only when every caller has begun.
    for (int i = 0; i < 2000 && waiting < 8; ++i) std::this_thread::sleep_for(5ms);
    return exchange.Answer("200 OK", One("1")), false;
  });
  const auto source = Source(server.Url());
  std::atomic<int> good = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      ++waiting;
      if (source->Instant("up", kAt, In(30s)).ok()) ++good;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(server.requests(), 1);
}

TEST(PrometheusSharing, WhoWaitsForAnothersRequestKeepsToItsOwnDeadline) {
  std::atomic<bool> released = false;
  ScriptedServer server([&](const Exchange& exchange) {
    for (int i = 0; i < 4000 && !released; ++i) std::this_thread::sleep_for(5ms);
    return exchange.Answer("200 OK", One("1")), false;
  });
  const auto source = Source(server.Url(), {.request_timeout = 30s});
  bool first_ok = false;
  std::thread first([&] { first_ok = source->Instant("up", kAt, In(30s)).ok(); });
  const MonotonicTime limit = In(20s);
  while (server.requests() == 0 && Real().Now() < limit) std::this_thread::sleep_for(5ms);
  const auto second = source->Instant("up", kAt, In(50ms));
  released = true;
  first.join();
  EXPECT_TRUE(first_ok);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr("in time"));
  EXPECT_EQ(server.requests(), 1);
}

TEST(PrometheusSharing, AnAnswerLargerThanTheStoreIsNotKept) {
  std::string values = R"([1700000000,"1"])";
  for (int i = 1; i <= 300'000; ++i)
    values += fmt::format(R"(,[{},"1"])", 1'700'000'000 + i);  // points have times of their own
  const std::string body = fmt::format(
      R"({{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{}]}}]}}}})",
      values);
  ScriptedServer server(
      [&](const Exchange& exchange) { return exchange.Answer("200 OK", body), true; });
  const auto source = Source(server.Url());
  for (int i = 0; i < 2; ++i) {
    const auto series = source->Over("up", {.from = kAt, .to = kAt + 1s, .step = 1s}, In(40s));
    ASSERT_TRUE(series.ok()) << series.error().message;
    EXPECT_THAT(series->front().points, SizeIs(300'001));
  }
  EXPECT_EQ(server.requests(), 2);
}

TEST(PrometheusSharing, LongLabelsFillTheStoreToo) {
  const std::string body = Vector(fmt::format(
      R"({{"metric":{{"stack":"{}"}},"value":[1700000000,"1"]}})", std::string(3U << 20U, 'x')));
  ScriptedServer server(
      [&](const Exchange& exchange) { return exchange.Answer("200 OK", body), true; });
  const auto source = Source(server.Url());
  for (const char* query : {"a", "b", "b", "a"})
    ASSERT_TRUE(source->Instant(query, kAt, In(40s)).ok()) << query;
  EXPECT_EQ(server.requests(), 3) << "two of three megabytes do not fit: the older one went";
}

TEST(PrometheusSharing, ASecondAndAQueryOfItsOwnAreAskedForThemselves) {
  ScriptedServer server(
      [](const Exchange& exchange) { return exchange.Answer("200 OK", One("1")), true; });
  const auto source = Source(server.Url());
  for (const auto& [query, at] : std::vector<std::pair<std::string, WallTime>>{
           {"a", kAt}, {"a", kAt + 999ms}, {"b", kAt}, {"a", kAt + 1s}, {"b", kAt}}) {
    EXPECT_TRUE(source->Instant(query, at, In(5s)).ok());
  }
  EXPECT_EQ(server.requests(), 3);
}

TEST(PrometheusSharing, NoDataIsSharedAndUnavailableIsAskedAgain) {
  ScriptedServer empty(
      [](const Exchange& exchange) { return exchange.Answer("200 OK", Vector("")), true; });
  ScriptedServer broken(
      [](const Exchange& exchange) { return exchange.Answer("200 OK", "<html>"), true; });
  const auto none = Source(empty.Url()), bad = Source(broken.Url());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(none->Instant("up", kAt, In(5s)).error().code, ErrorCode::kNoData);
    EXPECT_EQ(bad->Instant("up", kAt, In(5s)).error().code, ErrorCode::kUnavailable);
  }
  EXPECT_EQ(empty.requests(), 1);
  EXPECT_EQ(broken.requests(), 3);
}

TEST(PrometheusSharing, ForgetsTheOldestBeyondItsBound) {
  ScriptedServer server(
      [](const Exchange& exchange) { return exchange.Answer("200 OK", One("1")), true; });
  const auto source = Source(server.Url());
  const auto ask = [&](int i) { return source->Instant(fmt::format("q{}", i), kAt, In(5s)).ok(); };
  for (int i = 0; i < 257; ++i) ASSERT_TRUE(ask(i));
  EXPECT_TRUE(ask(256));
  EXPECT_EQ(server.requests(), 257);
  EXPECT_TRUE(ask(0));
  EXPECT_EQ(server.requests(), 258);
}

// Debian's Prometheus, which scrapes itself.
class RealPrometheus : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name =
        (std::filesystem::temp_directory_path() / "auspex-prometheus-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    const int port = ClosedPort();
    url_ = fmt::format("http://127.0.0.1:{}", port);
    std::ofstream(folder_ / "p.yml") << fmt::format(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: self\n  static_configs: "
        "[{{targets: ['127.0.0.1:{}']}}]\n",
        port);
    Start(port);
    ASSERT_TRUE(Until([&] {
      const auto ready = SendHttp({.url = url_ + "/-/ready", .timeout = 1s});
      return ready.ok() && ready->status == 200;
    })) << "prometheus does not get ready";
  }

  void TearDown() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  void Start(int port) {
    const std::string config = "--config.file=" + (folder_ / "p.yml").string(),
                      data = "--storage.tsdb.path=" + (folder_ / "data").string(),
                      listen = fmt::format("--web.listen-address=127.0.0.1:{}", port),
                      log = (folder_ / "log").string();
    pid_ = ::fork();
    if (pid_ != 0) return;
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::execlp("prometheus", "prometheus", config.c_str(), data.c_str(), listen.c_str(),
             static_cast<char*>(nullptr));
    ::_exit(127);
  }

  template <typename Condition>
  static bool Until(Condition condition) {
    for (const MonotonicTime limit = In(40s); Real().Now() < limit;
         std::this_thread::sleep_for(100ms)) {
      if (condition()) return true;
    }
    return false;
  }

  std::filesystem::path folder_;
  std::string url_;
  pid_t pid_ = -1;
};

TEST_F(RealPrometheus, AnswersAsTheScriptedOneDoes) {
  const auto source = Source(url_);
  Result<std::vector<Series>> up = Fail(ErrorCode::kNoData, "not asked");
  ASSERT_TRUE(Until([&] { return (up = source->Instant("up", Real().Wall(), In(5s))).ok(); }))
      << up.error().message;
  ASSERT_THAT(*up, SizeIs(1));
  EXPECT_EQ(up->front().points.front().value, 1.0);
  EXPECT_EQ(up->front().labels.front(), (Label{"__name__", "up"}));

  const WallTime now = Real().Wall();
  const auto range = source->Over("up", {.from = now - 60s, .to = now, .step = 1s}, In(5s));
  ASSERT_TRUE(range.ok()) << range.error().message;
  EXPECT_FALSE(range->front().points.empty());

  EXPECT_EQ(source->Instant("no_such_metric", now, In(5s)).error().code, ErrorCode::kNoData);
  EXPECT_EQ(source->Instant("0/0", now, In(5s)).error().code, ErrorCode::kNoData);
  const auto wrong = source->Instant("up{", now, In(5s));
  EXPECT_EQ(wrong.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(wrong.error().message, HasSubstr("parse error"));
  EXPECT_EQ(source->Over("up", {.from = now - 24h, .to = now, .step = 1s}, In(5s)).error().code,
            ErrorCode::kInvalidArgument);
  // A range selector keeps the samples' own times, so their age shows: half an hour from now they
  // are all too old.
  EXPECT_EQ(source->Instant("up[1h]", now + 30min, In(5s)).error().code, ErrorCode::kNoData);
}

}  // namespace
}  // namespace auspex::telemetry
