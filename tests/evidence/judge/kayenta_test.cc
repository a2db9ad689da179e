#include "auspex/evidence/judge/kayenta.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "auspex/evidence/judge/wilcoxon.h"

namespace auspex::evidence {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> Repeated(int n, double value, int m, double other) {
  std::vector<double> values(static_cast<std::size_t>(n), value);
  values.insert(values.end(), static_cast<std::size_t>(m), other);
  return values;
}

Judgement Judge(std::vector<double> canary, std::vector<double> baseline,
                KayentaMetric metric = {}) {
  metric.name = "m";
  return JudgeAsKayenta({{metric, std::move(canary), std::move(baseline)}}, {});
}

std::string Class(std::vector<double> canary, std::vector<double> baseline,
                  const KayentaMetric& metric = {}) {
  return Judge(std::move(canary), std::move(baseline), metric).metrics[0].classification;
}

// The debug values that a user printed in spinnaker#6278, to all their digits.
TEST(Kayenta, GivesTheDebugValuesOfSpinnaker6278) {
  const Judgement judgement = Judge(Repeated(7, 100.0, 3, 1.0), Repeated(10, 1.0, 0, 0.0));
  const MetricJudgement& metric = judgement.metrics[0];
  EXPECT_EQ(metric.classification, "Pass");
  ASSERT_TRUE(metric.shift);
  EXPECT_NEAR(metric.shift->low, 6.83e-5, 0.005e-5);
  EXPECT_NEAR(metric.shift->high, 99.0, 1e-9);
  EXPECT_NEAR(metric.shift->estimate, 98.99993, 0.000005);
  EXPECT_NEAR(metric.shift->bound, 24.74998, 0.000005);
  EXPECT_EQ(judgement.verdict, JudgeVerdict::kPass);
  EXPECT_EQ(judgement.score, 100.0);
  EXPECT_EQ(Class(Repeated(8, 100.0, 2, 1.0), Repeated(10, 1.0, 0, 0.0)), "High");
}

TEST(Kayenta, PassesWhatItsUsersReported) {
  // kayenta#780 case 1, kayenta#426, spinnaker#5622.
  EXPECT_EQ(Class({10.0, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6, 17.0, 17.1, 17.2, 17.3, 17.4, 17.5,
                   17.6, 17.7},
                  {1.0, 100.0, 4.0, 101.0, 5.0, 102.0, 6.0, 103.0, 7.0, 104.0, 8.0, 105.0, 9.0,
                   106.0, 17.0}),
            "Pass");
  EXPECT_EQ(Class({0, 1, 2, 1, 0, 0}, {0, 0, 0, 0, 0, 0}), "Pass");
  EXPECT_EQ(Class(Repeated(5, 1.0, 5, 0.0), Repeated(10, 0.0, 0, 0.0)), "Pass");
}

// How many minutes with the new error it takes until High, control all zero.
TEST(Kayenta, NeedsAsManyMinutesOfANewErrorAsItDoes) {
  struct Case {
    int points;
    int least;
  };
  for (const Case& one : {Case{10, 8}, Case{20, 14}, Case{30, 20}, Case{50, 23}, Case{60, 27}}) {
    int least = 1;
    while (Class(Repeated(least, 1.0, one.points - least, 0.0),
                 Repeated(one.points, 0.0, 0, 0.0)) != "High") {
      ++least;
      ASSERT_LT(least, one.points);
    }
    EXPECT_EQ(least, one.least) << one.points;
  }
}

TEST(Kayenta, DropsOrReplacesNan) {
  EXPECT_EQ(Class({kNan, kNan}, {1.0, 2.0}), "Nodata");
  KayentaMetric replace;
  replace.replace_nan = true;
  EXPECT_EQ(Class({}, {1.0, 2.0}, replace), "Pass");
  // Replaced by zeros, all of them below the baseline.
  EXPECT_EQ(Class(std::vector<double>(12, kNan), Repeated(6, 50.0, 6, 51.0), replace), "Low");
  KayentaMetric wanted;
  wanted.must_have_data = true;
  EXPECT_EQ(Class({}, {1.0}, wanted), "NodataFailMetric");
  wanted.critical = true;
  EXPECT_EQ(Class({}, {1.0}, wanted), "Nodata");
}

TEST(Kayenta, LeavesEarlyWhereNothingDiffers) {
  EXPECT_EQ(Class({2.0, 1.0, 3.0}, {3.0, 2.0, 1.0}), "Pass");
  EXPECT_EQ(Class({5.0, 5.0}, {5.0, 5.0, 5.0}), "Pass");
  // One constant each: noise makes ranks of them.
  EXPECT_EQ(Class(Repeated(20, 10.0, 0, 0.0), Repeated(20, 5.0, 0, 0.0)), "High");
  EXPECT_EQ(Class(Repeated(20, 5.0, 0, 0.0), Repeated(20, 10.0, 0, 0.0)), "Low");
}

TEST(Kayenta, MindsDirectionAndEffectSize) {
  const std::vector<double> high = {21, 22, 23, 24, 25, 26, 27, 28, 29, 30};
  const std::vector<double> low = {11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
  KayentaMetric metric;
  EXPECT_EQ(Class(high, low, metric), "High");
  EXPECT_EQ(Class(low, high, metric), "Low");
  metric.direction = KayentaMetric::Direction::kDecrease;
  EXPECT_EQ(Class(high, low, metric), "Pass");
  metric.direction = KayentaMetric::Direction::kIncrease;
  EXPECT_EQ(Class(low, high, metric), "Pass");
  // The means are 25.5 and 15.5.
  metric.allowed_increase = 1.7;
  EXPECT_EQ(Class(high, low, metric), "Pass");
  metric.allowed_increase = 1.6;
  EXPECT_EQ(Class(high, low, metric), "High");
  metric.cles = true;
  metric.allowed_increase = 1.0;  // every pair
  EXPECT_EQ(Class(high, low, metric), "High");
  metric.allowed_increase = 1.01;
  EXPECT_EQ(Class(high, low, metric), "Pass");
}

TEST(Kayenta, RemovesOutliersOnlyWhenAsked) {
  // 99 % of values are 1 to 10; the far one lies beyond 3 ranges and beyond the 99th percentile.
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) values.push_back(1.0 + i % 10);
  std::vector<double> far = values;
  far.back() = 1e9;
  KayentaMetric metric;
  metric.cles = true;
  EXPECT_GT(*Judge(far, values).metrics[0].effect, 1e5);
  metric.remove_outliers = true;
  EXPECT_NEAR(*Judge(far, values, metric).metrics[0].effect, 1.0, 0.01);
}

KayentaValues Named(const std::string& name, bool bad, std::vector<std::string> groups) {
  KayentaMetric metric;
  metric.name = name;
  metric.groups = std::move(groups);
  return {metric, bad ? Repeated(20, 9.0, 0, 0.0) : Repeated(20, 1.0, 0, 0.0),
          Repeated(20, 1.0, 0, 0.0)};
}

TEST(Kayenta, WeighsGroups) {
  std::vector<KayentaValues> metrics = {Named("a", false, {"x"}), Named("b", true, {"x"}),
                                        Named("c", false, {"y"}), Named("d", true, {"z"})};
  KayentaConfig config;
  config.group_weights = {{"x", 50.0}};
  // x: 50 % of 50; y and z share the other 50: 25 + 25 + 0.
  EXPECT_EQ(JudgeAsKayenta(metrics, config).score, 50.0);
  metrics[1].metric.muted = true;
  EXPECT_EQ(JudgeAsKayenta(metrics, config).score, 75.0);
  EXPECT_EQ(JudgeAsKayenta(metrics, config).verdict, JudgeVerdict::kInconclusive);
  config.marginal = 76.0;
  EXPECT_EQ(JudgeAsKayenta(metrics, config).verdict, JudgeVerdict::kFail);
  config.pass = config.marginal = 75.0;
  EXPECT_EQ(JudgeAsKayenta(metrics, config).verdict, JudgeVerdict::kPass);
}

TEST(Kayenta, ACriticalMetricOrMissingDataMakeTheScoreZero) {
  std::vector<KayentaValues> metrics = {Named("a", false, {"x"}), Named("b", true, {"x"}),
                                        Named("c", false, {"x"})};
  EXPECT_EQ(JudgeAsKayenta(metrics, {}).score, 66.67);
  metrics[1].metric.critical = true;
  EXPECT_EQ(JudgeAsKayenta(metrics, {}).score, 0.0);
  metrics[1].metric.critical_increase = 10.0;  // 9 is not beyond it
  EXPECT_EQ(JudgeAsKayenta(metrics, {}).score, 66.67);
  metrics = {Named("a", false, {"x"}), Named("b", false, {"x"})};
  metrics[1].canary.clear();
  EXPECT_EQ(JudgeAsKayenta(metrics, {}).score, 0.0);
  metrics.push_back(Named("c", false, {"x"}));
  EXPECT_EQ(JudgeAsKayenta(metrics, {}).score, 100.0);
  EXPECT_EQ(JudgeAsKayenta(metrics, {}).metrics[1].verdict, JudgeVerdict::kInconclusive);
}

RC_GTEST_PROP(Wilcoxon, MovesWithItsValues, ()) {
  const auto x = *rc::gen::container<std::vector<int>>(6, rc::gen::inRange(0, 50));
  const auto y = *rc::gen::container<std::vector<int>>(7, rc::gen::inRange(0, 50));
  std::vector<double> a(x.begin(), x.end());
  const std::vector<double> b(y.begin(), y.end());
  const auto before = WilcoxonShift(a, b, 0.95);
  for (double& value : a) value += 1000.0;
  const auto after = WilcoxonShift(a, b, 0.95);
  RC_ASSERT(before.has_value() == after.has_value());
  if (!before) return;
  RC_ASSERT(before->low <= before->high);
  RC_ASSERT(std::abs(after->estimate - before->estimate - 1000.0) < 1e-3);
}

}  // namespace
}  // namespace auspex::evidence
