#include "auspex/rollout/scraped.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/rollout/codec.h"
#include "auspex/rollout/history.h"
#include "auspex/rollout/live.h"
#include "tests/rollout/quiet_feed.h"

namespace auspex::rollout {
namespace {

using telemetry::Label;
using telemetry::Series;
using ::testing::Contains;
using ::testing::HasSubstr;

Series Counter(const std::string& name, double value, std::vector<Label> labels = {}) {
  labels.insert(labels.begin(), Label{.name = "__name__", .value = name});
  return {.labels = std::move(labels), .points = {{.at = {}, .value = value}}};
}
telemetry::CounterReading Read(double value) {
  return telemetry::ReadCounter({Counter("c", value)}).value_or(telemetry::CounterReading{});
}

// A metrics server that answers each query by its text.
class Answers final : public telemetry::MetricSource {
 public:
  std::map<std::string, std::vector<Series>, std::less<>> by_query;
  std::vector<WallTime> asked_at;
  Result<std::vector<Series>> Instant(std::string_view query, WallTime at,
                                      MonotonicTime /*deadline*/) override {
    asked_at.push_back(at);
    const auto found = by_query.find(query);
    if (found == by_query.end()) return Fail(ErrorCode::kNoData, "no series");
    return found->second;
  }
  Result<std::vector<Series>> Over(std::string_view /*query*/, const Range& /*range*/,
                                   MonotonicTime /*deadline*/) override {
    return Fail(ErrorCode::kUnavailable, "not asked in these tests");
  }
};

const SignalConfig kOrders{
    .name = "orders", .role = "business", .good = "ok{v='$version'}", .all = "all{v='$version'}"};

TEST(ReadSignals, AsksForBothCountersOfBothArmsAtOneMoment) {
  Answers server;
  server.by_query["ok{v='v2'}"] = {Counter("ok", 5)};
  server.by_query["all{v='v2'}"] = {Counter("all", 7)};
  server.by_query["ok{v='v1'}"] = {Counter("ok", 60)};
  server.by_query["all{v='v1'}"] = {Counter("all", 70)};
  const SignalQuestion question{.signals = {kOrders},
                                .canary_version = "v2",
                                .baseline_version = "v1",
                                .canary_server = "b",
                                .baseline_server = "a",
                                .at = FromMicros(7)};
  const SignalReading reading = ReadSignals(&server, question, {});
  EXPECT_EQ(reading.failure, "");
  ASSERT_TRUE(reading.rates.contains("orders"));
  EXPECT_EQ(reading.rates.at("orders").canary.all.series.size(), 1U);
  EXPECT_EQ(server.asked_at, std::vector<WallTime>(4, FromMicros(7)));
  EXPECT_THAT(reading.unseen, ::testing::IsEmpty());
  // Absent is not "all of them failed", and not silent either.
  server.by_query.erase("ok{v='v2'}");
  const SignalReading without = ReadSignals(&server, question, {});
  EXPECT_TRUE(without.rates.empty());
  EXPECT_EQ(without.failure, "");
  ASSERT_EQ(without.unseen.size(), 1U);
  EXPECT_THAT(without.unseen[0], HasSubstr("orders (the canary: `good` has no series"));
  EXPECT_THAT(without.unseen[0], HasSubstr("or vector(0)"));
  server.by_query["ok{v='v2'}"] = {Series{.labels = {}, .points = {{.at = {}, .value = 0}}}};
  EXPECT_TRUE(ReadSignals(&server, question, {}).rates.contains("orders")) << "zero is a number";
  server.by_query.erase("all{v='v1'}");
  EXPECT_TRUE(ReadSignals(&server, question, {}).rates.empty()) << "silence is not zero";
}

TEST(ReadSignals, WhatIsNotSeenIsInTheReason) {
  RolloutSpec spec;
  spec.requests_per_s = 100;
  Turn turn = Start(spec);
  Inputs inputs;
  inputs.window.t_s = 10;
  inputs.window.canary.requests = 20;
  inputs.window.baseline.requests = 980;
  inputs.unseen = {"orders (the canary: no series)"};
  const auto again = InputsFromJson(ToJson(inputs));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->unseen, inputs.unseen);
  const Turn told = Advance(turn.next, *again);
  EXPECT_THAT(told.decision.reason, HasSubstr("; not seen: orders (the canary: no series)"));
  inputs.unseen.clear();
  turn = Advance(turn.next, inputs);
  EXPECT_EQ(told.decision.weight, turn.decision.weight) << "nothing is decided by it";
  EXPECT_EQ(told.decision.p_fail, turn.decision.p_fail);
}

// A server that answers with the moment it was asked for hides how old its samples are.
TEST(ReadSignals, TellsTheAgeOfTheSamplesThatCountRequests) {
  Answers server;
  for (const char* query : {"g", "a"}) server.by_query[query] = {Counter(query, 5)};
  const SignalQuestion question{
      .signals = {{.name = "requests", .role = "errors", .good = "g", .all = "a"}},
      .canary_version = "v2",
      .baseline_version = "v1",
      .canary_server = "b",
      .baseline_server = "a",
      .at = FromMicros(7)};
  EXPECT_EQ(ReadSignals(&server, question, {}).age_s, std::nullopt) << "it does not know how";
  server.by_query["time() - min(timestamp(a))"] = {
      Series{.labels = {}, .points = {{.at = {}, .value = 12.5}}}};
  const SignalReading reading = ReadSignals(&server, question, {});
  EXPECT_EQ(reading.age_s, 12.5);
  Live live;
  live.reading_done = reading;
  testing::QuietFeed feed(false);
  static_cast<void>(CloseTick(&live, 1, {.requests = &feed}));
  EXPECT_EQ(ViewOf(live).sample_age_s, 12.5);
}

SignalReading Reading(double canary_good, double canary_all, double good, double all) {
  SignalReading reading;
  reading.rates["orders"] = {.canary = {.good = Read(canary_good), .all = Read(canary_all)},
                             .baseline = {.good = Read(good), .all = Read(all)}};
  return reading;
}

TEST(ScrapeMemory, CountsBetweenTwoReadingsAndOnlyForBothArms) {
  ScrapeMemory memory;
  EXPECT_TRUE(memory.Take(Reading(1, 2, 30, 40)).rates.empty()) << "what was before is not new";
  const ScrapedCounts counts = memory.Take(Reading(2, 5, 39, 50));
  ASSERT_TRUE(counts.rates.contains("orders"));
  EXPECT_EQ(counts.rates.at("orders").canary.events, 2);
  EXPECT_EQ(counts.rates.at("orders").canary.all, 3);
  EXPECT_EQ(counts.rates.at("orders").baseline.events, 1);
  // Nothing was read: the next reading covers both ticks.
  EXPECT_TRUE(memory.Take({}).rates.empty());
  EXPECT_EQ(memory.Take(Reading(2, 6, 39, 51)).rates.at("orders").canary.all, 1);
  // The canary has another instance: no interval, for the baseline neither.
  SignalReading more = Reading(2, 7, 40, 60);
  more.rates["orders"].canary.all.series["other"] = {.value = 9'000, .raw = true};
  EXPECT_TRUE(memory.Take(more).rates.empty());
}

TEST(Behaviour, IsShownAndProvesByItself) {
  RolloutSpec spec;
  spec.tick_s = 2;
  spec.requests_per_s = 500;
  spec.warm_up_s = 1;
  ApplyBehaviour({"orders", "sessions"}, {{"orders", {.events = 200, .all = 10'000}}}, 100'000,
                 &spec);
  ASSERT_EQ(spec.history.behaviour.size(), 2U);
  EXPECT_NEAR(spec.history.behaviour[0].rate, .02, 1e-4);
  EXPECT_NEAR(spec.history.behaviour[0].share, .1, 1e-9);
  EXPECT_EQ(spec.history.behaviour[1].tolerated, kUnknownTolerated);
  const auto stored = SpecFromJson(ToJson(spec));
  ASSERT_TRUE(stored.ok()) << stored.error().message;
  EXPECT_EQ(stored->history.behaviour, spec.history.behaviour);

  Turn turn = Start(*stored);
  Random random(3);
  for (int i = 1; i < 400 && turn.next.phase == Phase::kRunning; ++i) {
    Inputs inputs;
    inputs.window.t_s = 2.0 * i;
    const auto requests = static_cast<double>(random.Binomial(1000, turn.next.asked.share()));
    inputs.window.canary = {.requests = requests, .slower = {}, .routes = {}};
    inputs.window.baseline = {.requests = 1000 - requests, .slower = {}, .routes = {}};
    const auto behave = [&](double all, double rate) {
      const auto orders = random.Binomial(static_cast<std::int64_t>(all), .1);
      return telemetry::ArmWindow::Behaviour{
          .events = static_cast<double>(random.Binomial(orders, rate)),
          .all = static_cast<double>(orders)};
    };
    inputs.window.canary.behaviour = {behave(requests, .3)};
    inputs.window.baseline.behaviour = {behave(1000 - requests, .02)};
    const auto again = InputsFromJson(ToJson(inputs));
    ASSERT_TRUE(again.ok()) << again.error().message;
    turn = Advance(turn.next, *again);
  }
  EXPECT_EQ(turn.decision.action, Action::kRollBack);
  EXPECT_EQ(turn.decision.verdict, Verdict::kFail);
  EXPECT_THAT(turn.decision.reason, HasSubstr("orders that did not succeed: "));
  EXPECT_THAT(turn.decision.reason, HasSubstr("% of the canary's"));
}

// Latencies of a service, in the buckets that Prometheus' clients have by default.
constexpr std::array<double, 11> kDefaultEdges = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
telemetry::Histogram Buckets(Random* random, std::int64_t requests, double median, double sigma) {
  telemetry::Histogram histogram{.edges_s = {kDefaultEdges.begin(), kDefaultEdges.end()},
                                 .at_or_below = std::vector<double>(kDefaultEdges.size()),
                                 .total = static_cast<double>(requests)};
  for (std::int64_t i = 0; i < requests; ++i) {
    const double latency = median * std::exp(sigma * random->Normal());
    for (std::size_t e = 0; e < kDefaultEdges.size(); ++e)
      histogram.at_or_below[e] += latency <= kDefaultEdges[e];
  }
  return histogram;
}

const std::vector<SignalConfig> kScraped = {
    {.name = "requests", .role = "errors", .good = "g", .all = "a"},
    {.name = "time", .role = "latency", .histogram = "h"}};

ScrapedCounts Counts(const telemetry::Histogram& canary, const telemetry::Histogram& baseline) {
  ScrapedCounts counts;
  counts.rates["requests"] = {.canary = {.events = 0, .all = canary.total},
                              .baseline = {.events = 0, .all = baseline.total}};
  counts.histograms["time"] = {.canary = canary, .baseline = baseline};
  return counts;
}

// Learned from buckets, as the engine does it.
RolloutSpec LearnedSpec(Random* random, double median, double sigma) {
  RolloutSpec spec;
  const telemetry::Histogram seen = Buckets(random, 20'000, median, sigma);
  const ScrapedTicks ticks = TicksOf(Counts(seen, seen), kScraped, {});
  ApplyHistory({.latency_us = ticks.baseline.latency_us,
                .routes = {},
                .requests = 20'000,
                .errors = 20,
                .requests_both = 20'000,
                .seconds = 200,
                .bucket_edges_us = ticks.bucket_edges_us},
               &spec);
  spec.tick_s = 10;
  spec.warm_up_s = 1;
  return spec;
}

// The log E at the end of 40 ticks with 10 % of 2,000 requests on a canary that is `slower` times
// as slow.
double LogE(Random* random, const RolloutSpec& spec, double median, double sigma, double slower) {
  evidence::CanaryEvidence evidence({.history = spec.history, .tick_s = spec.tick_s});
  double most = 0.0;
  for (int i = 0; i < 40; ++i) {
    const telemetry::Histogram canary = Buckets(random, 200, slower * median, sigma);
    const telemetry::Histogram baseline = Buckets(random, 1800, median, sigma);
    const ScrapedTicks ticks = TicksOf(Counts(canary, baseline), kScraped, spec.edges);
    evidence::TickCounts counts;
    counts.errors = {.canary_requests = 200, .baseline_requests = 1800};
    for (std::size_t e = 0; e < 3; ++e) {
      counts.slower[e] = {.canary_events = static_cast<double>(ticks.canary.slower[e]),
                          .canary_requests = 200,
                          .baseline_events = static_cast<double>(ticks.baseline.slower[e]),
                          .baseline_requests = 1800};
    }
    evidence.Step(counts, {.hazard = .01});
    most = std::max(most, evidence.log_e());
  }
  return most;
}

TEST(Buckets, AToleratedSlownessIsNotConvictedAndAFaultIs) {
  constexpr double kSigma = .5;
  const double bar = -std::log(.01);
  Random random(11);
  for (const double median : {.004, .012, .02, .04, .07}) {
    const RolloutSpec spec = LearnedSpec(&random, median, kSigma);
    for (std::size_t e = 0; e < 3; ++e) {
      EXPECT_GE(spec.history.latency_tolerated[e], evidence::kToleratedRatio);
      EXPECT_THAT(kDefaultEdges, ::testing::Contains(::testing::DoubleNear(
                                     static_cast<double>(spec.edges->slower_us[e]) / 1e6, 1e-9)));
    }
    for (int run = 0; run < 5; ++run)
      EXPECT_LT(LogE(&random, spec, median, kSigma, 1.05), bar) << median;
    EXPECT_GT(LogE(&random, spec, median, kSigma, 1.8), bar) << median;
  }
}

TEST(Buckets, ThatHaveChangedSayNothing) {
  Random random(1);
  RolloutSpec spec = LearnedSpec(&random, .02, .5);
  spec.edges->slower_us[1] += 1'000;
  const telemetry::Histogram seen = Buckets(&random, 100, .02, .5);
  const ScrapedTicks ticks = TicksOf(Counts(seen, seen), kScraped, spec.edges);
  EXPECT_FALSE(ticks.canary.has_edges);
  EXPECT_EQ(ticks.canary.requests, 100);
  ASSERT_EQ(ticks.unseen.size(), 2U);
  EXPECT_THAT(ticks.unseen[0], HasSubstr("time (the canary: its buckets are not those"));
}

// A row of the ledger with 3,000 requests of a service, counted in buckets of these edges.
BaselineAggregate Row(Random* random, std::vector<std::int64_t> edges_us) {
  BaselineAggregate row{.latency_us = {},
                        .routes = {},
                        .requests = 3'000,
                        .errors = 3,
                        .requests_both = 3'000,
                        .seconds = 300};
  for (int i = 0; i < 3'000; ++i) {
    const double us = 20'000 * std::exp(.5 * random->Normal());
    const auto bucket =
        std::lower_bound(edges_us.begin(), edges_us.end(), static_cast<std::int64_t>(us));
    row.latency_us.Add(edges_us.empty()           ? us
                       : bucket == edges_us.end() ? 2.0 * static_cast<double>(edges_us.back())
                                                  : static_cast<double>(*bucket));
  }
  row.bucket_edges_us = std::move(edges_us);
  return row;
}

TEST(Buckets, HistoryInOtherBucketsIsLeftOut) {
  Random random(5);
  const std::vector<std::int64_t> old_us = {7'000, 21'000, 60'000};
  const std::vector<std::int64_t> now_us = {10'000, 25'000, 50'000, 100'000};
  const MergedRows merged = MergeRows({Row(&random, old_us), Row(&random, {}), Row(&random, now_us),
                                       Row(&random, old_us), Row(&random, now_us)});
  EXPECT_EQ(merged.latencies_left_out, 9'000);
  EXPECT_EQ(merged.seen.requests, 15'000) << "their errors count";
  EXPECT_EQ(merged.seen.bucket_edges_us, now_us);
  EXPECT_EQ(merged.seen.latency_us.count(), 6'000);
  EXPECT_TRUE(IsEnoughHistory(merged));
  RolloutSpec spec;
  ApplyHistory(merged.seen, &spec);
  for (const std::int64_t edge : spec.edges->slower_us) EXPECT_THAT(now_us, Contains(edge));
  // Few since the change: observed anew. As ever where nothing changed.
  BaselineAggregate few = Row(&random, now_us);
  few.latency_us = {};
  few.latency_us.Add(25'000, 100);
  EXPECT_FALSE(IsEnoughHistory(MergeRows({Row(&random, old_us), few})));
  EXPECT_TRUE(IsEnoughHistory(MergeRows({few})));
}

TEST(Buckets, ThatChangeWithinARowKeepTheNewer) {
  Random random(6);
  BaselineAggregate sum = Row(&random, {7'000, 21'000});
  Merge(Row(&random, {10'000}), &sum);
  EXPECT_EQ(sum.bucket_edges_us, std::vector<std::int64_t>{10'000});
  EXPECT_EQ(sum.latency_us.count(), 3'000);
  Merge(BaselineAggregate{}, &sum);  // of nothing
  EXPECT_EQ(sum.latency_us.count(), 3'000);
}

TEST(CloseTick, AScrapedServiceNeedsNoFeed) {
  testing::QuietFeed feed(false);
  ServiceConfig service;
  service.signals = {kScraped[0], kOrders};
  Live live;
  live.service = &service;
  live.given = Weight::Zero();
  ApplyBehaviour(BehaviourNames(service), {}, 0, &live.rollout.spec);
  const auto tick = [&](double more) {
    SignalReading reading = Reading(more, 2 * more, 10 * more, 20 * more);
    reading.rates["requests"] = {.canary = {.good = Read(90 * more), .all = Read(100 * more)},
                                 .baseline = {.good = Read(99 * more), .all = Read(100 * more)}};
    live.reading_done = reading;
    traffic::ProxyView proxy;
    proxy.canary = {.share = Weight::Zero(), .in_flight = 2};
    proxy.baseline = {.share = Weight::Whole()};
    live.seen = traffic::Combine({proxy});
    return CloseTick(&live, live.rollout.last.t_s + 1, {.requests = &feed});
  };
  const Inputs first = tick(1);
  EXPECT_EQ(first.window.canary.requests, 0);
  EXPECT_EQ(first.window.canary.in_flight, 2);
  EXPECT_FALSE(first.ends_known) << "nothing was counted yet";
  const Inputs inputs = tick(2);
  EXPECT_TRUE(inputs.ends_known);
  EXPECT_EQ(inputs.hold, "");
  EXPECT_EQ(inputs.window.canary.requests, 100);
  EXPECT_EQ(inputs.window.canary.errors, 10);
  EXPECT_EQ(inputs.window.baseline.errors, 1);
  ASSERT_EQ(inputs.window.canary.behaviour.size(), 1U);
  EXPECT_EQ(inputs.window.canary.behaviour[0].all, 2);
  EXPECT_EQ(inputs.window.canary.behaviour[0].events, 1);
  EXPECT_EQ(live.aggregate.requests, 100);
  EXPECT_EQ(live.aggregate.behaviour.at("orders").all, 20);
}

}  // namespace
}  // namespace auspex::rollout
