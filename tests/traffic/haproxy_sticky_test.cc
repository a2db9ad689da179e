#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "auspex/traffic/haproxy/haproxy_router.h"
#include "tests/traffic/eventually.h"
#include "tests/traffic/haproxy_rig.h"
#include "tests/traffic/tiny_http.h"

// An emergency rollback on a real HAProxy whose backend binds clients to servers by a cookie.
namespace auspex::traffic {
namespace {

using auspex::testing::Eventually;
using auspex::testing::GetLetters;
using auspex::testing::HaproxyRig;
using auspex::testing::TinyHttpServer;

const Route kRoute{.backend = "checkout", .baseline = "a", .canary = "b"};
constexpr std::string_view kBound = "SLOT=b";  // a client that the cookie binds to the canary

MonotonicTime Soon() { return std::chrono::steady_clock::now() + 30s; }

class HaproxySticky : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = HaproxyRig::Start(
        fmt::format("backend checkout\n  balance random(1)\n  cookie SLOT insert indirect nocache\n"
                    "  server a 127.0.0.1:{} weight 256 cookie a\n"
                    "  server b 127.0.0.1:{} weight 0 cookie b\n",
                    a_.port(), b_.port()));
    ASSERT_TRUE(started.ok()) << started.error().message;
    proxy_ = *std::move(started);
  }

  HaproxyRouter RouterWith(Duration drain) {
    return {{RuntimeSocket::Parse(proxy_->socket()).value()}, 20s, drain};
  }
  std::string Letters(int count) {
    const auto letters = GetLetters(proxy_->port(), count, kBound);
    EXPECT_TRUE(letters.ok()) << letters.error().message;
    return letters.value_or("");
  }

  TinyHttpServer a_{'a'};
  TinyHttpServer b_{'b'};
  std::unique_ptr<HaproxyRig> proxy_;
};

TEST_F(HaproxySticky, WeightZeroKeepsBoundClientsAndEvictSendsThemToTheBaseline) {
  HaproxyRouter router = RouterWith(0s);
  ASSERT_EQ(router.Apply(kRoute, Weight::Zero(), Soon()), Weight::Zero());
  EXPECT_EQ(Letters(3), "bbb");
  const auto evicted = router.Evict(kRoute, Soon());
  ASSERT_TRUE(evicted.ok()) << evicted.error().message;
  EXPECT_EQ(Letters(3), "aaa");
  // Setting the weight again, as after each tick, must not let them back.
  ASSERT_TRUE(router.Apply(kRoute, Weight::Zero(), Soon()).ok());
  EXPECT_EQ(Letters(3), "aaa");
  const auto view = router.Observe(kRoute, Soon());
  ASSERT_TRUE(view.ok()) << view.error().message;
  EXPECT_TRUE(view->canary.maintenance);
  EXPECT_FALSE(view->canary.up);
  ASSERT_TRUE(router.Admit(kRoute, Soon()).ok());
  EXPECT_EQ(Letters(3), "bbb");
  EXPECT_EQ(router.Observe(kRoute, Soon()).value().weight, Weight::Zero());
}

TEST_F(HaproxySticky, ARequestThatEndsWithinTheDrainIsAnswered) {
  HaproxyRouter router = RouterWith(20s);
  b_.Hold(true);
  std::thread client([this] { EXPECT_EQ(Letters(1), "b"); });
  EXPECT_TRUE(Eventually([this] { return b_.requests() == 1; }));
  std::thread evicting([&router] { EXPECT_TRUE(router.Evict(kRoute, Soon()).ok()); });
  EXPECT_TRUE(
      Eventually([&router] { return router.Observe(kRoute, Soon()).value().canary.maintenance; }));
  b_.Hold(false);
  client.join();
  evicting.join();
}

TEST_F(HaproxySticky, ARequestThatTakesLongerIsCut) {
  HaproxyRouter router = RouterWith(20ms);
  b_.Hold(true);
  std::thread client([this] { EXPECT_FALSE(GetLetters(proxy_->port(), 1, kBound).ok()); });
  EXPECT_TRUE(Eventually(
      [&router] { return router.Observe(kRoute, Soon()).value().canary.in_flight == 1; }));
  ASSERT_TRUE(router.Evict(kRoute, Soon()).ok());
  client.join();  // while the server still holds the request
  EXPECT_TRUE(Eventually(
      [&router] { return router.Observe(kRoute, Soon()).value().canary.in_flight == 0; }));
  b_.Hold(false);
}

// HAProxy itself takes a server that leaves maintenance for up until a check fails.
TEST_F(HaproxySticky, WhatIsAdmittedIsDownUntilItsCheckPasses) {
  for (const bool answers : {false, true}) {
    auto started = HaproxyRig::Start(
        fmt::format("backend checkout\n  balance random(1)\n  server a 127.0.0.1:{} weight 256\n"
                    "  server b 127.0.0.1:{} weight 0 check inter 200ms rise 2 fall 1 port {}\n",
                    a_.port(), b_.port(), answers ? b_.port() : 9));
    ASSERT_TRUE(started.ok()) << started.error().message;
    HaproxyRouter router({RuntimeSocket::Parse((*started)->socket()).value()}, 20s, 0s);
    ASSERT_TRUE(router.Evict(kRoute, Soon()).ok());
    ASSERT_TRUE(router.Admit(kRoute, Soon()).ok());
    const auto view = router.Observe(kRoute, Soon());
    ASSERT_TRUE(view.ok()) << view.error().message;
    EXPECT_FALSE(view->canary.maintenance);
    EXPECT_FALSE(view->canary.up && !answers);
    const auto up = [&router] { return router.Observe(kRoute, Soon()).value().canary.up; };
    if (answers) {
      EXPECT_TRUE(Eventually(up));
    }
    // Again: a slot that is in service stays as it is.
    ASSERT_TRUE(router.Admit(kRoute, Soon()).ok());
    EXPECT_EQ(up(), answers);
  }
}

// What a person must know: HAProxy forgets maintenance as it forgets weights.
TEST_F(HaproxySticky, ARestartEndsTheEviction) {
  HaproxyRouter router = RouterWith(0s);
  ASSERT_TRUE(router.Evict(kRoute, Soon()).ok());
  ASSERT_TRUE(proxy_->Restart().ok());
  EXPECT_FALSE(router.Observe(kRoute, Soon()).value().canary.maintenance);
  ASSERT_TRUE(router.Evict(kRoute, Soon()).ok());
  EXPECT_EQ(Letters(2), "aa");
}

}  // namespace
}  // namespace auspex::traffic
