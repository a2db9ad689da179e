#include "auspex/traffic/haproxy/weight_pair.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace auspex::traffic {
namespace {

Weight Bp(std::int32_t bp) { return Weight::FromBp(bp).value(); }

double Share(const WeightPair& pair) {
  return static_cast<double>(pair.canary) / (pair.canary + pair.baseline);
}

std::vector<WeightPair> AllPairs() {
  std::vector<WeightPair> pairs;
  for (int n = 0; n <= 256; ++n) pairs.push_back({.canary = n, .baseline = 256});
  for (int n = 255; n >= 0; --n) pairs.push_back({.canary = 256, .baseline = n});
  return pairs;
}

TEST(NearestPair, NothingAndTheWholeAreExact) {
  EXPECT_EQ(NearestPair(Weight::Zero()), (WeightPair{.canary = 0, .baseline = 256}));
  EXPECT_EQ(NearestPair(Weight::Whole()), (WeightPair{.canary = 256, .baseline = 0}));
  EXPECT_EQ(NearestPair(Bp(5000)), (WeightPair{.canary = 256, .baseline = 256}));
}

TEST(NearestPair, AnythingBetweenGivesBothServersTheSmallestStepAtLeast) {
  EXPECT_EQ(NearestPair(Bp(1)), (WeightPair{.canary = 1, .baseline = 256}));
  EXPECT_EQ(NearestPair(Bp(9999)), (WeightPair{.canary = 256, .baseline = 1}));
  EXPECT_EQ(ShareOf(NearestPair(Bp(1))), Bp(39));
  EXPECT_EQ(ShareOf(NearestPair(Bp(9999))), Bp(9961));
}

// Against a search through all pairs, for each weight there is.
TEST(NearestPair, NoOtherPairIsNearer) {
  const auto pairs = AllPairs();
  ASSERT_EQ(pairs.size(), 513u);
  for (std::int32_t bp = 1; bp < Weight::kWholeBp; ++bp) {
    const WeightPair found = NearestPair(Bp(bp));
    double best = 1;
    for (const WeightPair& pair : pairs) {
      if (pair.canary == 0 || pair.baseline == 0) continue;
      best = std::min(best, std::abs(Share(pair) - bp / 1e4));
    }
    ASSERT_NEAR(std::abs(Share(found) - bp / 1e4), best, 1e-12) << bp << " bp";
    ASSERT_EQ(std::max(found.canary, found.baseline), WeightPair::kMost) << bp << " bp";
  }
}

TEST(NearestPair, WhatWasGivenIsGivenAgain) {
  for (const WeightPair& pair : AllPairs()) EXPECT_EQ(NearestPair(ShareOf(pair)), pair);
}

TEST(ShareOf, RoundsToTheNearestBasisPoint) {
  EXPECT_EQ(ShareOf({.canary = 13, .baseline = 256}), Bp(483));   // 4.8327 %
  EXPECT_EQ(ShareOf({.canary = 64, .baseline = 192}), Bp(2500));  // exact
  EXPECT_EQ(ShareOf({.canary = 1, .baseline = 100}), Bp(99));     // 0.9901 %
  EXPECT_EQ(ShareOf({.canary = 0, .baseline = 0}), Weight::Zero());
}

TEST(PlanChanges, IsEmptyWhenNothingChanges) {
  EXPECT_TRUE(
      PlanChanges({.canary = 13, .baseline = 256}, {.canary = 13, .baseline = 256}).empty());
}

TEST(PlanChanges, RaisesTheBaselineBeforeItTakesTheCanaryAway) {
  const std::vector<WeightChange> wanted = {{.canary = false, .weight = 256},
                                            {.canary = true, .weight = 0}};
  EXPECT_EQ(PlanChanges({.canary = 256, .baseline = 0}, {.canary = 0, .baseline = 256}), wanted);
}

TEST(PlanChanges, RaisesTheCanaryBeforeItTakesTheBaselineAway) {
  const std::vector<WeightChange> wanted = {{.canary = true, .weight = 256},
                                            {.canary = false, .weight = 0}};
  EXPECT_EQ(PlanChanges({.canary = 0, .baseline = 256}, {.canary = 256, .baseline = 0}), wanted);
}

// From any weights that a file or a person may have set.
RC_GTEST_PROP(PlanChanges, NeverLeavesNobodyServingNorOvershoots, ()) {
  const auto any_weight =
      rc::gen::oneOf(rc::gen::element(0, 1, 255, 256), rc::gen::inRange(0, 257));
  const WeightPair from{.canary = *any_weight, .baseline = *any_weight};
  const WeightPair to = NearestPair(Bp(*rc::gen::inRange(0, Weight::kWholeBp + 1)));
  const double most =
      from.canary + from.baseline == 0 ? Share(to) : std::max(Share(from), Share(to));
  WeightPair now = from;
  for (const WeightChange& change : PlanChanges(from, to)) {
    (change.canary ? now.canary : now.baseline) = change.weight;
    RC_ASSERT(now.canary + now.baseline > 0);
    RC_ASSERT(Share(now) <= most + 1e-12);
  }
  RC_ASSERT(now == to);
}

}  // namespace
}  // namespace auspex::traffic
