#include "auspex/telemetry/sources/request_counter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "auspex/telemetry/sources/counter_gaps.h"

namespace auspex::telemetry {
namespace {

constexpr std::int64_t kNowUs = 1'795'520'000'000'000;
const ServerKey kCanary{"checkout", "b"};

ProxyLogLine Line(std::int64_t end_us, std::int64_t latency_us = 1'000, bool error = false) {
  ProxyLogLine line;
  line.backend = "checkout";
  line.server = "b";
  line.route = "cart";
  line.status = error ? 500 : 200;
  line.latency_us = latency_us;
  line.end_us = end_us;
  line.error = error;
  return line;
}

ServerTick TakeUntil(RequestCounter& counter, std::int64_t until_us) {
  return counter.Take(kCanary, FromMicros(until_us));
}

TEST(RequestCounter, TakesWhatEndedAtOrBeforeTheBoundaryAndLeavesTheRest) {
  RequestCounter counter;
  counter.Track(kCanary);
  for (const std::int64_t offset : {-1, 0, 1, 2}) counter.Add(Line(kNowUs + offset));
  EXPECT_EQ(TakeUntil(counter, kNowUs).requests, 2);
  EXPECT_EQ(TakeUntil(counter, kNowUs).requests, 0);
  counter.Add(Line(kNowUs - 5'000'000));  // late: its tick was taken
  EXPECT_EQ(TakeUntil(counter, kNowUs + 1).requests, 2);
  EXPECT_EQ(counter.Take(kCanary, std::nullopt).requests, 1);
  EXPECT_EQ(counter.LinesOf(kCanary), 5);
}

TEST(RequestCounter, LosesNoLineOfAClockThatWasSet) {
  RequestCounter counter;
  counter.Track(kCanary);
  constexpr std::int64_t kHourUs = 3'600'000'000;
  counter.Add(Line(-1));                    // end not known
  counter.Add(Line(0));                     // 1970
  counter.Add(Line(kNowUs + kHourUs + 1));  // far future
  counter.Add(Line(kNowUs + kHourUs));
  EXPECT_EQ(TakeUntil(counter, kNowUs).requests, 3);
  EXPECT_EQ(TakeUntil(counter, kNowUs + kHourUs).requests, 1);
  counter.Add(Line(kNowUs));
  EXPECT_EQ(TakeUntil(counter, -5'000'000).requests, 1)
      << "far behind its line, so the clock was set";
}

constexpr std::int64_t kSecondUs = 1'000'000;

TEST(RequestCounter, ALineFromTheFutureEndedWhenItCame) {
  for (const std::int64_t ahead_s : {1, 60, 3'600, 86'400, 315'360'000}) {
    RequestCounter counter;
    counter.Track(kCanary);
    counter.Add(Line(kNowUs + ahead_s * kSecondUs), FromMicros(kNowUs));
    EXPECT_EQ(TakeUntil(counter, kNowUs - 1).requests, 0) << "it came in the next tick";
    EXPECT_EQ(TakeUntil(counter, kNowUs).requests, 1) << ahead_s;
    EXPECT_EQ(counter.Take(kCanary, std::nullopt).requests, 0) << "once";
    EXPECT_EQ(counter.Health().last_line, FromMicros(kNowUs));
    EXPECT_EQ(counter.Health().early, ahead_s > 1 ? 1 : 0);
    EXPECT_EQ(counter.Health().clock_offset,
              ahead_s > 1 ? Duration(std::chrono::seconds(ahead_s)) : Duration(0));
  }
}

TEST(RequestCounter, ALineFromThePastIsInTheNextTick) {
  RequestCounter counter;
  counter.Track(kCanary);
  for (const std::int64_t behind_s : {0, 60, 3'600, 86'400, 315'360'000})
    counter.Add(Line(kNowUs - behind_s * kSecondUs), FromMicros(kNowUs));
  EXPECT_EQ(TakeUntil(counter, kNowUs).requests, 5);
}

TEST(RequestCounter, WhenOurClockIsSetBackNothingKeptWaitsForIt) {
  RequestCounter counter;
  counter.Track(kCanary);
  const ServerKey baseline{"checkout", "a"};
  counter.Track(baseline);
  ProxyLogLine other = Line(kNowUs);
  other.server = "a";
  counter.Add(Line(kNowUs), FromMicros(kNowUs));
  counter.Add(other, FromMicros(kNowUs));
  const std::int64_t set = kNowUs - 1'200 * kSecondUs;  // 20 minutes back
  counter.Add(Line(set), FromMicros(set));
  EXPECT_EQ(TakeUntil(counter, set - 1).requests, 1) << "from before it was set";
  EXPECT_EQ(TakeUntil(counter, set).requests, 1);
  EXPECT_EQ(counter.Take(baseline, FromMicros(set)).requests, 1);
}

TEST(RequestCounter, ALineThatComesTwiceIsOneRequest) {
  RequestCounter counter;
  counter.Track(kCanary);
  ProxyLogLine line = Line(kNowUs);
  for (line.counter = 0; line.counter < 10; ++line.counter) {
    counter.Add(line, FromMicros(kNowUs));
    counter.Add(line, FromMicros(kNowUs));
  }
  EXPECT_EQ(counter.LinesOf(kCanary), 10);
  EXPECT_EQ(TakeUntil(counter, kNowUs).requests, 10);
  EXPECT_EQ(counter.Health().duplicates, 10);
}

TEST(RequestCounter, ServersShareABoundAndLoseNone) {
  RequestCounter counter({.records_of_server = 100, .records = 250});
  constexpr int kServers = 20, kEach = 90;
  std::vector<std::string> names;
  for (int i = 0; i < kServers; ++i) names.push_back(fmt::format("s{}", i));
  for (const auto& name : names) counter.Track({"checkout", name});
  for (int i = 0; i < kEach; ++i) {
    for (const auto& name : names) {
      ProxyLogLine line = Line(kNowUs + 1);
      line.server = name;
      counter.Add(line);
    }
  }
  std::int64_t early = 0, late = 0;
  for (const auto& name : names) {
    early += counter.Take({"checkout", name}, FromMicros(kNowUs)).requests;
    late += counter.Take({"checkout", name}, FromMicros(kNowUs + 1)).requests;
  }
  EXPECT_EQ(early + late, kServers * kEach);
  EXPECT_LE(late, 250) << "no more were kept one by one";
  EXPECT_GT(late, 0);

  // What was taken and forgotten makes room again.
  for (const auto& name : names) counter.Forget({"checkout", name});
  counter.Track(kCanary);
  for (int i = 0; i < 100; ++i) counter.Add(Line(kNowUs + i));
  EXPECT_EQ(TakeUntil(counter, kNowUs - 1).requests, 0);
  EXPECT_EQ(TakeUntil(counter, kNowUs + 100).requests, 100);
}

// The law, with clocks: whatever the proxy's clock says and however ours is set, each request is
// in exactly one tick, and a tick that ends after a line came takes it.
RC_GTEST_PROP(RequestCounter, NoClockLosesDoublesOrKeepsARequest, ()) {
  RequestCounter counter;
  counter.Track(kCanary);
  std::int64_t now = kNowUs, added = 0, taken = 0;
  const auto edge =
      rc::gen::element<std::int64_t>(0, 1, kSecondUs, 3'600 * kSecondUs - 1, 3'600 * kSecondUs,
                                     3'601 * kSecondUs, 86'400 * kSecondUs);
  for (int i = *rc::gen::inRange(1, 60); i > 0; --i) {
    const std::int64_t by = *edge * *rc::gen::element(-1, 1);
    switch (*rc::gen::inRange(0, 4)) {
      case 0:  // our clock is set
        now = std::max<std::int64_t>(now + by, 0);
        break;
      case 1:  // time passes and a tick ends
        now += *rc::gen::inRange(0, 100);
        taken += TakeUntil(counter, now - *rc::gen::inRange(0, 100)).requests;
        break;
      default:
        counter.Add(Line(std::max<std::int64_t>(now + by, -1)), FromMicros(now));
        ++added;
    }
  }
  counter.Add(Line(now), FromMicros(now));  // the first line after the last setting
  taken += TakeUntil(counter, now).requests;
  RC_ASSERT(taken == added + 1);
  RC_ASSERT(counter.Take(kCanary, std::nullopt).requests == 0);
}

TEST(RequestCounter, CountsErrorsRoutesAndLatencies) {
  RequestCounter counter;
  counter.Track(kCanary);
  ProxyLogLine pay = Line(kNowUs, 40'000, true);
  pay.route = "pay";
  counter.Add(Line(kNowUs, 1'000));
  counter.Add(pay);
  counter.Add(Line(kNowUs, -1));  // latency not known: no latency, still a request
  const ServerTick tick = TakeUntil(counter, kNowUs);
  EXPECT_EQ(tick.requests, 3);
  EXPECT_EQ(tick.errors, 1);
  EXPECT_EQ(tick.harmed, 1);
  EXPECT_FALSE(tick.has_edges);
  EXPECT_EQ(tick.latency_us.count(), 2);
  EXPECT_NEAR(*tick.latency_us.Quantile(1), 40'000, 400);
  EXPECT_EQ(tick.routes, (std::map<std::string, RouteCounts>{{"cart", {2, 0}}, {"pay", {1, 1}}}));
}

TEST(RequestCounter, ComparesEachRequestWithTheEdgesInForceWhenItCame) {
  RequestCounter counter;
  counter.Track(kCanary);
  const Edges narrow{{100, 200, 300, 0}, 250};
  const Edges wide{{1'000, 2'000, 3'000, 0}, 2'500};
  counter.Add(Line(kNowUs, 5'000));
  counter.SetEdges(kCanary, narrow);
  counter.Add(Line(kNowUs, 200));  // over t50 alone: equal is not over
  counter.Add(Line(kNowUs, 301));
  const ServerTick first = TakeUntil(counter, kNowUs);
  EXPECT_EQ(first.slower, (std::array<std::int64_t, 4>{2, 1, 1, 0}));
  EXPECT_EQ(first.harmed, 1);
  EXPECT_FALSE(first.has_edges) << "one came before they were set";

  counter.Add(Line(kNowUs, 301));
  counter.SetEdges(kCanary, wide);
  counter.Add(Line(kNowUs, 301));
  counter.Add(Line(kNowUs, 10, true));  // failed: harmed whatever its latency
  const ServerTick second = TakeUntil(counter, kNowUs);
  EXPECT_EQ(second.slower, (std::array<std::int64_t, 4>{1, 1, 1, 0}));
  EXPECT_EQ(second.harmed, 2);
  EXPECT_TRUE(second.has_edges);

  counter.Forget(kCanary);
  counter.Track(kCanary);
  EXPECT_FALSE(TakeUntil(counter, kNowUs).has_edges) << "edges are forgotten with the server";
}

TEST(RequestCounter, KeepsAtMostTheNamedRoutesAndLetsIdleOnesGo) {
  RequestCounter counter;
  counter.Track(kCanary);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kMaxRoutes + 50; ++i) names.push_back(fmt::format("r{}", i));
  for (const auto& name : names) {
    ProxyLogLine line = Line(kNowUs);
    line.route = name;
    counter.Add(line);
  }
  const ServerTick scan = TakeUntil(counter, kNowUs);
  EXPECT_EQ(scan.routes.size(), kMaxRoutes + 1);
  EXPECT_EQ(scan.routes.at(std::string(kOtherRoutes)).requests, 50);

  ProxyLogLine kept = Line(kNowUs + 100);
  kept.route = names[7];
  counter.Add(kept);
  EXPECT_TRUE(TakeUntil(counter, kNowUs).routes.empty());  // the idle ones make room
  ProxyLogLine fresh = Line(kNowUs);
  fresh.route = "fresh";
  counter.Add(fresh);
  EXPECT_EQ(counter.Take(kCanary, std::nullopt).routes,
            (std::map<std::string, RouteCounts>{{"fresh", {1, 0}}, {names[7], {1, 0}}}));
}

TEST(RequestCounter, MatchesByBackendOrByTheOnlyBackendWithTheName) {
  RequestCounter counter;
  const ServerKey other{"search", "b"};
  counter.Track(kCanary);
  counter.Track(kCanary);
  ProxyLogLine nameless = Line(kNowUs);
  nameless.backend = {};
  counter.Add(nameless);
  EXPECT_EQ(counter.LinesOf(kCanary), 1);

  counter.Track(other);
  counter.Add(nameless);  // whose?
  counter.Add(Line(kNowUs));
  EXPECT_EQ(counter.LinesOf(kCanary), 2);
  EXPECT_EQ(counter.LinesOf(other), 0);
  EXPECT_EQ(counter.Health().unmatched, 1);

  counter.Forget(other);
  counter.Forget(other);
  counter.Add(nameless);
  EXPECT_EQ(counter.LinesOf(kCanary), 3);
  counter.Forget(kCanary);
  counter.Add(nameless);
  EXPECT_EQ(counter.LinesOf(kCanary), 0);
  EXPECT_EQ(counter.Health().unmatched, 2);
  EXPECT_EQ(counter.Take(kCanary, std::nullopt).requests, 0);
}

TEST(RequestCounter, ALineOfNoServerIsALineButNobodysRequest) {
  RequestCounter counter;
  counter.Track({"checkout", ""});
  ProxyLogLine line = Line(kNowUs);
  line.server = {};
  counter.Add(line);
  counter.AddMalformed(3);
  counter.SetConnections(1);
  const FeedHealth health = counter.Health();
  EXPECT_EQ(health.lines, 1);
  EXPECT_EQ(health.unmatched, 0);
  EXPECT_EQ(health.malformed, 3);
  EXPECT_TRUE(health.connected);
  EXPECT_EQ(health.last_line, FromMicros(kNowUs));
  EXPECT_EQ(counter.LinesOf({"checkout", ""}), 0);
}

TEST(RequestCounter, FoldsTheOldestWhenFullAndLosesNone) {
  RequestCounter counter;
  counter.Track(kCanary);
  constexpr auto kLines = static_cast<std::int64_t>(RequestCounter::kMaxRecords) + 1;
  for (std::int64_t i = 0; i < kLines; ++i) counter.Add(Line(kNowUs + i, 100, i % 10 == 0));
  // The older half was folded, so it comes whatever the boundary; the newer half is still exact.
  const std::int64_t half = (kLines - 1) / 2;
  EXPECT_EQ(TakeUntil(counter, kNowUs - 1).requests, half);
  EXPECT_EQ(TakeUntil(counter, kNowUs + half + 4).requests, 5);
  const ServerTick rest = counter.Take(kCanary, std::nullopt);
  EXPECT_EQ(rest.requests, kLines - half - 5);
  EXPECT_EQ(rest.routes.at("cart").requests, rest.requests);
  EXPECT_EQ(counter.LinesOf(kCanary), kLines);
}

// The law: whatever the order and the boundaries, every request is in exactly one tick, and ticks
// hold none that ended behind their boundary.
RC_GTEST_PROP(RequestCounter, EveryRequestIsInExactlyOneTick, ()) {
  RequestCounter counter;
  counter.Track(kCanary);
  std::vector<std::int64_t> waiting;
  std::int64_t taken = 0;
  const auto steps = *rc::gen::container<std::vector<std::pair<bool, int>>>(
      rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::inRange(0, 40)));
  std::int64_t added = 0;
  for (const auto& [take, offset] : steps) {
    if (take) {
      const auto due = std::count_if(waiting.begin(), waiting.end(),
                                     [&](std::int64_t end) { return end <= kNowUs + offset; });
      std::erase_if(waiting, [&](std::int64_t end) { return end <= kNowUs + offset; });
      const ServerTick tick = TakeUntil(counter, kNowUs + offset);
      RC_ASSERT(tick.requests == due);
      RC_ASSERT(tick.latency_us.count() == due);
      taken += tick.requests;
    } else {
      counter.Add(Line(kNowUs + offset));
      waiting.push_back(kNowUs + offset);
      ++added;
    }
  }
  RC_ASSERT(taken + counter.Take(kCanary, std::nullopt).requests == added);
}

TEST(RequestCounter, LosesNoneBetweenThreads) {
  RequestCounter counter;
  counter.Track(kCanary);
  constexpr int kEach = 20'000;
  std::atomic<int> running = 2;
  std::vector<std::thread> adders;
  for (int i = 0; i < 2; ++i) {
    adders.emplace_back([&] {
      for (int j = 0; j < kEach; ++j) counter.Add(Line(kNowUs + j));
      --running;
    });
  }
  std::int64_t taken = 0;
  while (running > 0) taken += TakeUntil(counter, kNowUs + kEach / 2).requests;
  for (auto& adder : adders) adder.join();
  taken += counter.Take(kCanary, std::nullopt).requests;
  EXPECT_EQ(taken, 2 * kEach);
}

constexpr std::int64_t kStepUs = 1'000;
// Number n begins at n ms and ends 1 ms later.
CounterGaps::Seen Seen(std::int64_t number) {
  return {number, number * kStepUs, (number + 1) * kStepUs};
}
// A line of a request that began and ended so long after.
CounterGaps::Seen Later(std::int64_t number, std::int64_t after_us) {
  return {number, number * kStepUs + after_us, number * kStepUs + after_us};
}

TEST(CounterGaps, ASkippedNumberIsMissingOnlyAfterAMinute) {
  CounterGaps gaps;
  gaps.Add(Seen(10));
  gaps.Add(Seen(14));
  EXPECT_EQ(gaps.missing(), 0);
  gaps.Add(Seen(12));  // it was only slow
  gaps.Add(Later(15, CounterGaps::kPatienceUs));
  EXPECT_EQ(gaps.missing(), 0);
  gaps.Add(Later(16, CounterGaps::kPatienceUs + kStepUs));
  EXPECT_EQ(gaps.missing(), 2);  // 11 and 13
  gaps.Add({13, 13 * kStepUs, CounterGaps::kPatienceUs * 2});
  EXPECT_EQ(gaps.missing(), 1) << "a very long request is taken back";
}

TEST(CounterGaps, ARestartedProxyIsNoGap) {
  CounterGaps gaps;
  for (const std::int64_t number : {100, 101, 102}) gaps.Add(Seen(number));
  for (const std::int64_t number : {1, 2, 3}) gaps.Add(Later(number, 10'000'000));
  gaps.Add(Later(4, 300'000'000));
  EXPECT_EQ(gaps.missing(), 0);
  gaps.Add(Later(6, 300'000'000));
  gaps.Add(Later(7, 400'000'000));
  EXPECT_EQ(gaps.missing(), 1) << "and counting goes on after it";
}

TEST(CounterGaps, RequestsThatBeganBeforeWeListenedAreNoRestart) {
  CounterGaps gaps;
  gaps.Add(Seen(100));
  gaps.Add(Seen(102));
  gaps.Add(Seen(50));
  gaps.Add(Seen(101));
  gaps.Add(Later(103, 100'000'000));
  EXPECT_EQ(gaps.missing(), 0);
}

TEST(CounterGaps, ManyHolesCountAtOnceInsteadOfPilingUp) {
  CounterGaps gaps;
  const auto holes = static_cast<std::int64_t>(CounterGaps::kMaxHoles) + 10;
  for (std::int64_t i = 0; i <= holes; ++i) gaps.Add({2 * i, 0, 0});
  EXPECT_EQ(gaps.missing(), 10);
}

// Numbers in any order within the patience, some of them lost: just those are missing at the end.
RC_GTEST_PROP(CounterGaps, FindsExactlyTheLostOnes, ()) {
  const int count = *rc::gen::inRange(1, 200);
  std::vector<std::int64_t> numbers;
  std::int64_t lost = 0;
  for (int n = 1; n <= count; ++n) {
    if (*rc::gen::inRange(0, 4) == 0) {
      ++lost;
    } else {
      numbers.push_back(n);
    }
  }
  for (std::size_t i = 0; i + 1 < numbers.size(); ++i) {
    std::swap(numbers[i], numbers[i + static_cast<std::size_t>(*rc::gen::inRange(0, 2))]);
  }
  CounterGaps gaps;
  gaps.Add(Seen(0));
  for (const std::int64_t number : numbers) gaps.Add(Seen(number));
  gaps.Add(Later(count + 1, 0));
  gaps.Add(Later(count + 2, CounterGaps::kPatienceUs * 2));
  RC_ASSERT(gaps.missing() == lost);
}

TEST(RequestCounter, FollowsTheCounterOfEachProcess) {
  RequestCounter counter;
  const auto add = [&](std::int64_t process, std::int64_t number, std::int64_t end_us) {
    ProxyLogLine line = Line(end_us);
    line.process = process;
    line.counter = number;
    counter.Add(line);
  };
  add(1, 1, kNowUs);
  add(2, 500, kNowUs);
  add(1, 2, kNowUs + 1'000);
  add(2, 503, kNowUs + 1'000);
  EXPECT_EQ(counter.Health().missing, 0);
  add(2, 504, kNowUs + 100'000'000);
  EXPECT_EQ(counter.Health().missing, 2);
  for (std::int64_t process = 10; process < 200; ++process) add(process, 1, kNowUs);
  EXPECT_EQ(counter.Health().missing, 2) << "kept when processes are many";
}

}  // namespace
}  // namespace auspex::telemetry
