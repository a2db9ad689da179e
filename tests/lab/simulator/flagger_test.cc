#include "lab/simulator/policies/flagger.h"

#include <gtest/gtest.h>

#include "tests/lab/simulator/hand_made.h"

namespace auspex::lab::simulator {
namespace {

using testing::Feed;
using testing::Hand;
using testing::Promoted;
using testing::RolledBack;

constexpr Hand kGood = {.requests = 1000, .errors = 10, .slow = 10};
constexpr Hand kFailing = {.requests = 1000, .errors = 11};

TEST(Flagger, GoodMinutesGiveAllTrafficAfterSeven) {
  FlaggerRun run(kDocumentedThresholds);
  double now_s = 0.0;
  EXPECT_EQ(run.Next().split.canary, 0.0);
  for (const double share : {.1, .2, .3, .4, .5})
    EXPECT_NEAR(Feed(&run, &now_s, kGood), share, 1e-12);
  EXPECT_NEAR(Feed(&run, &now_s, kGood), .5, 1e-12);  // the promotion has begun
  Feed(&run, &now_s, kGood);
  EXPECT_TRUE(Promoted(run));
  EXPECT_EQ(now_s, 420.0);
}

// A check that fails never makes up for itself: five in all, wherever they come.
TEST(Flagger, FailedChecksAreATotal) {
  FlaggerRun run(kDocumentedThresholds);
  double now_s = 0.0;
  Feed(&run, &now_s, {});
  for (int i = 0; i < 4; ++i) {
    Feed(&run, &now_s, kFailing);
    Feed(&run, &now_s, kGood);
  }
  Feed(&run, &now_s, kFailing);
  EXPECT_EQ(run.failed_checks(), 5);
  EXPECT_FALSE(run.Next().ended);  // acts at the next tick, before it asks the metrics
  Feed(&run, &now_s, kGood);
  EXPECT_TRUE(RolledBack(run));
}

TEST(Flagger, FourFailedChecksOnlyDelay) {
  FlaggerRun run(kDocumentedThresholds);
  double now_s = 0.0;
  Feed(&run, &now_s, {});
  for (int i = 0; i < 4; ++i) Feed(&run, &now_s, {.requests = 1000, .slow = 11});
  for (int i = 0; i < 6; ++i) Feed(&run, &now_s, kGood);
  EXPECT_TRUE(Promoted(run));
  EXPECT_EQ(now_s, 660.0);
}

TEST(Flagger, AMinuteWithoutRequestsIsAFailedCheck) {
  FlaggerRun run(kDocumentedThresholds);
  double now_s = 0.0;
  Feed(&run, &now_s, {});
  Feed(&run, &now_s, {.requests = 0});
  EXPECT_EQ(run.failed_checks(), 1);
}

TEST(Flagger, NothingIsCheckedOnceThePromotionHasBegun) {
  FlaggerRun run(kDocumentedThresholds);
  double now_s = 0.0;
  for (int i = 0; i < 6; ++i) Feed(&run, &now_s, kGood);
  Feed(&run, &now_s, {.requests = 1000, .errors = 1000});
  EXPECT_TRUE(Promoted(run));
}

}  // namespace
}  // namespace auspex::lab::simulator
