#include "auspex/api/rate_limiter.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace auspex::api {
namespace {

constexpr MonotonicTime kStart{1h};

int TakeAll(RateLimiter& limiter, std::string_view key, MonotonicTime now, int tries) {
  int taken = 0;
  for (int i = 0; i < tries; ++i) taken += limiter.Take(key, now) == Duration::zero() ? 1 : 0;
  return taken;
}

TEST(RateLimiter, LetsABurstThroughAndThenTheRate) {
  RateLimiter limiter({.per_s = 2, .burst = 5});
  EXPECT_EQ(TakeAll(limiter, "a", kStart, 20), 5);
  EXPECT_EQ(limiter.Take("a", kStart), 500ms);
  EXPECT_EQ(TakeAll(limiter, "a", kStart + 500ms, 20), 1);
  EXPECT_EQ(TakeAll(limiter, "a", kStart + 2500ms, 20), 4);
  EXPECT_EQ(TakeAll(limiter, "a", kStart + 1h, 20), 5) << "no more than the burst is saved";
}

TEST(RateLimiter, ItSaysWhenToComeBack) {
  RateLimiter limiter({.per_s = 0.3, .burst = 1});
  EXPECT_EQ(limiter.Take("a", kStart), Duration::zero());
  const Duration wait = limiter.Take("a", kStart + 1s);
  EXPECT_GT(wait, Duration::zero());
  EXPECT_GT(limiter.Take("a", kStart + 1s + wait - 1ms), Duration::zero());
  EXPECT_EQ(limiter.Take("a", kStart + 1s + wait + 1ms), Duration::zero());
}

TEST(RateLimiter, KeysDoNotShare) {
  RateLimiter limiter({.per_s = 1, .burst = 1});
  EXPECT_EQ(limiter.Take("a", kStart), Duration::zero());
  EXPECT_EQ(limiter.Take("b", kStart), Duration::zero());
  EXPECT_GT(limiter.Take("a", kStart), Duration::zero());
}

TEST(RateLimiter, AFloodOfKeysSharesABucketAndKnownKeysKeepTheirs) {
  RateLimiter limiter({.per_s = 1, .burst = 3, .keys = 2});
  EXPECT_EQ(limiter.Take("a", kStart), Duration::zero());
  EXPECT_EQ(limiter.Take("b", kStart), Duration::zero());
  int through = 0;
  for (int i = 0; i < 1000; ++i) through += TakeAll(limiter, std::to_string(i), kStart, 1);
  EXPECT_EQ(through, 3);
  EXPECT_EQ(TakeAll(limiter, "a", kStart, 9), 2);
  // Full buckets are forgotten, and make room.
  EXPECT_EQ(TakeAll(limiter, "new", kStart + 1min, 9), 3);
  EXPECT_EQ(TakeAll(limiter, "new too", kStart + 1min, 9), 3);
}

RC_GTEST_PROP(RateLimiter, NeverLetsMoreThroughThanBurstAndRate, ()) {
  const double per_s = *rc::gen::inRange(1, 50);
  const double burst = *rc::gen::inRange(1, 50);
  const auto steps_ms = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 400));
  RateLimiter limiter({.per_s = per_s, .burst = burst});
  MonotonicTime now = kStart;
  double through = 0;
  for (const int step_ms : steps_ms) {
    now += std::chrono::milliseconds(step_ms);
    through += TakeAll(limiter, "a", now, 3);
    RC_ASSERT(through <= burst + Seconds(now - kStart) * per_s + 1e-6);
  }
}

}  // namespace
}  // namespace auspex::api
