#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "auspex/traffic/haproxy/haproxy_router.h"
#include "tests/traffic/eventually.h"
#include "tests/traffic/haproxy_rig.h"
#include "tests/traffic/tiny_http.h"

// Two real HAProxies of one service, of which one fails.
namespace auspex::traffic {
namespace {

using auspex::testing::Eventually;
using auspex::testing::GetLetters;
using auspex::testing::HaproxyRig;
using auspex::testing::TinyHttpServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const Route kRoute{.backend = "checkout", .baseline = "a", .canary = "b"};

MonotonicTime In(Duration duration) { return std::chrono::steady_clock::now() + duration; }
MonotonicTime Soon() { return In(20s); }

class TwoHaproxies : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<RuntimeSocket> sockets;
    for (auto& proxy : proxies_) {
      auto started =
          HaproxyRig::Start(fmt::format("backend checkout\n  balance random(1)\n"
                                        "  server a 127.0.0.1:{} weight 256 check inter 50ms\n"
                                        "  server b 127.0.0.1:{} weight 0 check inter 50ms\n",
                                        a_.port(), b_->port()));
      ASSERT_TRUE(started.ok()) << started.error().message;
      proxy = *std::move(started);
      sockets.push_back(RuntimeSocket::Parse(proxy->socket()).value());
    }
    router_ = std::make_unique<HaproxyRouter>(std::move(sockets), 20s, 0s);
  }

  const std::string& SocketOf(std::size_t i) { return proxies_.at(i)->socket(); }
  RouteView See(MonotonicTime deadline = Soon()) {
    const auto view = router_->Observe(kRoute, deadline);
    EXPECT_TRUE(view.ok()) << view.error().message;
    return view.value_or(RouteView{});
  }

  TinyHttpServer a_{'a'};
  std::unique_ptr<TinyHttpServer> b_ = std::make_unique<TinyHttpServer>('b');
  std::array<std::unique_ptr<HaproxyRig>, 2> proxies_;
  std::unique_ptr<HaproxyRouter> router_;
};

TEST_F(TwoHaproxies, BothSendTheShareAndTheirCountsAreSummed) {
  ASSERT_EQ(router_->Apply(kRoute, Weight::Whole(), Soon()), Weight::Whole());
  EXPECT_EQ(GetLetters(proxies_[0]->port(), 10).value(), std::string(10, 'b'));
  EXPECT_EQ(GetLetters(proxies_[1]->port(), 5).value(), std::string(5, 'b'));
  EXPECT_TRUE(Eventually([this] { return See().canary.in_flight == 0; }));
  const RouteView view = See();
  EXPECT_EQ(view.canary.requests_total, 15);
  EXPECT_EQ(view.proxies.at(0).canary.requests_total, 10);
  EXPECT_EQ(view.proxies.at(1).name, SocketOf(1));
  EXPECT_EQ(WhoDisobeys(view, Weight::Whole()), "");
}

// So that their log lines can be told apart.
TEST_F(TwoHaproxies, EachSaysWhichProcessItIs) {
  const RouteView view = See();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(view.proxies.at(i).process, proxies_[i]->ServingPid());
    EXPECT_NE(view.proxies.at(i).host, "");
  }
}

// A rollback reaches those that it can, at once, and is no success.
TEST_F(TwoHaproxies, AFrozenOneStopsNoneOfTheOthersAndIsNamed) {
  ASSERT_TRUE(router_->Apply(kRoute, Weight::Whole(), Soon()).ok());
  proxies_[0]->Freeze();
  const auto applied = router_->Apply(kRoute, Weight::Zero(), In(300ms));
  const RouteView view = See(In(300ms));
  proxies_[0]->Thaw();
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(applied.error().message,
              AllOf(StartsWith("1 of 2 proxies did not take the weight 0%: "),
                    HasSubstr(SocketOf(0)), Not(HasSubstr(SocketOf(1)))));
  ASSERT_TRUE(view.proxies.at(0).error.has_value());
  EXPECT_FALSE(view.proxies.at(1).error.has_value());
  EXPECT_EQ(view.proxies.at(1).canary.share, Weight::Zero());
  EXPECT_THAT(WhoDisobeys(view, Weight::Zero()),
              AllOf(HasSubstr(SocketOf(0)), HasSubstr("the deadline passed")));
  // It comes back with the old weight.
  EXPECT_EQ(WhoDisobeys(See(), Weight::Zero()),
            fmt::format("the proxy at {} has the weight 100% instead of 0%", SocketOf(0)));
  ASSERT_TRUE(router_->Apply(kRoute, Weight::Zero(), Soon()).ok());
  EXPECT_EQ(WhoDisobeys(See(), Weight::Zero()), "");
}

TEST_F(TwoHaproxies, OneThatReturnsWithItsFilesWeightsIsNamedAndSetAgain) {
  ASSERT_TRUE(router_->Apply(kRoute, Weight::Whole(), Soon()).ok());
  proxies_[1]->Kill();
  EXPECT_THAT(WhoDisobeys(See(), Weight::Whole()),
              AllOf(HasSubstr(SocketOf(1)), HasSubstr("Connection refused")));
  EXPECT_FALSE(router_->Apply(kRoute, Weight::Whole(), Soon()).ok());
  ASSERT_TRUE(proxies_[1]->Restart().ok());
  EXPECT_EQ(WhoDisobeys(See(), Weight::Whole()),
            fmt::format("the proxy at {} has the weight 0% instead of 100%", SocketOf(1)));
  ASSERT_TRUE(router_->Apply(kRoute, Weight::Whole(), Soon()).ok());
  EXPECT_EQ(GetLetters(proxies_[1]->port(), 5).value(), std::string(5, 'b'));
}

TEST_F(TwoHaproxies, HealthIsThatOfTheProxiesThatAnswer) {
  proxies_[0]->Kill();
  EXPECT_TRUE(See().canary.up);
  b_.reset();
  EXPECT_TRUE(Eventually([this] { return !See().canary.up; }));
  EXPECT_TRUE(See().baseline.up);
  // One that was just started has not checked yet and takes the server for up.
  ASSERT_TRUE(proxies_[0]->Restart().ok());
  EXPECT_TRUE(Eventually([this] {
    const RouteView view = See();
    return !view.proxies.at(0).error && !view.canary.up;
  }));
}

TEST_F(TwoHaproxies, FailsOnceNoneAnswers) {
  for (auto& proxy : proxies_) proxy->Kill();
  const auto seen = router_->Observe(kRoute, Soon());
  ASSERT_FALSE(seen.ok());
  EXPECT_THAT(seen.error().message, AllOf(StartsWith("none of the 2 proxies answers: "),
                                          HasSubstr(SocketOf(0)), HasSubstr(SocketOf(1))));
}

TEST_F(TwoHaproxies, EvictionIsNoSuccessUntilBothHaveIt) {
  proxies_[1]->Kill();
  const auto evicted = router_->Evict(kRoute, Soon());
  ASSERT_FALSE(evicted.ok());
  EXPECT_THAT(evicted.error().message,
              AllOf(StartsWith("1 of 2 proxies did not evict the canary"), HasSubstr(SocketOf(1))));
  EXPECT_TRUE(See().proxies.at(0).canary.maintenance);
  ASSERT_TRUE(proxies_[1]->Restart().ok());
  ASSERT_TRUE(router_->Evict(kRoute, Soon()).ok());
  EXPECT_TRUE(See().proxies.at(1).canary.maintenance);
}

}  // namespace
}  // namespace auspex::traffic
