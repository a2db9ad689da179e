#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "auspex/traffic/haproxy/haproxy_router.h"
#include "auspex/traffic/memory/memory_router.h"
#include "auspex/traffic/register_routers.h"
#include "auspex/traffic/router.h"
#include "tests/traffic/haproxy_rig.h"

// What every Router promises, over the outside world of each.
namespace auspex::traffic {
namespace {

using auspex::testing::HaproxyRig;

const Route kRoute{.backend = "checkout", .baseline = "a", .canary = "b"};
// What the proxy's file gives the canary of kRoute.
constexpr std::int32_t kFileBp = 0;

MonotonicTime In(Duration duration) { return std::chrono::steady_clock::now() + duration; }
MonotonicTime Soon() { return In(20s); }
Weight Bp(std::int32_t bp) { return Weight::FromBp(bp).value(); }

// A router and the proxies behind it. `last`: the last of them, which may be the only one.
class World {
 public:
  virtual ~World() = default;
  virtual Router& router() = 0;
  virtual std::size_t proxies() const { return 1; }
  virtual void RestartTheLast() = 0;
  // Until Thaw, the last proxy answers nothing.
  virtual void FreezeTheLast() = 0;
  virtual void Thaw() = 0;
  // At every proxy, from now on.
  virtual void TakeTheBaselineDown() = 0;
};

class MemoryWorld final : public World {
 public:
  explicit MemoryWorld(std::int32_t step_bp, std::size_t proxies = 1)
      : proxies_(proxies), router_(step_bp, proxies) {
    router_.AddRoute(kRoute, Bp(kFileBp));
  }
  Router& router() override { return router_; }
  std::size_t proxies() const override { return proxies_; }
  void RestartTheLast() override { router_.Restart(proxies_ - 1); }
  void FreezeTheLast() override { router_.SetUnavailable("the deadline passed", proxies_ - 1); }
  void Thaw() override { router_.SetUnavailable(""); }
  void TakeTheBaselineDown() override {
    ASSERT_TRUE(router_.SetServer(kRoute.backend, kRoute.baseline, false, 0, 0).ok());
  }

 private:
  const std::size_t proxies_;
  MemoryRouter router_;
};

class HaproxyWorld final : public World {
 public:
  static std::unique_ptr<World> Make(std::size_t count) {
    std::vector<std::unique_ptr<HaproxyRig>> proxies;
    for (std::size_t i = 0; i < count; ++i) {
      auto proxy = HaproxyRig::Start(
          "backend checkout\n  balance random(1)\n  server a 127.0.0.1:9 weight 256\n"
          "  server b 127.0.0.1:9 weight 0\n");
      EXPECT_TRUE(proxy.ok()) << proxy.error().message;
      if (!proxy.ok()) return nullptr;
      proxies.push_back(*std::move(proxy));
    }
    return std::make_unique<HaproxyWorld>(std::move(proxies));
  }
  explicit HaproxyWorld(std::vector<std::unique_ptr<HaproxyRig>> proxies)
      : proxies_(std::move(proxies)), router_(SocketsOf(proxies_), 20s) {}
  Router& router() override { return router_; }
  std::size_t proxies() const override { return proxies_.size(); }
  void RestartTheLast() override {
    const auto restarted = proxies_.back()->Restart();
    ASSERT_TRUE(restarted.ok()) << restarted.error().message;
  }
  void FreezeTheLast() override { proxies_.back()->Freeze(); }
  void Thaw() override { proxies_.back()->Thaw(); }
  void TakeTheBaselineDown() override {
    for (const RuntimeSocket& socket : SocketsOf(proxies_))
      ASSERT_EQ(socket.Ask("set server checkout/a state maint", Soon()), "");
  }

 private:
  static std::vector<RuntimeSocket> SocketsOf(
      const std::vector<std::unique_ptr<HaproxyRig>>& proxies) {
    std::vector<RuntimeSocket> sockets;
    for (const auto& proxy : proxies)
      sockets.push_back(RuntimeSocket::Parse(proxy->socket()).value());
    return sockets;
  }

  std::vector<std::unique_ptr<HaproxyRig>> proxies_;
  HaproxyRouter router_;
};

struct RouterRig {
  std::string name;     // of the registry
  std::string variant;  // of the rig
  std::function<std::unique_ptr<World>()> make;
};

// For the names of the tests; the default prints bytes, which differ from run to run.
void PrintTo(const RouterRig& rig, std::ostream* out) { *out << rig.name << rig.variant; }

std::vector<RouterRig> AllRouterRigs() {
  return {{"haproxy", "", [] { return HaproxyWorld::Make(1); }},
          {"haproxy", "two", [] { return HaproxyWorld::Make(2); }},
          {"memory", "", [] { return std::make_unique<MemoryWorld>(1); }},
          {"memory", "step39", [] { return std::make_unique<MemoryWorld>(39); }},
          {"memory", "two", [] { return std::make_unique<MemoryWorld>(1, 2); }}};
}

class RouterContract : public ::testing::TestWithParam<RouterRig> {
 protected:
  void SetUp() override {
    world_ = GetParam().make();
    ASSERT_NE(world_, nullptr);
  }

  Router& router() { return world_->router(); }

  Weight Given(Weight weight) {
    const auto given = router().Apply(kRoute, weight, Soon());
    EXPECT_TRUE(given.ok()) << given.error().message;
    return given.value_or(Weight::Zero());
  }

  RouteView See() {
    const auto view = router().Observe(kRoute, Soon());
    EXPECT_TRUE(view.ok()) << view.error().message;
    return view.value_or(RouteView{});
  }

  std::unique_ptr<World> world_;
};

TEST_P(RouterContract, ApplyingTheSameWeightTwiceSucceeds) {
  const Weight given = Given(Bp(500));
  EXPECT_EQ(Given(Bp(500)), given);
  EXPECT_EQ(Given(given), given);
  EXPECT_EQ(See().weight, given);
}

TEST_P(RouterContract, ObserveShowsWhatApplyGave) {
  for (const std::int32_t bp : {0, 39, 500, 5000, 9961, 10'000, 0}) {
    const Weight given = Given(Bp(bp));
    const RouteView view = See();
    EXPECT_EQ(view.weight, given);
    EXPECT_EQ(view.canary.share, given);
    EXPECT_EQ(view.baseline.share.bp(), Weight::kWholeBp - given.bp());
    EXPECT_TRUE(view.canary.up);
    EXPECT_TRUE(view.baseline.up);
    EXPECT_EQ(view.canary.in_flight, 0);
    EXPECT_EQ(view.baseline.requests_total, 0);
  }
}

TEST_P(RouterContract, NothingAndTheWholeAreExact) {
  EXPECT_EQ(Given(Weight::Whole()), Weight::Whole());
  EXPECT_EQ(See().weight, Weight::Whole());
  EXPECT_EQ(Given(Weight::Zero()), Weight::Zero());
  EXPECT_EQ(See().weight, Weight::Zero());
}

TEST_P(RouterContract, TheSmallestWeightIsAboveNothingAndTheLargestBelowTheWhole) {
  EXPECT_GT(Given(Bp(1)), Weight::Zero());
  EXPECT_GT(See().weight, Weight::Zero());
  EXPECT_LT(Given(Bp(9999)), Weight::Whole());
  EXPECT_LT(See().weight, Weight::Whole());
}

TEST_P(RouterContract, NearestIsWhatApplyGives) {
  std::vector<std::int32_t> asked = {1,    19,   38,   39,   40,   58,   59,
                                     4994, 4995, 4996, 5004, 5005, 9961, 9999};
  for (std::int32_t bp = 0; bp <= Weight::kWholeBp; bp += 80) asked.push_back(bp);
  for (const std::int32_t bp : asked) {
    ASSERT_EQ(router().Nearest(Bp(bp)), Given(Bp(bp))) << bp << " bp";
  }
}

TEST_P(RouterContract, NearestIsMonotoneAndNearestToItself) {
  const Router& router = world_->router();
  EXPECT_TRUE(rc::check("nearest", [&router] {
    const auto any =
        rc::gen::oneOf(rc::gen::inRange(0, Weight::kWholeBp + 1), rc::gen::inRange(0, 80),
                       rc::gen::inRange(9920, Weight::kWholeBp + 1));
    const auto [less, more] = std::minmax({*any, *any});
    RC_ASSERT(router.Nearest(Bp(less)) <= router.Nearest(Bp(more)));
    RC_ASSERT(router.Nearest(router.Nearest(Bp(less))) == router.Nearest(Bp(less)));
  }));
}

TEST_P(RouterContract, AnUnknownBackendOrServerIsNotFound) {
  for (const Route& route : {Route{.backend = "cart", .baseline = "a", .canary = "b"},
                             Route{.backend = "checkout", .baseline = "z", .canary = "b"},
                             Route{.backend = "checkout", .baseline = "a", .canary = "z"}}) {
    const auto applied = router().Apply(route, Bp(500), Soon());
    ASSERT_FALSE(applied.ok());
    EXPECT_EQ(applied.error().code, ErrorCode::kNotFound) << applied.error().message;
    const auto seen = router().Observe(route, Soon());
    ASSERT_FALSE(seen.ok());
    EXPECT_EQ(seen.error().code, ErrorCode::kNotFound) << seen.error().message;
  }
  EXPECT_EQ(See().weight, Bp(kFileBp));
}

TEST_P(RouterContract, OneServerForBothSlotsIsRefused) {
  const auto applied =
      router().Apply({.backend = "checkout", .baseline = "a", .canary = "a"}, Bp(500), Soon());
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalidArgument);
}

TEST_P(RouterContract, TheSlotsMayChangeRoles) {
  ASSERT_EQ(Given(Weight::Whole()), Weight::Whole());
  const Route next{.backend = "checkout", .baseline = "b", .canary = "a"};
  const auto view = router().Observe(next, Soon());
  ASSERT_TRUE(view.ok()) << view.error().message;
  EXPECT_EQ(view->weight, Weight::Zero());
  EXPECT_EQ(router().Apply(next, Bp(5000), Soon()), router().Nearest(Bp(5000)));
}

TEST_P(RouterContract, AProxyThatDoesNotAnswerIsUnavailableAtTheDeadline) {
  world_->FreezeTheLast();
  const auto applied = router().Apply(kRoute, Bp(500), In(50ms));
  const auto evicted = router().Evict(kRoute, In(50ms));
  const auto admitted = router().Admit(kRoute, In(50ms));
  const auto seen = router().Observe(kRoute, In(50ms));
  world_->Thaw();
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kUnavailable) << applied.error().message;
  ASSERT_FALSE(evicted.ok());
  EXPECT_EQ(evicted.error().code, ErrorCode::kUnavailable) << evicted.error().message;
  ASSERT_FALSE(admitted.ok());
  EXPECT_EQ(admitted.error().code, ErrorCode::kUnavailable) << admitted.error().message;
  if (world_->proxies() == 1) {
    ASSERT_FALSE(seen.ok());
    EXPECT_EQ(seen.error().code, ErrorCode::kUnavailable) << seen.error().message;
  } else {
    ASSERT_TRUE(seen.ok()) << seen.error().message;
    EXPECT_TRUE(seen->proxies.back().error.has_value());
    EXPECT_FALSE(WhoDisobeys(*seen, seen->weight).empty());
  }
  ASSERT_TRUE(router().Admit(kRoute, Soon()).ok());
  EXPECT_EQ(Given(Bp(500)), router().Nearest(Bp(500)));
  EXPECT_EQ(WhoDisobeys(See(), router().Nearest(Bp(500))), "");
}

TEST_P(RouterContract, AfterARestartObserveShowsTheFilesWeights) {
  const Weight given = Given(Bp(5000));
  ASSERT_NE(given, Bp(kFileBp));
  EXPECT_EQ(WhoDisobeys(See(), given), "");
  world_->RestartTheLast();
  EXPECT_EQ(See().proxies.back().canary.share, Bp(kFileBp));
  EXPECT_NE(WhoDisobeys(See(), given), "");
  EXPECT_EQ(Given(Bp(5000)), given);
  EXPECT_EQ(WhoDisobeys(See(), given), "");
}

TEST_P(RouterContract, ObserveShowsEachProxyByAName) {
  const RouteView view = See();
  ASSERT_EQ(view.proxies.size(), world_->proxies());
  std::set<std::string> names;
  for (const ProxyView& proxy : view.proxies) {
    EXPECT_FALSE(proxy.error.has_value());
    names.insert(proxy.name);
  }
  EXPECT_EQ(names.size(), world_->proxies());
}

TEST_P(RouterContract, AnEvictedCanaryIsDownAtWeightZeroUntilItIsAdmitted) {
  ASSERT_GT(Given(Bp(5000)), Weight::Zero());
  for (int twice = 0; twice < 2; ++twice) {
    const auto evicted = router().Evict(kRoute, Soon());
    ASSERT_TRUE(evicted.ok()) << evicted.error().message;
    EXPECT_TRUE(See().canary.maintenance);
    EXPECT_FALSE(See().canary.up);
    EXPECT_EQ(WhoDisobeys(See(), Weight::Zero()), "");
    EXPECT_TRUE(See().baseline.up);
    EXPECT_FALSE(See().baseline.maintenance);
  }
  // A weight does not let it back.
  EXPECT_EQ(Given(Weight::Zero()), Weight::Zero());
  EXPECT_TRUE(See().canary.maintenance);
  for (int twice = 0; twice < 2; ++twice) {
    const auto admitted = router().Admit(kRoute, Soon());
    ASSERT_TRUE(admitted.ok()) << admitted.error().message;
    EXPECT_FALSE(See().canary.maintenance);
    EXPECT_TRUE(See().canary.up);
    EXPECT_EQ(See().weight, Weight::Zero());
  }
  // Where nothing is set aside the weight stays.
  const Weight given = Given(Bp(5000));
  ASSERT_TRUE(router().Admit(kRoute, Soon()).ok());
  EXPECT_EQ(See().weight, given);
}

TEST_P(RouterContract, EvictTakesTheWeightButLeavesTheLastServerThatIsUp) {
  ASSERT_GT(Given(Bp(5000)), Weight::Zero());
  world_->TakeTheBaselineDown();
  const auto evicted = router().Evict(kRoute, Soon());
  ASSERT_FALSE(evicted.ok());
  EXPECT_EQ(evicted.error().code, ErrorCode::kUnavailable) << evicted.error().message;
  EXPECT_EQ(See().weight, Weight::Zero());
  EXPECT_FALSE(See().canary.maintenance);
}

TEST_P(RouterContract, EvictAndAdmitKnowTheirRoutes) {
  for (const Route& route : {Route{.backend = "cart", .baseline = "a", .canary = "b"},
                             Route{.backend = "checkout", .baseline = "a", .canary = "z"}}) {
    EXPECT_EQ(router().Evict(route, Soon()).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(router().Admit(route, Soon()).error().code, ErrorCode::kNotFound);
  }
  const Route same{.backend = "checkout", .baseline = "a", .canary = "a"};
  EXPECT_EQ(router().Evict(same, Soon()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(router().Admit(same, Soon()).error().code, ErrorCode::kInvalidArgument);
}

TEST_P(RouterContract, SeveralThreadsMayApplyAndObserveAtOnce) {
  constexpr int kRounds = 10;
  const std::vector<std::int32_t> weights = {0, 500, 5000, 10'000};
  std::atomic<int> failures = 0;
  std::atomic<int> moments_of_nobody = 0;
  std::vector<std::thread> threads;
  for (const std::int32_t bp : weights) {
    threads.emplace_back([this, bp, &failures, &moments_of_nobody] {
      for (int round = 0; round < kRounds; ++round) {
        if (!router().Apply(kRoute, Bp(bp), Soon()).ok()) ++failures;
        const auto view = router().Observe(kRoute, Soon());
        if (!view.ok()) {
          ++failures;
        } else if (view->canary.share.bp() + view->baseline.share.bp() != Weight::kWholeBp) {
          ++moments_of_nobody;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(moments_of_nobody, 0);
  // The last word of one of them, not a mixture.
  const Weight last = See().weight;
  EXPECT_EQ(WhoDisobeys(See(), last), "");
  EXPECT_TRUE(std::any_of(weights.begin(), weights.end(), [&](std::int32_t bp) {
    return router().Nearest(Bp(bp)) == last;
  })) << last.ToPercent();
}

std::string RigName(const ::testing::TestParamInfo<RouterRig>& info) {
  return info.param.name + info.param.variant;
}

INSTANTIATE_TEST_SUITE_P(Every, RouterContract, ::testing::ValuesIn(AllRouterRigs()), RigName);

TEST(RouterContractCoverage, EveryRegisteredRouterHasARig) {
  RouterRegistry routers;
  RegisterRouters(routers);
  std::vector<std::string> names;
  for (const RouterRig& rig : AllRouterRigs()) names.push_back(rig.name);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  EXPECT_EQ(routers.Names(), names);
}

}  // namespace
}  // namespace auspex::traffic
