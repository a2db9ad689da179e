#include "lab/sample_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <fstream>
#include <string>

#include "lab/http_request.h"
#include "lab/posix.h"
#include "lab/process.h"
#include "lab/service_metrics.h"
#include "service_thread.h"

namespace auspex::lab {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::size_t Occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// The value of a series by its name and labels as the page has them; -1 where there is none.
double Value(std::string_view page, const std::string& series) {
  const std::size_t at = page.find("\n" + series + " ");
  if (at == std::string_view::npos) return -1.0;
  return std::stod(std::string(page.substr(at + series.size() + 2, 32)));
}

TEST(SampleService, ServesItsRoutesAndPages) {
  const ServiceThread service(Quick());
  for (const Route& route : kRoutes) {
    const auto answer = Ask(service.port(), "/" + std::string(route.name) + "/17?x=1");
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, route.name);
    EXPECT_EQ(answer->Header("x-version"), "v1");
  }
  EXPECT_EQ(Ask(service.port(), "/healthz")->status, 200);
  EXPECT_EQ(Ask(service.port(), "/nothing")->status, 404);
  EXPECT_EQ(Ask(service.port(), "/cartoon")->status, 404);
  EXPECT_EQ(Ask(service.port(), "/cart", "DELETE")->status, 405);
  EXPECT_EQ(Ask(service.port(), "/lab/start-clock")->status, 405);
  EXPECT_EQ(Ask(service.port(), "/lab/start-clock", "POST")->status, 200);
}

TEST(SampleService, CountsRequestsByRouteAndVersion) {
  ServiceOptions options = Quick();
  options.version = "v2.1";
  options.base_error_rate = 1.0;
  const ServiceThread service(options);
  EXPECT_EQ(Ask(service.port(), "/pay")->status, 500);
  EXPECT_EQ(Ask(service.port(), "/pay")->status, 500);
  EXPECT_EQ(Ask(service.port(), "/healthz")->status, 200);
  const std::string page = "\n" + Ask(service.port(), "/metrics")->body;
  EXPECT_EQ(Value(page, R"(http_requests_total{version="v2.1",route="pay"})"), 2);
  EXPECT_EQ(Value(page, R"(http_errors_total{version="v2.1",route="pay"})"), 2);
  EXPECT_EQ(Value(page, R"(http_requests_total{version="v2.1",route="cart"})"), 0);
  EXPECT_EQ(
      Value(page, R"(http_request_duration_seconds_bucket{version="v2.1",route="pay",le="+Inf"})"),
      2);
  EXPECT_EQ(Value(page, R"(http_request_duration_seconds_count{version="v2.1",route="pay"})"), 2);
  EXPECT_GT(Value(page, R"(process_resident_memory_bytes{version="v2.1"})"), 1e6);
  EXPECT_GE(Value(page, R"(process_cpu_seconds_total{version="v2.1"})"), 0.0);
}

TEST(ServiceMetrics, BucketsHoldWhatIsAtMostTheirEdge) {
  ServiceMetrics metrics;
  metrics.Count(0, true, 20ms);
  metrics.Count(0, false, 21ms);
  metrics.Count(0, true, 5s);
  const std::string page = metrics.Text("v1");
  const auto bucket = [&](const std::string& edge) {
    return Value(page, R"(http_request_duration_seconds_bucket{version="v1",route="cart",le=")" +
                           edge + "\"}");
  };
  EXPECT_EQ(bucket("0.015"), 0);
  EXPECT_EQ(bucket("0.02"), 1);
  EXPECT_EQ(bucket("0.03"), 2);
  EXPECT_EQ(bucket("1.6"), 2);
  EXPECT_EQ(bucket("+Inf"), 3);
  EXPECT_EQ(Value(page, R"(http_request_duration_seconds_sum{version="v1",route="cart"})"), 5.041);
  EXPECT_EQ(metrics.requests(), 3);
  EXPECT_EQ(metrics.errors(), 1);
}

TEST(SampleService, TakesTheTimeItWasTold) {
  ServiceOptions options = Quick();
  options.latency_median = 100ms;
  options.latency_sigma = 0.0;
  options.cold_for = 0s;
  const ServiceThread service(options);
  const MonotonicTime start = std::chrono::steady_clock::now();
  EXPECT_EQ(Ask(service.port(), "/cart")->status, 200);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 100ms);
}

TEST(SampleService, AnswersPipelinedRequestsInOrder) {
  const ServiceThread service(Quick());
  // Answers of more than the service keeps for a slow reader.
  std::string text;
  for (int i = 0; i < 60; ++i) text += "GET /metrics HTTP/1.1\r\n\r\n";
  text += "GET /pay HTTP/1.1\r\n\r\nHEAD /cart HTTP/1.1\r\nConnection: close\r\n\r\n";
  const std::string answer = RawExchange(service.port(), text);
  EXPECT_EQ(Occurrences(answer, "HTTP/1.1 200 OK"), 62U);
  EXPECT_THAT(answer, testing::EndsWith("\r\nConnection: close\r\nContent-Length: 4\r\n\r\n"));
  EXPECT_LT(answer.rfind("HTTP/1.1"), answer.size() - 4);
  EXPECT_THAT(answer, HasSubstr("\r\n\r\npayHTTP/1.1 200 OK"));
}

TEST(SampleService, AnswersGarbageAndOversizeWith400AndHangsUp) {
  const ServiceThread service(Quick());
  EXPECT_THAT(RawExchange(service.port(), "\x16\x03\x01 hello"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(RawExchange(service.port(), "GET / HTTP/9\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  const std::string large = "GET / HTTP/1.1\r\nX: " + std::string(kMaxHeaderBytes, 'x');
  EXPECT_THAT(RawExchange(service.port(), large.substr(0, kMaxHeaderBytes)),
              StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(Ask(service.port(), "/cart")->status, 200);
}

TEST(SampleService, HangsUpOnSlowAndIdleClients) {
  ServiceOptions options = Quick();
  options.request_limit = 200ms;
  options.idle_limit = 400ms;
  const ServiceThread service(options);
  EXPECT_EQ(RawExchange(service.port(), "GET /cart HT"), "");
  EXPECT_EQ(RawExchange(service.port(), ""), "");
  EXPECT_EQ(Occurrences(RawExchange(service.port(), "GET /cart HTTP/1.1\r\n\r\n"), "200 OK"), 1U);
}

TEST(SampleService, HangsUpOnAReaderThatTakesNothing) {
  ServiceOptions options = Quick();
  options.request_limit = 300ms;
  const ServiceThread service(options);
  const Fd fd = ConnectLoopback(service.port()).value();
  std::string text;
  for (int i = 0; i < 100; ++i) text += "GET /metrics HTTP/1.1\r\n\r\n";
  // Sends until the service stops reading, and reads nothing; in the end a write fails.
  const bool refused = WaitUntil(
      [&] {
        const ssize_t sent = send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
        return sent < 0 && errno != EAGAIN && errno != EINTR;
      },
      30s);
  EXPECT_TRUE(refused);
}

TEST(SampleService, BoundsItsConnections) {
  ServiceOptions options = Quick();
  options.max_connections = 2;
  const ServiceThread service(options);
  const Fd a = ConnectLoopback(service.port()).value();
  const Fd b = ConnectLoopback(service.port()).value();
  // The queue keeps their order: the third is the one too many.
  EXPECT_EQ(RawExchange(service.port(), "GET /cart HTTP/1.1\r\n\r\n"), "");
}

TEST(SampleService, ForgetsAClientThatLeavesBeforeItsAnswer) {
  ServiceOptions options = Quick();
  options.latency_median = 200ms;
  const ServiceThread service(options);
  {
    const Fd fd = ConnectLoopback(service.port()).value();
    pollfd ready{fd.get(), POLLOUT, 0};
    ASSERT_EQ(poll(&ready, 1, 30'000), 1);
    const std::string text = "GET /cart HTTP/1.1\r\n\r\n";
    ASSERT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Perhaps with the same descriptor: it must get its own answer only.
  EXPECT_EQ(Ask(service.port(), "/search")->body, "search");
}

TEST(SampleService, LeaksMemoryThatIsReallyThere) {
  ServiceOptions options = Quick();
  options.fault = Fault::kLeak;
  options.memory_bytes = 64U << 20U;
  const ServiceThread service(options);
  const auto resident = [&] {
    return Value("\n" + Ask(service.port(), "/metrics")->body,
                 R"(process_resident_memory_bytes{version="v1"})");
  };
  const double before = resident();
  EXPECT_GT(before, 64e6);
  // 1 % of it takes a second.
  EXPECT_TRUE(WaitUntil([&] { return resident() >= before * 1.01; }, 60s));
}

TEST(SampleService, ALeakEndsAtItsBound) {
  ServiceOptions options = Quick();
  options.fault = Fault::kLeak;
  options.leak_max_bytes = 0;
  const ServiceThread service(options);
  EXPECT_EQ(Ask(service.port(), "/cart")->status, 200);
}

TEST(SampleService, WritesItsPortFile) {
  const TempDir folder = TempDir::Create().value();
  ServiceOptions options = Quick();
  options.port_file = folder.path() / "port";
  const ServiceThread service(options);
  std::ifstream file(options.port_file);
  std::uint16_t port = 0;
  EXPECT_TRUE(file >> port);
  EXPECT_EQ(port, service.port());
}

TEST(SampleService, RefusesOptionsThatCannotBe) {
  const auto code = [](const auto& change) {
    ServiceOptions options = Quick();
    change(options);
    return SampleService::Create(options).error().code;
  };
  constexpr auto kInvalid = ErrorCode::kInvalidArgument;
  EXPECT_EQ(code([](ServiceOptions& o) { o.version = "v\"1"; }), kInvalid);
  EXPECT_EQ(code([](ServiceOptions& o) { o.version = ""; }), kInvalid);
  EXPECT_EQ(code([](ServiceOptions& o) { o.base_error_rate = 1.1; }), kInvalid);
  EXPECT_EQ(code([](ServiceOptions& o) { o.base_error_rate = std::nan(""); }), kInvalid);
  EXPECT_EQ(code([](ServiceOptions& o) { o.latency_sigma = -1.0; }), kInvalid);
  EXPECT_EQ(code([](ServiceOptions& o) { o.latency_median = -1s; }), kInvalid);
  EXPECT_EQ(code([](ServiceOptions& o) { o.cold_factor = 0.5; }), kInvalid);
  EXPECT_EQ(code([](ServiceOptions& o) { o.max_connections = 0; }), kInvalid);
  EXPECT_EQ(code([](ServiceOptions& o) { o.fault = Fault::kLoad; }), kInvalid);
  EXPECT_EQ(code([](ServiceOptions& o) { o.port_file = "/proc/none/port"; }),
            ErrorCode::kPermissionDenied);
  const ServiceThread service(Quick());
  EXPECT_EQ(code([&](ServiceOptions& o) { o.port = service.port(); }), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace auspex::lab
