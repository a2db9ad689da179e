#include "lab/simulator/policies/argo.h"

#include <gtest/gtest.h>

#include "tests/lab/simulator/hand_made.h"

namespace auspex::lab::simulator {
namespace {

using testing::Feed;
using testing::Hand;
using testing::Promoted;
using testing::RolledBack;

constexpr Thresholds kLimits = {.error_rate = .01, .latency_ms_p99 = 500.0};
constexpr Hand kGood = {.requests = 1000, .errors = 1, .slow = 1};
constexpr Hand kFailing = {.requests = 1000, .errors = 20};
constexpr Hand kSlow = {.requests = 1000, .slow = 20};
constexpr Hand kNothing = {.requests = 0};

void FeedMinute(Run* run, double* now_s, const Hand& canary) {
  for (int i = 0; i < 6 && !run->Next().ended; ++i) Feed(run, now_s, canary);
}

TEST(Argo, ClimbsInFourStepsOfTenMinutes) {
  ArgoRun run(kLimits, {});
  double now_s = 0.0;
  for (int minute = 0; minute < 40; ++minute) {
    EXPECT_NEAR(run.Next().split.canary, .2 * (minute / 10 + 1), 1e-12) << minute;
    FeedMinute(&run, &now_s, kGood);
  }
  EXPECT_TRUE(Promoted(run));
  EXPECT_EQ(now_s, 2400.0);
}

// failed > failureLimit, of all measurements and not in a row.
TEST(Argo, FailuresAreATotal) {
  ArgoRun run(kLimits, {.interval_s = 60.0, .failure_limit = 2});
  double now_s = 0.0;
  for (int i = 0; i < 2; ++i) {
    FeedMinute(&run, &now_s, kFailing);
    for (int good = 0; good < 4; ++good) FeedMinute(&run, &now_s, kGood);
  }
  EXPECT_FALSE(run.Next().ended);
  FeedMinute(&run, &now_s, kFailing);
  EXPECT_TRUE(RolledBack(run));
  EXPECT_EQ(now_s, 660.0);
}

TEST(Argo, EachMetricHasItsOwnCount) {
  ArgoRun run(kLimits, {.interval_s = 60.0, .failure_limit = 2});
  double now_s = 0.0;
  for (int i = 0; i < 2; ++i) {
    FeedMinute(&run, &now_s, kFailing);
    FeedMinute(&run, &now_s, kSlow);
  }
  EXPECT_FALSE(run.Next().ended);
}

// Five errors ten seconds apart: an analysis that sees nothing aborts after a minute and 40 s.
TEST(Argo, NoDataAborts) {
  ArgoRun run(kLimits, {});
  double now_s = 0.0;
  while (!run.Next().ended) Feed(&run, &now_s, kNothing);
  EXPECT_TRUE(RolledBack(run));
  EXPECT_EQ(run.Next().by, "analysis error");
  EXPECT_EQ(now_s, 100.0);
}

TEST(Argo, AValueEndsARowOfErrors) {
  ArgoRun run(kLimits, {});
  double now_s = 0.0;
  for (int i = 0; i < 9; ++i) Feed(&run, &now_s, kNothing);  // four errors
  Feed(&run, &now_s, kGood);
  EXPECT_FALSE(run.Next().ended);
  for (int i = 0; i < 9; ++i) Feed(&run, &now_s, kNothing);  // the next interval, and four errors
  EXPECT_FALSE(run.Next().ended);
  Feed(&run, &now_s, kNothing);
  EXPECT_TRUE(RolledBack(run));
}

TEST(Argo, LooksAtTheLastMinuteOnlyHoweverLongTheInterval) {
  ArgoRun run(kLimits, {.interval_s = 300.0, .failure_limit = 0});
  double now_s = 0.0;
  for (int minute = 0; minute < 4; ++minute) FeedMinute(&run, &now_s, kFailing);
  FeedMinute(&run, &now_s, kGood);
  EXPECT_FALSE(run.Next().ended);
}

}  // namespace
}  // namespace auspex::lab::simulator
