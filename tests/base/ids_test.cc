#include "auspex/base/ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace auspex {
namespace {

TEST(DeploymentId, TakesNamesAndNothingThatCouldLeaveAFolder) {
  for (const std::string& good : {std::string("a"), std::string("9"),
                                  std::string("checkout-v1.2_3"), std::string(128, 'x')}) {
    ASSERT_TRUE(DeploymentId::Parse(good).ok()) << good;
    EXPECT_EQ(DeploymentId::Parse(good)->text(), good);
  }
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("-a"), std::string("a/b"),
        std::string("a b"), std::string("a\n"), std::string("a\0b", 3), std::string("é"),
        std::string(129, 'x')}) {
    EXPECT_EQ(DeploymentId::Parse(bad).error().code, ErrorCode::kInvalidArgument) << bad;
  }
}

TEST(CheckName, SaysWhatItIsThatIsWrong) {
  EXPECT_THAT(CheckName("service", "a/b").error().message, ::testing::StartsWith("service 'a/b'"));
  EXPECT_LT(CheckName("service", std::string(100'000, '/')).error().message.size(), 400U);
}

}  // namespace
}  // namespace auspex
