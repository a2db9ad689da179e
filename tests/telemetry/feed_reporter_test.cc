#include "auspex/telemetry/sources/feed_reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace auspex::telemetry {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Reporter : public ::testing::Test {
 protected:
  std::vector<std::string> said_;
  FeedReporter reporter_{
      Logger(LogLevel::kDebug, [this](std::string_view line) { said_.emplace_back(line); })};
  MonotonicTime now_{1000s};

  void Look(const FeedHealth& health) {
    said_.clear();
    now_ += FeedReporter::kEvery;
    EXPECT_TRUE(reporter_.IsDue(now_));
    reporter_.Look(health, now_);
    EXPECT_FALSE(reporter_.IsDue(now_));
  }
};

TEST_F(Reporter, SaysTheFirstReasonAndLaterHowManyWereLeftOut) {
  for (int i = 0; i < 50; ++i) reporter_.Malformed(i == 0 ? "not JSON" : "other", now_);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("not JSON")));
  reporter_.Malformed("later", now_ + FeedReporter::kEvery);
  EXPECT_THAT(said_.back(), AllOf(HasSubstr("later"), HasSubstr("49")));
}

TEST_F(Reporter, AStormOfConnectionsIsAFewLines) {
  for (int i = 0; i < 10'000; ++i) {
    reporter_.Connected(1, now_);
    reporter_.Disconnected({.lines = 1}, now_);
    reporter_.Full(64, now_);
  }
  EXPECT_THAT(said_, SizeIs(2 * FeedReporter::kBurst + 1));
}

TEST_F(Reporter, WarnsOfWhatWasLostOrDoubledSinceTheLastLook) {
  Look({.connected = true, .lines = 100});
  EXPECT_THAT(said_, IsEmpty());
  FeedHealth health{.lines = 200, .missing = 5};
  Look(health);
  EXPECT_THAT(said_, ElementsAre(AllOf(HasSubstr("proxy_log_lost"), HasSubstr("5"))));
  Look(health);
  EXPECT_THAT(said_, IsEmpty()) << "no news";
  health.missing = 3;  // lines came after all
  Look(health);
  EXPECT_THAT(said_, IsEmpty());
  health.dropped = 7;
  health.duplicates = 9;
  Look(health);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("proxy_log_dropped"), HasSubstr("proxy_log_doubled")));
}

TEST_F(Reporter, SaysWhenAClockIsOffAndWhenItIsRightAgain) {
  Look({.clock_offset = 90s});
  EXPECT_THAT(said_, ElementsAre(AllOf(HasSubstr("proxy_clock"), HasSubstr("90"))));
  Look({.clock_offset = 90'400ms});
  EXPECT_THAT(said_, IsEmpty());
  Look({.clock_offset = -3600s});
  EXPECT_THAT(said_, ElementsAre(HasSubstr("-3600")));
  Look({});
  EXPECT_THAT(said_, ElementsAre(HasSubstr("right again")));
}

}  // namespace
}  // namespace auspex::telemetry
