#include "auspex/base/clock.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace auspex {
namespace {

// From the year 0 to 9999, where RFC 3339 ends.
constexpr std::int64_t kFirstMs = -62'167'219'200'000, kLastMs = 253'402'300'799'999;

RC_GTEST_PROP(Time, ParseOfPrintIsTheSameToTheMillisecond, ()) {
  const std::int64_t ms =
      *rc::gen::oneOf(rc::gen::inRange(kFirstMs, kLastMs + 1),
                      rc::gen::elementOf(std::vector<std::int64_t>{kFirstMs, -1, 0, 1, kLastMs}),
                      rc::gen::inRange<std::int64_t>(-2000, 2000));
  const WallTime time = FromMicros(ms * 1000);
  RC_ASSERT(ParseTime(ToRfc3339(time)) == time);
}

TEST(Time, ReadsOffsetsFractionsAndSeconds) {
  const WallTime expected = FromMicros(1'795'518'807'123'000);
  EXPECT_EQ(ToRfc3339(expected), "2026-11-24T11:13:27.123Z");
  for (const char* text :
       {"2026-11-24T11:13:27.123Z", "2026-11-24t11:13:27.123000z", "2026-11-24 12:13:27.123+01:00",
        "2026-11-24T05:43:27.123-05:30", "2026-11-24T11:13:27.1230009Z", "1795518807.123"}) {
    ASSERT_TRUE(ParseTime(text).ok()) << text;
    EXPECT_EQ(*ParseTime(text), expected) << text;
  }
}

TEST(Time, RefusesWhatIsNone) {
  for (const char* text :
       {"", "now", "2026-11-24", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
        "2026-11-24T24:00:00Z", "2026-11-24T11:60:00Z", "2026-11-24T11:13:27",
        "2026-11-24T11:13:27.Z", "2026-11-24T11:13:27+1:00", "2026-11-24T11:13:27+01:60",
        "2026-11-24T11:13:27Zx", "nan", "1e300", "12x"}) {
    EXPECT_EQ(ParseTime(text).error().code, ErrorCode::kInvalidArgument) << text;
  }
}

TEST(DurationText, ReadsUnitsAndSums) {
  EXPECT_EQ(ParseDuration("500ms"), Duration(500ms));
  EXPECT_EQ(ParseDuration("1.5s"), Duration(1500ms));
  EXPECT_EQ(ParseDuration("1h30m"), Duration(90min));
  EXPECT_EQ(ParseDuration("2d"), Duration(48h));
  EXPECT_EQ(ParseDuration("0s"), Duration(0s));
}

TEST(DurationText, RefusesWhatIsNone) {
  for (const char* text :
       {"", "10", "s", "-1s", "10x", "10 s", "1s ", "1e300s", "4000d", "nans", "infs", "1s2"}) {
    EXPECT_EQ(ParseDuration(text).error().code, ErrorCode::kInvalidArgument) << text;
  }
}

TEST(DurationText, PrintsShort) {
  EXPECT_EQ(ToText(Duration(200ms)), "200ms");
  EXPECT_EQ(ToText(Duration(1500ms)), "1.5s");
  EXPECT_EQ(ToText(Duration(130s)), "2m10s");
  EXPECT_EQ(ToText(Duration(2h)), "2h");
  EXPECT_EQ(ToText(Duration(90min)), "1h30m");
  EXPECT_EQ(ToText(-Duration(5s)), "-5s");
}

RC_GTEST_PROP(DurationText, WholeSecondsBelowAnHourComeBack, ()) {
  const Duration duration = std::chrono::seconds(*rc::gen::inRange(0, 3600));
  RC_ASSERT(ParseDuration(ToText(duration)) == duration);
}

RC_GTEST_PROP(DurationText, MillisecondsBelowASecondComeBack, ()) {
  const Duration duration = std::chrono::milliseconds(*rc::gen::inRange(0, 1000));
  RC_ASSERT(ParseDuration(ToText(duration)) == duration);
}

TEST(SimulatedClock, MovesOnlyWhenTold) {
  SimulatedClock clock(FromMicros(1'000'000));
  const MonotonicTime start = clock.Now();
  EXPECT_EQ(clock.Wall(), FromMicros(1'000'000));
  clock.Advance(2s);
  EXPECT_EQ(clock.Now() - start, Duration(2s));
  EXPECT_EQ(clock.Wall(), FromMicros(3'000'000));
  clock.JumpWall(-1h);
  EXPECT_EQ(clock.Now() - start, Duration(2s));
  EXPECT_EQ(clock.Wall(), FromMicros(3'000'000) - 1h);
}

TEST(RealClock, NeverGoesBack) {
  const RealClock clock;
  const MonotonicTime before = clock.Now();
  EXPECT_GE(clock.Now(), before);
}

}  // namespace
}  // namespace auspex
