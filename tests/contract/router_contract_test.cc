#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
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

// A router and the proxy behind it.
class World {
 public:
  virtual ~World() = default;
  virtual Router& router() = 0;
  virtual void RestartTheProxy() = 0;
  // Until Thaw, the proxy answers nothing.
  virtual void Freeze() = 0;
  virtual void Thaw() = 0;
};

class MemoryWorld final : public World {
 public:
  explicit MemoryWorld(std::int32_t step_bp) : router_(step_bp) {
    router_.AddRoute(kRoute, Bp(kFileBp));
  }
  Router& router() override { return router_; }
  void RestartTheProxy() override { router_.Restart(); }
  void Freeze() override { router_.SetUnavailable("the deadline passed"); }
  void Thaw() override { router_.SetUnavailable(""); }

 private:
  MemoryRouter router_;
};

class HaproxyWorld final : public World {
 public:
  static std::unique_ptr<World> Make() {
    auto proxy = HaproxyRig::Start(
        "backend checkout\n  balance random(1)\n  server a 127.0.0.1:9 weight 256\n"
        "  server b 127.0.0.1:9 weight 0\n");
    EXPECT_TRUE(proxy.ok()) << proxy.error().message;
    if (!proxy.ok()) return nullptr;
    return std::make_unique<HaproxyWorld>(*std::move(proxy));
  }
  explicit HaproxyWorld(std::unique_ptr<HaproxyRig> proxy)
      : proxy_(std::move(proxy)), router_(RuntimeSocket::Parse(proxy_->socket()).value(), 20s) {}
  Router& router() override { return router_; }
  void RestartTheProxy() override {
    const auto restarted = proxy_->Restart();
    ASSERT_TRUE(restarted.ok()) << restarted.error().message;
  }
  void Freeze() override { proxy_->Freeze(); }
  void Thaw() override { proxy_->Thaw(); }

 private:
  std::unique_ptr<HaproxyRig> proxy_;
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
  return {{"haproxy", "", HaproxyWorld::Make},
          {"memory", "", [] { return std::make_unique<MemoryWorld>(1); }},
          {"memory", "step39", [] { return std::make_unique<MemoryWorld>(39); }}};
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
  world_->Freeze();
  const auto applied = router().Apply(kRoute, Bp(500), In(50ms));
  const auto seen = router().Observe(kRoute, In(50ms));
  world_->Thaw();
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kUnavailable) << applied.error().message;
  ASSERT_FALSE(seen.ok());
  EXPECT_EQ(seen.error().code, ErrorCode::kUnavailable) << seen.error().message;
  EXPECT_EQ(Given(Bp(500)), router().Nearest(Bp(500)));
}

TEST_P(RouterContract, AfterARestartObserveShowsTheFilesWeights) {
  ASSERT_NE(Given(Bp(5000)), Bp(kFileBp));
  world_->RestartTheProxy();
  EXPECT_EQ(See().weight, Bp(kFileBp));
  EXPECT_EQ(Given(Bp(5000)), router().Nearest(Bp(5000)));
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
