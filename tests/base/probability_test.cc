#include "auspex/base/probability.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

namespace auspex {
namespace {

TEST(Probability, RefusesWhatIsNone) {
  for (const double bad :
       {-1e-12, 1.0 + 1e-12, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(Probability::From(bad).error().code, ErrorCode::kInvalidArgument) << bad;
  }
}

TEST(Probability, NoTrialsAreNoDataAndImpossibleCountsAreRefused) {
  EXPECT_EQ(Probability::FromCounts({.hits = 0, .trials = 0}).error().code, ErrorCode::kNoData);
  EXPECT_EQ(Probability::FromCounts({.hits = 2, .trials = 1}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(Probability::FromCounts({.hits = -1, .trials = 1}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(Probability::FromCounts({.hits = 0, .trials = -1}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(Probability::FromCounts({.hits = 1, .trials = 4})->value(), 0.25);
}

TEST(Probability, OddsAreInfiniteAtOne) {
  EXPECT_EQ(Probability::From(0.5)->Odds(), 1.0);
  EXPECT_TRUE(std::isinf(Probability::From(1.0)->Odds()));
}

RC_GTEST_PROP(Probability, ComplementStaysInRange, ()) {
  const std::int64_t trials = *rc::gen::inRange<std::int64_t>(1, 1'000'000);
  const std::int64_t hits = *rc::gen::inRange<std::int64_t>(0, trials + 1);
  const Probability p = *Probability::FromCounts({.hits = hits, .trials = trials});
  RC_ASSERT(Probability::From(p.Complement().value()).ok());
  RC_ASSERT(std::abs(p.value() + p.Complement().value() - 1.0) < 1e-15);
}

}  // namespace
}  // namespace auspex
