#include "lab/load.h"

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "lab/process.h"
#include "service_thread.h"

namespace auspex::lab {
namespace {

LoadOptions To(std::uint16_t port, double rps, Duration duration) {
  LoadOptions options;
  options.port = port;
  options.rps = rps;
  options.duration = duration;
  options.timeout = 60s;
  options.seed = 3;
  return options;
}

TEST(Load, SendsItsRateAndItsRoutes) {
  const ServiceThread service(Quick());
  const LoadSummary summary = RunLoadHere(To(service.port(), 4000.0, 1s));
  EXPECT_NEAR(static_cast<double>(summary.due), 4000.0, 5.0 * std::sqrt(4000.0));
  EXPECT_EQ(summary.sent, summary.due);
  EXPECT_EQ(summary.ok, summary.sent);
  EXPECT_GE(summary.elapsed, 990ms);
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    ExpectBinomial(summary.sent_by_route[i], summary.sent, kRoutes[i].share);
  }
  EXPECT_GT(summary.p50, 0ns);
  EXPECT_LE(summary.p50, summary.p99);
  EXPECT_LE(summary.p99, summary.max);
}

TEST(Load, ArrivalsDoNotDependOnTheAnswers) {
  ServiceOptions slow = Quick();
  slow.latency_median = 400ms;
  slow.latency_sigma = 0.0;
  const ServiceThread stalled(slow);
  const ServiceThread quick(Quick());
  const LoadSummary with_wait = RunLoadHere(To(stalled.port(), 500.0, 300ms));
  const LoadSummary without = RunLoadHere(To(quick.port(), 500.0, 300ms));
  // Not one answer had come when the last request was due, and all of them were sent.
  EXPECT_EQ(with_wait.due, without.due);
  EXPECT_EQ(with_wait.ok, with_wait.due);
  EXPECT_EQ(with_wait.sent_by_route, without.sent_by_route);
  EXPECT_GE(with_wait.p50, 240ms);  // 400 ms times the quickest route's .6
}

TEST(Load, ALatencyCountsFromWhenTheRequestWasDue) {
  // Listens, and serves only when all requests have long been due.
  auto service = SampleService::Create(Quick()).value();
  auto generator = LoadGenerator::Create(To(service->port(), 300.0, 200ms)).value();
  std::atomic<bool> running{false};
  std::thread load([&] {
    running = true;
    EXPECT_TRUE(generator->Run().ok());
  });
  EXPECT_TRUE(WaitUntil([&] { return running.load(); }, 30s));
  std::this_thread::sleep_for(1s);
  std::thread serving([&] { EXPECT_TRUE(service->Run().ok()); });
  load.join();
  service->Stop();
  serving.join();
  const LoadSummary summary = generator->Summary();
  EXPECT_GT(summary.ok, 0);
  EXPECT_EQ(summary.ok, summary.due);
  EXPECT_GE(summary.p50, 500ms);
  EXPECT_LT(summary.late_max, summary.max);  // the wait was the service's, not the generator's
}

TEST(Load, CountsErrorsOfTheService) {
  ServiceOptions options = Quick();
  options.fault = Fault::kErrors;
  options.base_error_rate = 0.01;
  const ServiceThread service(options);
  const LoadSummary summary = RunLoadHere(To(service.port(), 5000.0, 1s));
  EXPECT_EQ(summary.ok + summary.errors, summary.due);
  ExpectBinomial(summary.errors, summary.due, 0.11);
}

TEST(Load, DropsWhatFindsNoConnectionAndGivesUpInTime) {
  ServiceOptions stuck = Quick();
  stuck.latency_median = 60s;
  const ServiceThread service(stuck);
  LoadOptions options = To(service.port(), 500.0, 200ms);
  options.max_connections = 5;
  options.timeout = 1s;
  const LoadSummary summary = RunLoadHere(options);
  EXPECT_EQ(summary.sent, 5);
  EXPECT_EQ(summary.timeouts, 5);
  EXPECT_EQ(summary.dropped, summary.due - 5);
  EXPECT_GT(summary.dropped, 0);
  EXPECT_EQ(summary.connections_max, 5U);
}

TEST(Load, CountsWhatNobodyAnswers) {
  const LoadSummary summary = RunLoadHere(To(FreePort().value(), 500.0, 100ms));
  EXPECT_GT(summary.due, 0);
  EXPECT_EQ(summary.failed, summary.due);
}

TEST(Load, StopsWhenToldWithoutWaiting) {
  ServiceOptions stuck = Quick();
  stuck.latency_median = 60s;
  const ServiceThread service(stuck);
  LoadOptions options = To(service.port(), 1000.0, 0s);  // for ever
  options.max_connections = 3;
  auto generator = LoadGenerator::Create(options).value();
  std::thread load([&] { EXPECT_TRUE(generator->Run().ok()); });
  EXPECT_TRUE(WaitUntil(
      [&] {
        const auto page = Ask(service.port(), "/metrics");
        return page.ok() && page->status == 200;
      },
      30s));
  std::this_thread::sleep_for(50ms);
  generator->Stop();
  load.join();
  const LoadSummary summary = generator->Summary();
  EXPECT_EQ(summary.unfinished, summary.sent);
}

TEST(Load, RefusesOptionsThatCannotBe) {
  const auto code = [](const LoadOptions& options) {
    return LoadGenerator::Create(options).error().code;
  };
  EXPECT_EQ(code(To(0, 1.0, 1s)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(To(1, 0.0, 1s)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(To(1, 2e6, 1s)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(To(1, 1.0, -1s)), ErrorCode::kInvalidArgument);
}

TEST(LoadSummary, IsJson) {
  LoadSummary summary;
  summary.due = 10;
  summary.sent = 9;
  summary.dropped = 1;
  summary.p99 = 25ms;
  summary.sent_by_route = {5, 2, 1, 1, 0};
  const auto json = nlohmann::json::parse(ToJson(summary));
  EXPECT_EQ(json["due"], 10);
  EXPECT_EQ(json["dropped"], 1);
  EXPECT_EQ(json["latency_s"]["p99"], 0.025);
  EXPECT_EQ(json["routes"]["search"], 2);
}

}  // namespace
}  // namespace auspex::lab
