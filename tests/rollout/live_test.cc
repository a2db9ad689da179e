#include "auspex/rollout/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/rollout/quiet_feed.h"

namespace auspex::rollout {
namespace {

using ::testing::HasSubstr;
using testing::QuietFeed;

// One tick in which the proxy had counted `requests` and the feed had brought `lines`, in all.
Inputs Tick(Live* live, telemetry::RequestSource* feed, std::int64_t requests, std::int64_t lines) {
  live->given = Weight::Zero();
  traffic::ProxyView proxy;
  proxy.name = "proxy";
  proxy.baseline = {.share = Weight::Whole(), .requests_total = requests};
  live->seen = traffic::Combine({proxy});
  live->lines_then = lines;
  return CloseTick(live, live->rollout.last.t_s + 1, {.requests = feed});
}

TEST(CloseTick, AFeedThatLosesALotHoldsAndTheLossIsShown) {
  QuietFeed feed(true);
  Live live;
  std::int64_t lines = 0;
  for (std::int64_t i = 1; i <= 5; ++i)
    EXPECT_EQ(Tick(&live, &feed, 1'000 * i, lines += 1'000).hold, "");
  Inputs last;
  for (std::int64_t i = 6; i <= 15; ++i) last = Tick(&live, &feed, 1'000 * i, lines += 900);
  EXPECT_THAT(last.hold, HasSubstr("lost 600 of the last 6000 requests (10.0 %)"));
  EXPECT_EQ(ViewOf(live).feed_lost, 800);
}

TEST(ViewOf, SaysThePaceAndWhetherAPersonIsAwaited) {
  Live live;
  live.rollout.phase = Phase::kRunning;
  EXPECT_EQ(ViewOf(live).pace, Pace::kClassic);
  EXPECT_FALSE(ViewOf(live).awaits_person);
  EXPECT_THAT(ToJson(ViewOf(live)), HasSubstr(R"("pace":"classic","awaits":null,)"));
  live.rollout.spec.pace = Pace::kSwift;
  live.rollout.awaits_person = true;  // the deadline said so
  EXPECT_THAT(ToJson(ViewOf(live)),
              HasSubstr(R"("state":"running","pace":"swift","awaits":"person",)"));
  live.rollout.paused = true;  // by the one who is awaited
  EXPECT_FALSE(ViewOf(live).awaits_person);
  live.rollout.paused = live.rollout.awaits_person = false;
  live.rollout.phase = Phase::kWaiting;
  live.rollout.spec.approval = Approval{};
  EXPECT_TRUE(ViewOf(live).awaits_person);
  live.ended_at = WallTime{};
  EXPECT_FALSE(ViewOf(live).awaits_person);
}

// Observing must end under each policy.
TEST(CloseTick, ThePlainRuleHoldsForSilenceOnlyOnceItRuns) {
  QuietFeed feed(true);
  Live live;
  live.rollout.spec.policy = Policy::kRule;
  live.rollout.phase = Phase::kRunning;
  EXPECT_EQ(Tick(&live, &feed, 0, 0).hold, "no requests on both versions");
  for (const Phase phase : {Phase::kObserving, Phase::kStarting}) {
    live.rollout.phase = phase;
    EXPECT_EQ(Tick(&live, &feed, 0, 0).hold, "");
  }
}

// Two proxies with the same traffic, the log of one of which goes nowhere.
TEST(CloseTick, NamesTheProxyWhoseLogIsNotConnected) {
  QuietFeed feed(true);
  Live live;
  Inputs last;
  for (std::int64_t i = 1; i <= 12; ++i) {
    live.given = Weight::Zero();
    traffic::ProxyView one, other;
    one.name = "/run/one.sock";
    other.name = "/run/other.sock";
    one.baseline = other.baseline = {.share = Weight::Whole(), .requests_total = 500 * i};
    live.seen = traffic::Combine({one, other});
    live.lines_then = 500 * i;
    live.proxy_lines_then = {500 * i, 0};
    last = CloseTick(&live, live.rollout.last.t_s + 1, {.requests = &feed});
  }
  EXPECT_THAT(last.hold, HasSubstr("lost 3000 of the last 6000 requests"));
  EXPECT_THAT(last.hold, HasSubstr("no line came from the proxy at /run/other.sock: its log is "
                                   "not connected"));
}

// One tick in which the proxy has three of the canary's requests in flight and none is told to end.
Inputs InFlight(Live* live, telemetry::RequestSource* feed) {
  live->given = Weight::Zero();
  traffic::ProxyView proxy;
  proxy.canary = {.share = Weight::Zero(), .in_flight = 3};
  proxy.baseline = {.share = Weight::Whole(), .in_flight = 40};
  live->seen = traffic::Combine({proxy});
  return CloseTick(live, live->rollout.last.t_s + 1, {.requests = feed});
}

TEST(CloseTick, WhatIsInFlightIsToldWhoeverTellsTheEnds) {
  QuietFeed away(false);
  QuietFeed here(true);
  Live live;
  const Inputs without = InFlight(&live, &away);
  EXPECT_EQ(without.window.canary.in_flight, 3);
  EXPECT_EQ(without.window.baseline.in_flight, 40);
  EXPECT_FALSE(without.ends_known);
  EXPECT_TRUE(InFlight(&live, &here).ends_known);
}

}  // namespace
}  // namespace auspex::rollout
