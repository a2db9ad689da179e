#include "auspex/traffic/memory/memory_router.h"

#include <gtest/gtest.h>

namespace auspex::traffic {
namespace {

const Route kRoute{.backend = "checkout", .baseline = "a", .canary = "b"};

Weight Bp(std::int32_t bp) { return Weight::FromBp(bp).value(); }

TEST(MemoryRouter, GivesEveryBasisPointExactly) {
  const MemoryRouter router;
  for (std::int32_t bp = 0; bp <= Weight::kWholeBp; ++bp) ASSERT_EQ(router.Nearest(Bp(bp)), Bp(bp));
}

TEST(MemoryRouter, GivesMultiplesOfItsStepAndTheWhole) {
  const MemoryRouter router(30);
  EXPECT_EQ(router.Nearest(Bp(1)), Bp(30));
  EXPECT_EQ(router.Nearest(Bp(44)), Bp(30));
  EXPECT_EQ(router.Nearest(Bp(45)), Bp(60));
  EXPECT_EQ(router.Nearest(Bp(9999)), Bp(9990));
  EXPECT_EQ(router.Nearest(Weight::Whole()), Weight::Whole());
}

TEST(MemoryRouter, TheSlotsMayChangeRoles) {
  MemoryRouter router;
  router.AddRoute(kRoute);
  ASSERT_TRUE(router.Apply(kRoute, Weight::Whole(), {}).ok());
  const Route next{.backend = "checkout", .baseline = "b", .canary = "a"};
  const auto view = router.Observe(next, {});
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->weight, Weight::Zero());
}

TEST(MemoryRouter, ShowsTheServersAsTheyWereSet) {
  MemoryRouter router;
  router.AddRoute(kRoute);
  ASSERT_TRUE(router.SetServer("checkout", "b", false, 7, 40).ok());
  const auto view = router.Observe(kRoute, {});
  ASSERT_TRUE(view.ok());
  EXPECT_FALSE(view->canary.up);
  EXPECT_EQ(view->canary.in_flight, 7);
  EXPECT_EQ(view->canary.requests_total, 40);
  EXPECT_TRUE(view->baseline.up);
  EXPECT_EQ(router.SetServer("checkout", "z", true, 0, 0).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(router.SetServer("cart", "b", true, 0, 0).error().code, ErrorCode::kNotFound);
}

TEST(MemoryRouter, FailsWithItsReasonUntilItIsAvailableAgain) {
  MemoryRouter router;
  router.AddRoute(kRoute);
  router.SetUnavailable("cable cut");
  const auto applied = router.Apply(kRoute, Bp(500), {});
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error(), (Error{ErrorCode::kUnavailable, "memory: cable cut"}));
  router.SetUnavailable("");
  const auto view = router.Observe(kRoute, {});
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->weight, Weight::Zero());
}

}  // namespace
}  // namespace auspex::traffic
