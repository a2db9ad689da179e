#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "auspex/traffic/haproxy/haproxy_router.h"
#include "tests/traffic/eventually.h"
#include "tests/traffic/haproxy_rig.h"
#include "tests/traffic/tiny_http.h"

// The adapter on a real HAProxy: what the numbers mean, and what it refuses.
namespace auspex::traffic {
namespace {

using auspex::testing::Eventually;
using auspex::testing::GetLetters;
using auspex::testing::HaproxyRig;
using auspex::testing::TinyHttpServer;
using ::testing::AllOf;
using ::testing::HasSubstr;

const Route kRoute{.backend = "checkout", .baseline = "a", .canary = "b"};

MonotonicTime Soon() { return std::chrono::steady_clock::now() + 20s; }

Weight Bp(std::int32_t bp) { return Weight::FromBp(bp).value(); }

HaproxyRouter RouterAt(const std::string& socket) {
  return {{RuntimeSocket::Parse(socket).value()}, 20s};
}

// Two servers that nobody runs: weights need none.
std::unique_ptr<HaproxyRig> StartIdle(const std::string& more = "",
                                      const std::string& balance = "random(1)") {
  auto proxy = HaproxyRig::Start(
      fmt::format("backend checkout\n  balance {}\n  server a 127.0.0.1:9 weight 256\n"
                  "  server b 127.0.0.1:9 weight 0\n{}",
                  balance, more));
  EXPECT_TRUE(proxy.ok()) << proxy.error().message;
  return proxy.ok() ? *std::move(proxy) : nullptr;
}

// Two servers of the test's own, behind a proxy with health checks.
class HaproxySplit : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started =
        HaproxyRig::Start(fmt::format("backend checkout\n  balance random(1)\n"
                                      "  server a 127.0.0.1:{} weight 256 check inter 50ms\n"
                                      "  server b 127.0.0.1:{} weight 0 check inter 50ms\n",
                                      a_.port(), b_->port()));
    ASSERT_TRUE(started.ok()) << started.error().message;
    proxy_ = *std::move(started);
    router_ = std::make_unique<HaproxyRouter>(
        std::vector{RuntimeSocket::Parse(proxy_->socket()).value()}, 20s);
  }

  RouteView See() {
    const auto view = router_->Observe(kRoute, Soon());
    EXPECT_TRUE(view.ok()) << view.error().message;
    return view.value_or(RouteView{});
  }

  TinyHttpServer a_{'a'};
  std::unique_ptr<TinyHttpServer> b_ = std::make_unique<TinyHttpServer>('b');
  std::unique_ptr<HaproxyRig> proxy_;
  std::unique_ptr<HaproxyRouter> router_;
};

TEST_F(HaproxySplit, SendsEachArmItsShare) {
  constexpr int kRequests = 300;
  const auto canary_requests = [this](Weight weight) {
    EXPECT_TRUE(router_->Apply(kRoute, weight, Soon()).ok());
    const auto letters = GetLetters(proxy_->port(), kRequests);
    EXPECT_TRUE(letters.ok()) << letters.error().message;
    const std::string got = letters.value_or(std::string());
    return std::count(got.begin(), got.end(), 'b');
  };
  EXPECT_EQ(canary_requests(Weight::Zero()), 0);
  EXPECT_EQ(canary_requests(Weight::Whole()), kRequests);
  const auto half = canary_requests(Bp(5000));
  // Eight standard deviations of a fair coin, each side.
  EXPECT_GT(half, 80);
  EXPECT_LT(half, 220);
  EXPECT_EQ(canary_requests(Weight::Zero()), 0);
}

TEST_F(HaproxySplit, CountsEachRequestOfAKeptAliveConnection) {
  ASSERT_TRUE(GetLetters(proxy_->port(), 25).ok());
  // Counted when a request ends, which is after its answer.
  EXPECT_TRUE(Eventually([this] { return See().baseline.in_flight == 0; }));
  EXPECT_EQ(See().baseline.requests_total, 25);
  EXPECT_EQ(See().canary.requests_total, 0);
}

TEST_F(HaproxySplit, CountsTheRequestsThatHaveNotEnded) {
  b_->Hold(true);
  ASSERT_TRUE(router_->Apply(kRoute, Weight::Whole(), Soon()).ok());
  std::thread client([port = proxy_->port()] { EXPECT_TRUE(GetLetters(port, 1).ok()); });
  EXPECT_TRUE(Eventually([this] { return See().canary.in_flight == 1; }));
  b_->Hold(false);
  client.join();
  EXPECT_TRUE(Eventually([this] { return See().canary.in_flight == 0; }));
}

TEST_F(HaproxySplit, ShowsAServerThatItsHealthCheckFindsDown) {
  EXPECT_TRUE(See().canary.up);
  b_.reset();
  EXPECT_TRUE(Eventually([this] { return !See().canary.up; }));
  EXPECT_TRUE(See().baseline.up);
}

TEST_F(HaproxySplit, AServerInMaintenanceIsDownAndADrainingOneIsUp) {
  const auto socket = RuntimeSocket::Parse(proxy_->socket()).value();
  ASSERT_EQ(socket.Ask("set server checkout/a state drain", Soon()), "");
  EXPECT_TRUE(See().baseline.up);
  ASSERT_EQ(socket.Ask("set server checkout/a state maint", Soon()), "");
  EXPECT_FALSE(See().baseline.up);
  EXPECT_EQ(See().baseline.share, Weight::Whole());
}

TEST(HaproxyReal, FailsWhileHaproxyIsGoneAndWorksOnceItIsBack) {
  const auto proxy = StartIdle();
  ASSERT_NE(proxy, nullptr);
  HaproxyRouter router = RouterAt(proxy->socket());
  ASSERT_TRUE(router.Apply(kRoute, Bp(5000), Soon()).ok());
  proxy->Kill();
  const auto gone = router.Apply(kRoute, Bp(5000), Soon());
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(gone.error().message, HasSubstr("connect: Connection refused"));
  EXPECT_EQ(router.Observe(kRoute, Soon()).error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(proxy->Restart().ok());
  EXPECT_EQ(router.Apply(kRoute, Bp(5000), Soon()), Bp(5000));
}

TEST(HaproxyReal, WorksOverTcpToo) {
  const auto proxy = StartIdle();
  ASSERT_NE(proxy, nullptr);
  HaproxyRouter router = RouterAt(proxy->tcp_socket());
  EXPECT_EQ(router.Apply(kRoute, Bp(5000), Soon()), Bp(5000));
}

TEST(HaproxyReal, SaysThatTheSocketsLevelMayOnlyLook) {
  const auto proxy = StartIdle();
  ASSERT_NE(proxy, nullptr);
  HaproxyRouter router = RouterAt(proxy->operator_socket());
  EXPECT_TRUE(router.Observe(kRoute, Soon()).ok());
  const auto applied = router.Apply(kRoute, Bp(5000), Soon());
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kPermissionDenied);
}

TEST(HaproxyReal, SaysThatAStaticAlgorithmTakesNoWeights) {
  const auto proxy = StartIdle("", "static-rr");
  ASSERT_NE(proxy, nullptr);
  HaproxyRouter router = RouterAt(proxy->socket());
  const auto applied = router.Apply(kRoute, Bp(5000), Soon());
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(applied.error().message, HasSubstr("static LB algorithm"));
}

// Also what is no share of single draws: a hash, the least busy, a fixed order.
TEST(HaproxyReal, SaysWhichBackendDoesNotDrawAtRandomAndWhatToPaste) {
  for (const std::string algorithm : {"roundrobin", "static-rr", "leastconn", "source", "uri"}) {
    const auto proxy = StartIdle("", algorithm);
    ASSERT_NE(proxy, nullptr);
    const auto view = RouterAt(proxy->socket()).Observe(kRoute, Soon());
    ASSERT_TRUE(view.ok()) << view.error().message;
    EXPECT_EQ(view->proxies.front().draw, Draw::kNotRandom) << algorithm;
    EXPECT_THAT(WhoDraws(*view, Draw::kNotRandom),
                AllOf(HasSubstr(proxy->socket()), HasSubstr("backend 'checkout'"),
                      HasSubstr("'" + algorithm + "'"), HasSubstr("`balance random(1)`"),
                      HasSubstr("`retries 0`"), HasSubstr("`auspex check`")));
  }
}

// HAProxy tells nobody how many servers it draws.
TEST(HaproxyReal, KnowsARandomBackendAtTheLevelsThatTellIt) {
  for (const std::string algorithm : {"random(1)", "random"}) {
    const auto proxy = StartIdle("", algorithm);
    ASSERT_NE(proxy, nullptr);
    for (const std::string& socket : {proxy->socket(), proxy->operator_socket()}) {
      const auto view = RouterAt(socket).Observe(kRoute, Soon());
      ASSERT_TRUE(view.ok()) << view.error().message;
      EXPECT_EQ(view->proxies.front().draw, Draw::kRandom) << algorithm;
    }
  }
}

TEST(HaproxyReal, SaysThatALowerLevelDoesNotTellTheAlgorithm) {
  const auto proxy = StartIdle("", "roundrobin");
  ASSERT_NE(proxy, nullptr);
  const auto view = RouterAt(proxy->user_socket()).Observe(kRoute, Soon());
  ASSERT_TRUE(view.ok()) << view.error().message;
  EXPECT_EQ(view->proxies.front().draw, Draw::kUnknown);
  EXPECT_THAT(WhoDraws(*view, Draw::kUnknown),
              AllOf(HasSubstr(proxy->user_socket()), HasSubstr("nobody checked"),
                    HasSubstr("level operator")));
}

TEST(HaproxyReal, RefusesAThirdServerWithAWeightButNeverARollback) {
  const auto proxy = StartIdle("  server c 127.0.0.1:9 weight 10\n");
  ASSERT_NE(proxy, nullptr);
  HaproxyRouter router = RouterAt(proxy->socket());
  const auto applied = router.Apply(kRoute, Bp(5000), Soon());
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(applied.error().message, HasSubstr("besides 'a' and 'b': c;"));
  EXPECT_EQ(router.Observe(kRoute, Soon()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(router.Apply(kRoute, Weight::Zero(), Soon()), Weight::Zero());
}

TEST(HaproxyReal, LetsBackupServersAndThoseWithoutWeightBe) {
  const auto proxy =
      StartIdle("  server c 127.0.0.1:9 weight 10 backup\n  server d 127.0.0.1:9 weight 0\n");
  ASSERT_NE(proxy, nullptr);
  HaproxyRouter router = RouterAt(proxy->socket());
  EXPECT_EQ(router.Apply(kRoute, Bp(5000), Soon()), Bp(5000));
  EXPECT_TRUE(router.Observe(kRoute, Soon()).ok());
}

// `show stat checkout` would show the frontend.
TEST(HaproxyReal, ReadsTheBackendWhereAFrontendHasItsName) {
  const auto proxy = StartIdle("frontend checkout\n  default_backend checkout\n");
  ASSERT_NE(proxy, nullptr);
  HaproxyRouter router = RouterAt(proxy->socket());
  const auto view = router.Observe(kRoute, Soon());
  EXPECT_TRUE(view.ok()) << view.error().message;
}

TEST(HaproxyReal, ReachesAShareFromAnyWeightsOfTheFile) {
  const auto proxy = StartIdle(
      "backend equal\n  balance random(1)\n  server a 127.0.0.1:9 weight 100\n"
      "  server b 127.0.0.1:9 weight 100\n"
      "backend nobody\n  balance random(1)\n  server a 127.0.0.1:9 weight 0\n"
      "  server b 127.0.0.1:9 weight 0\n");
  ASSERT_NE(proxy, nullptr);
  HaproxyRouter router = RouterAt(proxy->socket());
  const Route equal{.backend = "equal", .baseline = "a", .canary = "b"};
  const Route nobody{.backend = "nobody", .baseline = "a", .canary = "b"};
  EXPECT_EQ(router.Observe(equal, Soon()).value().weight, Bp(5000));
  EXPECT_EQ(router.Observe(nobody, Soon()).value().baseline.share, Weight::Zero());
  EXPECT_EQ(router.Apply(equal, Bp(39), Soon()), Bp(39));
  EXPECT_EQ(router.Apply(nobody, Weight::Zero(), Soon()), Weight::Zero());
  EXPECT_EQ(router.Observe(nobody, Soon()).value().baseline.share, Weight::Whole());
}

}  // namespace
}  // namespace auspex::traffic
