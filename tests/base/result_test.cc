#include "auspex/base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace auspex {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Fail(ErrorCode::kInvalidArgument, "{} is odd", n);
  return n / 2;
}
Status Check(int n) {
  AUSPEX_TRY(Half(n));
  return {};
}
Result<int> Quarter(int n) {
  AUSPEX_TRY(Check(n));
  AUSPEX_TRY(const int half, Half(n));
  return Half(half);
}

TEST(Result, TryReturnsTheFirstError) {
  EXPECT_EQ(Quarter(8), 2);
  EXPECT_EQ(Quarter(7).error(), (Error{ErrorCode::kInvalidArgument, "7 is odd"}));
  EXPECT_EQ(Quarter(6).error().message, "3 is odd");
}

TEST(Result, HoldsWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 5);
}

TEST(Result, WithinKeepsTheCodeAndSaysWhere) {
  const Status status = Within("spec.tick", Half(3).error());
  EXPECT_EQ(status.error(), (Error{ErrorCode::kInvalidArgument, "spec.tick: 3 is odd"}));
}

}  // namespace
}  // namespace auspex
