#include "auspex/base/weight.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

namespace auspex {
namespace {

RC_GTEST_PROP(Weight, AcceptsExactlyTheClosedRange, ()) {
  const auto edge = *rc::gen::element(0, Weight::kWholeBp);
  const auto bp = edge + *rc::gen::inRange(-5, 6);
  RC_ASSERT(Weight::FromBp(bp).has_value() == (bp >= 0 && bp <= Weight::kWholeBp));
}

RC_GTEST_PROP(Weight, PercentAndShareGiveTheSameWeightBack, ()) {
  const Weight weight = *Weight::FromBp(*rc::gen::inRange(0, Weight::kWholeBp + 1));
  RC_ASSERT(Weight::Parse(weight.ToPercent()) == weight);
  RC_ASSERT(Weight::FromShare(weight.share()) == weight);
  RC_ASSERT(Weight::Parse(fmt::format("{}", weight.share())) == weight);
}

TEST(Weight, RefusesSharesOutsideTheRange) {
  for (const double bad :
       {-1e-9, 1.0 + 1e-9, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(Weight::FromShare(bad).error().code, ErrorCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(Weight::FromShare(1.0), Weight::Whole());
  EXPECT_EQ(Weight::FromShare(0.0), Weight::Zero());
}

TEST(Weight, PrintsShortPercents) {
  EXPECT_EQ(Weight::FromBp(390)->ToPercent(), "3.9%");
  EXPECT_EQ(Weight::FromBp(1)->ToPercent(), "0.01%");
  EXPECT_EQ(Weight::Zero().ToPercent(), "0%");
  EXPECT_EQ(Weight::Whole().ToPercent(), "100%");
}

TEST(ParseShare, TakesPercentsAndSharesOnly) {
  EXPECT_DOUBLE_EQ(*ParseShare("5%"), 0.05);
  EXPECT_DOUBLE_EQ(*ParseShare("0.05"), 0.05);
  EXPECT_DOUBLE_EQ(*ParseShare("100%"), 1.0);
  for (const char* bad : {"", "%", "5", "101%", "-1%", "-0.1", "5 %", " 5%", "5%%", "nan", "inf",
                          "nan%", "0.05x", "1e999"}) {
    EXPECT_EQ(ParseShare(bad).error().code, ErrorCode::kInvalidArgument) << bad;
  }
  EXPECT_TRUE(ParseShare("40").error().message.ends_with("did you mean 40%?"));
  EXPECT_FALSE(ParseShare("101").error().message.ends_with("?"));
}

}  // namespace
}  // namespace auspex
