#include "auspex/evidence/judge/change.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "auspex/base/random.h"

namespace auspex::evidence {
namespace {

constexpr double kChange = 3.0 * 86400.0 + 40'000.0;

// Four days of minutes with a daily wave.
std::vector<SeriesPoint> Wave(std::uint64_t seed, double step) {
  Random random(seed);
  std::vector<SeriesPoint> points;
  for (int i = 0; i < 4 * 1440; ++i) {
    const double at = 60.0 * i;
    const double wave = 30.0 * std::sin(2.0 * std::numbers::pi * at / 86400.0);
    points.push_back({at, 100.0 + wave + random.Normal() + (at >= kChange ? step : 0.0)});
  }
  return points;
}

Judgement Judge(const std::vector<SeriesPoint>& points) {
  const auto judgement = JudgeChange(points, {.change_at_s = kChange});
  EXPECT_TRUE(judgement.ok());
  return judgement.value_or(Judgement{});
}

TEST(JudgeChange, FindsAStepAndPassesAWave) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_EQ(Judge(Wave(seed, 15.0)).verdict, JudgeVerdict::kFail);
    EXPECT_EQ(Judge(Wave(seed, -15.0)).verdict, JudgeVerdict::kFail);
    EXPECT_EQ(Judge(Wave(seed, 0.0)).verdict, JudgeVerdict::kPass);
  }
}

// Nothing later than change + after is looked at: whatever it is, the answer is the same.
TEST(JudgeChange, LooksNoFurtherThanItMay) {
  std::vector<SeriesPoint> points = Wave(3, 4.0);
  const Judgement before = Judge(points);
  std::vector<SeriesPoint> cut;
  for (SeriesPoint& point : points) {
    if (point.at_s > kChange + 7200.0) {
      point.value = 1e6;
    } else {
      cut.push_back(point);
    }
  }
  EXPECT_EQ(*Judge(points).log_e, *before.log_e);
  EXPECT_EQ(*Judge(cut).log_e, *before.log_e);
  points[1000].value = 1e6;
  EXPECT_NE(*Judge(points).log_e, *before.log_e);
}

// A clock that jitters puts no two values into one interval, and none on the wrong side.
TEST(JudgeChange, TakesAClockThatJitters) {
  Random random(8);
  std::vector<SeriesPoint> points = Wave(4, 0.0);
  const Judgement even = Judge(points);
  for (std::size_t i = 1; i < points.size(); ++i) points[i].at_s += 20.0 * random.Uniform() - 10.0;
  EXPECT_NEAR(*Judge(points).log_e, *even.log_e, 0.5);
  EXPECT_EQ(Judge(points).verdict, JudgeVerdict::kPass);
  // The last one before the change, whatever its value, is no deviation after it.
  auto last = points.begin();
  while ((last + 1)->at_s < kChange) ++last;
  last->at_s = kChange - 1.0;
  const double without = *Judge(points).log_e;
  last->value = 200.0;
  EXPECT_NEAR(*Judge(points).log_e, without, 0.5);
}

TEST(JudgeChange, TakesGapsAndShortPasts) {
  std::vector<SeriesPoint> points = Wave(5, 30.0);
  for (std::size_t i = 0; i < points.size(); i += 7)
    points[i].value = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Judge(points).verdict, JudgeVerdict::kFail);
  points = Wave(5, 120.0);
  std::erase_if(points, [](const SeriesPoint& point) { return point.at_s < kChange - 14'400.0; });
  const Judgement judgement = Judge(points);
  EXPECT_EQ(judgement.verdict, JudgeVerdict::kFail);
  EXPECT_NE(judgement.reason.find("shorter than a day"), std::string::npos) << judgement.reason;
}

TEST(JudgeChange, RefusesWhatHasNoBeforeOrAfter) {
  const auto code = [](const std::vector<SeriesPoint>& points, double at) {
    const auto judgement = JudgeChange(points, {.change_at_s = at});
    return judgement.ok() ? ErrorCode::kInternal : judgement.error().code;
  };
  const auto points = Wave(1, 0.0);
  EXPECT_EQ(code({}, 0.0), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(points, -5.0), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(points, 1e9), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(points, 300.0), ErrorCode::kNoData);
  EXPECT_EQ(code(points, points.back().at_s - 60.0), ErrorCode::kNoData);
  EXPECT_EQ(code({{0.0, 1.0}, {1e-6, 1.0}, {2e-6, 1.0}, {1e9, 1.0}}, 1e8),
            ErrorCode::kInvalidArgument);
}

TEST(JudgeChange, AConstantSeriesThatStaysIsFine) {
  std::vector<SeriesPoint> points = Wave(1, 0.0);
  for (SeriesPoint& point : points) point.value = 7.0;
  EXPECT_EQ(Judge(points).verdict, JudgeVerdict::kPass);
  for (SeriesPoint& point : points)
    if (point.at_s >= kChange) point.value = 9.0;
  EXPECT_EQ(Judge(points).verdict, JudgeVerdict::kFail);
}

}  // namespace
}  // namespace auspex::evidence
