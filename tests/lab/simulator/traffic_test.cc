#include "lab/simulator/traffic.h"

#include <gtest/gtest.h>

#include <cmath>

namespace auspex::lab::simulator {
namespace {

const LatencyEdges kEdges = {.canary = {100.0, 300.0}, .baseline = {100.0, 300.0}};

void ExpectSame(const ArmCounts& a, const ArmCounts& b) {
  EXPECT_EQ(a.requests, b.requests);
  EXPECT_EQ(a.errors, b.errors);
  EXPECT_EQ(a.slower, b.slower);
}

TEST(Traffic, SameTickAtTheSameWeightShowsTheSameEventsWhateverWasBefore) {
  const Deployment d = DrawDeployment(5);
  Traffic one(d), other(d);
  for (int i = 0; i < 10; ++i) (void)other.Draw(10.0 * i, 10.0, {.canary = .01 * i}, kEdges);
  const Tick a = one.Draw(200.0, 10.0, {.canary = .3}, kEdges);
  const Tick b = other.Draw(200.0, 10.0, {.canary = .3}, kEdges);
  ExpectSame(a.canary, b.canary);
  ExpectSame(a.baseline, b.baseline);
  EXPECT_EQ(a.harmed, b.harmed);
}

TEST(Traffic, CountsAreConsistent) {
  for (std::uint64_t number = 1; number <= 40; ++number) {
    const Deployment d = DrawDeployment(number);
    Traffic traffic(d);
    for (int i = 0; i < 20; ++i) {
      const Tick tick = traffic.Draw(60.0 * i, 60.0, {.canary = .4}, kEdges);
      for (const ArmCounts* arm : {&tick.canary, &tick.baseline}) {
        std::int64_t requests = 0, errors = 0;
        for (const ArmCounts::Route& route : arm->routes) {
          EXPECT_LE(route.errors, route.requests);
          requests += route.requests;
          errors += route.errors;
        }
        EXPECT_EQ(requests, arm->requests);
        EXPECT_EQ(errors, arm->errors);
        EXPECT_LE(arm->slower[0], arm->requests);
        EXPECT_LE(arm->slower[1], arm->slower[0]);
      }
    }
  }
}

// Over many ticks the counts are what the rates say, and long ticks see what short ones do.
TEST(Traffic, MeansAreTheRates) {
  const Deployment d = DrawDeployment(12);
  Traffic traffic(d);
  for (const double seconds : {1.0, 2.0, 10.0, 60.0}) {
    double seen = 0.0, expected = 0.0, slow = 0.0, expected_slow = 0.0;
    for (double t = 0.0; t < 600.0; t += seconds) {
      const Tick tick = traffic.Draw(t, seconds, {.canary = .25}, kEdges);
      seen += static_cast<double>(tick.canary.requests);
      slow += static_cast<double>(tick.canary.slower[0]);
      const double requests = .25 * seconds * RequestsPerSecond(d, t + seconds / 2.0);
      expected += requests;
      expected_slow += requests * SlowerThan(d.service, CanaryAt(d, t + seconds / 2.0, .25), 100.0);
    }
    EXPECT_NEAR(seen, expected, 5.0 * std::sqrt(expected) + 1.0) << seconds;
    EXPECT_NEAR(slow, expected_slow, 5.0 * std::sqrt(expected_slow) + .01 * expected_slow + 1.0)
        << seconds;
  }
}

TEST(Traffic, HarmIsTheFaultsExcessAndGrowsWithTheWeight) {
  int bad = 0;
  for (std::uint64_t number = 1; number <= 60; ++number) {
    const Deployment d = DrawDeployment(number);
    Traffic traffic(d);
    const double at_s = d.fault.begins_s + 3000.0;
    const double small = traffic.Harm(at_s, at_s + 60.0, .3);
    const double large = traffic.Harm(at_s, at_s + 60.0, .6);
    if (!d.bad) {
      EXPECT_EQ(large, 0.0);
      continue;
    }
    ++bad;
    EXPECT_GT(small, 0.0);
    EXPECT_NEAR(large, 2.0 * small, 1e-9 * large);
    EXPECT_NEAR(
        traffic.Draw(std::floor(at_s / 60.0) * 60.0, 60.0, {.canary = .3}, kEdges).harmed,
        traffic.Harm(std::floor(at_s / 60.0) * 60.0, std::floor(at_s / 60.0) * 60.0 + 60.0, .3),
        1e-9);
  }
  EXPECT_GT(bad, 0);
}

TEST(Traffic, ACanaryWithoutWeightGetsNothing) {
  const Deployment d = DrawDeployment(3);
  Traffic traffic(d);
  const Tick tick = traffic.Draw(0.0, 60.0, {.canary = 0.0}, kEdges);
  EXPECT_EQ(tick.canary.requests, 0);
  EXPECT_EQ(tick.canary.slower.size(), 2U);
  EXPECT_GT(tick.baseline.requests, 0);
}

// The fuse stops the canary at its n-th error; both arms are counted up to then.
TEST(Traffic, TheFuseStopsAtItsError) {
  std::uint64_t number = 1;
  Deployment d = DrawDeployment(number);
  while (!d.bad || d.fault.kind != FaultKind::kCrash || d.service.requests_per_s < 100.0)
    d = DrawDeployment(++number);
  Traffic traffic(d);
  double share_passed = 0.0, requests = 0.0;
  constexpr int kTicks = 200;
  for (int i = 0; i < kTicks; ++i) {
    const double t = 1000.0 + 10.0 * i;
    const Tick open = traffic.Draw(t, 10.0, {.canary = .5}, kEdges);
    const std::int64_t fuse = std::max<std::int64_t>(1, open.canary.errors / 4);
    const Tick stopped = traffic.Draw(t, 10.0, {.canary = .5, .fuse = fuse}, kEdges);
    ASSERT_TRUE(stopped.stopped_after_s.has_value());
    EXPECT_EQ(stopped.canary.errors, fuse);
    EXPECT_LE(stopped.canary.slower[0], stopped.canary.requests);
    EXPECT_NEAR(stopped.harmed, open.harmed * *stopped.stopped_after_s / 10.0, 1e-9 * open.harmed);
    share_passed += *stopped.stopped_after_s / 10.0 / kTicks;
    requests += static_cast<double>(stopped.canary.requests) /
                static_cast<double>(open.canary.requests) / kTicks;
  }
  EXPECT_NEAR(share_passed, .25, .02);
  EXPECT_NEAR(requests, .25, .02);
  EXPECT_FALSE(traffic.Draw(0.0, 10.0, {.canary = .5, .fuse = 1'000'000}, kEdges).stopped_after_s);
}

TEST(Traffic, SampleQuantilesLieAroundTheTrueOne) {
  const Deployment d = DrawDeployment(8);
  const Traffic traffic(d);
  double total = 0.0;
  constexpr int kSamples = 300;
  for (int i = 0; i < kSamples; ++i) {
    total += std::log(traffic.DrawLatencyQuantile(
        {.at_s = 20.0 * i, .weight = .1, .canary = false, .requests = 1000, .q = .5}));
  }
  EXPECT_NEAR(total / kSamples, std::log(d.service.latency_ms_p50), .02);
}

}  // namespace
}  // namespace auspex::lab::simulator
