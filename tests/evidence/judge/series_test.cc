#include "auspex/evidence/judge/series.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "auspex/base/random.h"

namespace auspex::evidence {
namespace {

JudgedMetric Metric(const std::string& name, const std::vector<double>& canary,
                    const std::vector<double>& baseline, double count = -1.0) {
  JudgedMetric metric;
  metric.name = name;
  const auto fill = [count](const std::vector<double>& values, std::vector<JudgedPoint>* points) {
    for (std::size_t i = 0; i < values.size(); ++i)
      points->push_back({60.0 * static_cast<double>(i), values[i], count});
  };
  fill(canary, &metric.canary);
  fill(baseline, &metric.baseline);
  metric.kind = GuessKind(metric);
  metric.direction = GuessDirection(name);
  return metric;
}

std::vector<double> Shares(Random* random, int points, std::int64_t count, double rate) {
  std::vector<double> shares;
  for (int i = 0; i < points; ++i)
    shares.push_back(static_cast<double>(random->Binomial(count, rate)) /
                     static_cast<double>(count));
  return shares;
}

TEST(JudgeSeries, FailsTheSeventyfoldMeanThatKayentaPasses) {
  std::vector<double> canary(7, 100.0);
  canary.insert(canary.end(), 3, 1.0);
  const Judgement judgement = JudgeSeries({Metric("m", canary, std::vector<double>(10, 1.0))}, {});
  EXPECT_EQ(judgement.verdict, JudgeVerdict::kFail) << judgement.reason;
}

// 1 % -> 3 % at 20 requests a minute: Kayenta finds 55 % of them in 50 minutes.
TEST(JudgeSeries, CountsFindWhatAveragesHide) {
  int found = 0;
  int false_alarms = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const auto baseline = Shares(&random, 50, 20, 0.01);
    found += JudgeSeries({Metric("errors", Shares(&random, 50, 20, 0.03), baseline, 20.0)}, {})
                         .verdict == JudgeVerdict::kFail
                 ? 1
                 : 0;
    false_alarms +=
        JudgeSeries({Metric("errors", Shares(&random, 50, 20, 0.01), baseline, 20.0)}, {})
                    .verdict == JudgeVerdict::kFail
            ? 1
            : 0;
  }
  EXPECT_GE(found, 42);
  EXPECT_LE(false_alarms, 3);
}

TEST(JudgeSeries, IntervalsOfOneArmAloneAreLeftOutAndTold) {
  Random random(9);
  JudgedMetric metric =
      Metric("errors", Shares(&random, 50, 20, 0.01), Shares(&random, 50, 20, 0.01), 20.0);
  metric.canary.erase(metric.canary.begin(), metric.canary.begin() + 7);
  metric.baseline.resize(45);
  const std::string reason = JudgeSeries({metric}, {}).metrics[0].reason;
  EXPECT_NE(reason.find("12 of 88 values are of an interval of one arm alone and left out"),
            std::string::npos)
      << reason;
}

TEST(JudgeSeries, LessThroughputIsBadAndMoreIsNot) {
  const std::vector<double> high = {50, 51, 52, 53, 54, 55, 56, 57, 58, 59};
  std::vector<double> low;
  for (const double value : high) low.push_back(value / 2.0);
  EXPECT_EQ(JudgeSeries({Metric("throughput", low, high)}, {}).verdict, JudgeVerdict::kFail);
  EXPECT_EQ(JudgeSeries({Metric("throughput", high, low)}, {}).verdict, JudgeVerdict::kPass);
  EXPECT_EQ(JudgeSeries({Metric("cpu", high, low)}, {}).verdict, JudgeVerdict::kFail);
  EXPECT_EQ(JudgeSeries({Metric("cpu", low, high)}, {}).verdict, JudgeVerdict::kPass);
  JudgedMetric either = Metric("cpu", low, high);
  either.direction = JudgedMetric::Direction::kEither;
  EXPECT_EQ(JudgeSeries({either}, {}).verdict, JudgeVerdict::kFail);
}

TEST(JudgeSeries, ValuesThatFollowEachOtherCountForLess) {
  int wandering = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    const auto walk = [&random] {
      std::vector<double> values;
      double at = 0.0;
      for (int i = 0; i < 60; ++i) {
        at = 0.95 * at + 0.3 * random.Normal();
        values.push_back(100.0 * std::exp(0.2 * at));
      }
      return values;
    };
    const std::vector<double> canary = walk();
    wandering +=
        JudgeSeries({Metric("cpu", canary, walk())}, {}).verdict == JudgeVerdict::kFail ? 1 : 0;
  }
  EXPECT_LE(wandering, 2);
}

// Also where no time has both arms.
TEST(JudgeSeries, ValuesOfOtherTimesThatFollowEachOtherCountForLess) {
  int wandering = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const auto walk = [&random] {
      std::vector<double> values;
      double at = 0.0;
      for (int i = 0; i < 60; ++i) values.push_back(100.0 + (at = 0.9 * at + random.Normal()));
      return values;
    };
    const std::vector<double> canary = walk();
    JudgedMetric metric = Metric("cpu", canary, walk());
    for (JudgedPoint& point : metric.canary) point.at_s += 1.0;
    wandering += JudgeSeries({metric}, {}).verdict == JudgeVerdict::kFail ? 1 : 0;
  }
  EXPECT_LE(wandering, 3);
}

TEST(JudgeSeries, TooFewValuesToSeeNeighboursAreSaidToBe) {
  const std::vector<double> few(15, 1.0);
  std::vector<double> other = few;
  other[3] = 2.0;
  const Judgement judgement = JudgeSeries({Metric("cpu", few, other)}, {});
  EXPECT_NE(judgement.metrics[0].reason.find("taken as independent"), std::string::npos)
      << judgement.metrics[0].reason;
}

TEST(JudgeSeries, AMetricOfOneArmIsInconclusive) {
  const std::vector<double> values(12, 1.0);
  const Judgement judgement = JudgeSeries({Metric("m", {}, values)}, {});
  EXPECT_EQ(judgement.verdict, JudgeVerdict::kInconclusive);
  EXPECT_NE(judgement.metrics[0].reason.find("no values of the canary"), std::string::npos);
}

TEST(JudgeSeries, TooFewPointsAreInconclusive) {
  EXPECT_EQ(JudgeSeries({Metric("m", {1, 2, 3}, {1, 2, 3})}, {}).verdict,
            JudgeVerdict::kInconclusive);
}

TEST(JudgeSeries, GuessesKinds) {
  EXPECT_EQ(Metric("errors", {0.1, 0.05}, {0.0, 0.1}, 20.0).kind, JudgedMetric::Kind::kShare);
  EXPECT_EQ(Metric("latency", {0.1234, 0.0551}, {0.02, 0.1}, 20.0).kind,
            JudgedMetric::Kind::kValue);
  EXPECT_EQ(Metric("errors", {0.1, 0.05}, {0.0, 0.1}).kind, JudgedMetric::Kind::kValue);
  EXPECT_EQ(Metric("errors", {5.0, 1.0}, {0.0, 0.0}, 20.0).kind, JudgedMetric::Kind::kValue);
}

// The calibrator's integral over p is 1.
TEST(JudgeSeries, TheCalibratorIsFair) {
  double sum = 0.0;
  // In ln p, where it is smooth: p from e^-60 to 1. What lies below adds 1/60.
  constexpr int kSteps = 60'000;
  for (int i = 0; i < kSteps; ++i) {
    const double log_p = -60.0 * (i + 0.5) / kSteps;
    sum += std::exp(LogCalibrated(std::exp(log_p)) + log_p) * 60.0 / kSteps;
  }
  EXPECT_NEAR(sum + 1.0 / 60.0, 1.0, 0.001);
}

}  // namespace
}  // namespace auspex::evidence
