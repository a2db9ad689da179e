#include "auspex/model/metrics.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace auspex::model {
namespace {

// Reference figures of scikit-learn 1.9.1 (roc_auc_score, average_precision_score, log_loss,
// brier_score_loss); the calibration error by numpy after the definition.
const std::vector<double> kScores = {.9, .8, .8, .7, .55, .55, .55, .4, .3, .3, .2, .05};
const std::vector<double> kFailed = {1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0};

TEST(Metrics, AreThoseOfTheReference) {
  const Metrics metrics = Measure(kScores, kFailed);
  EXPECT_EQ(metrics.rows, 12U);
  EXPECT_EQ(metrics.failures, 5U);
  EXPECT_NEAR(metrics.auc, 0.7714285714285715, 1e-12);
  EXPECT_NEAR(metrics.average_precision, 0.6976190476190477, 1e-12);
  EXPECT_NEAR(metrics.log_loss, 0.5696149611890376, 1e-12);
  EXPECT_NEAR(metrics.brier, 0.1975, 1e-12);
  EXPECT_NEAR(metrics.calibration_error, 0.225, 1e-12);
}

TEST(Metrics, AreNotDefinedWithoutBothOutcomes) {
  EXPECT_TRUE(std::isnan(Auc(std::vector{.1, .9}, std::vector{1.0, 1.0})));
  EXPECT_TRUE(std::isnan(AveragePrecision(std::vector{.1, .9}, std::vector{0.0, 0.0})));
  EXPECT_TRUE(std::isnan(Measure({}, {}).log_loss));
  EXPECT_TRUE(std::isnan(Measure({}, {}).calibration_error));
}

TEST(Metrics, ACertaintyThatWasWrongCostsMuchButNotEverything) {
  EXPECT_NEAR(LogLoss(std::vector{0.0}, std::vector{1.0}), -std::log(1e-15), 1e-9);
}

TEST(Reliability, PutsOneInTheLastBin) {
  const auto bins = Reliability(std::vector{0.0, 0.05, 1.0}, std::vector{0.0, 1.0, 1.0}, 10);
  ASSERT_EQ(bins.size(), 10U);
  EXPECT_EQ(bins[0].rows, 2U);
  EXPECT_DOUBLE_EQ(bins[0].predicted, 0.025);
  EXPECT_DOUBLE_EQ(bins[0].observed, 0.5);
  EXPECT_EQ(bins[9].rows, 1U);
}

struct Sample {
  std::vector<double> scores;
  std::vector<double> failed;
};

// Few distinct scores, so that there are ties.
Sample Drawn() {
  const auto rows = *rc::gen::inRange<std::size_t>(2, 60);
  Sample sample;
  for (std::size_t i = 0; i < rows; ++i) {
    sample.scores.push_back(*rc::gen::inRange(1, 12) / 12.0);
    sample.failed.push_back(*rc::gen::inRange(0, 2));
  }
  sample.failed[0] = 0;
  sample.failed[1] = 1;
  return sample;
}

RC_GTEST_PROP(Auc, IsTheShareOfPairsInTheRightOrder, ()) {
  const Sample sample = Drawn();
  double wins = 0, pairs = 0;
  for (std::size_t i = 0; i < sample.scores.size(); ++i)
    for (std::size_t j = 0; j < sample.scores.size(); ++j) {
      if (sample.failed[i] < 0.5 || sample.failed[j] > 0.5) continue;
      pairs += 1;
      wins += sample.scores[i] > sample.scores[j]    ? 1
              : sample.scores[i] == sample.scores[j] ? .5
                                                     : 0;
    }
  RC_ASSERT(std::abs(Auc(sample.scores, sample.failed) - wins / pairs) < 1e-12);
}

RC_GTEST_PROP(Auc, IsTheSameAfterAMonotoneMapAndTurnsRoundWithTheScores, ()) {
  const Sample sample = Drawn();
  std::vector<double> mapped, turned;
  for (const double score : sample.scores) {
    mapped.push_back(std::exp(3 * score) - 7);
    turned.push_back(-score);
  }
  const double auc = Auc(sample.scores, sample.failed);
  RC_ASSERT(Auc(mapped, sample.failed) == auc);
  RC_ASSERT(std::abs(Auc(turned, sample.failed) - (1 - auc)) < 1e-12);
  RC_ASSERT(std::abs(AveragePrecision(mapped, sample.failed) -
                     AveragePrecision(sample.scores, sample.failed)) < 1e-12);
}

RC_GTEST_PROP(Metrics, AreTheSameInAnyOrderOfRows, ()) {
  Sample sample = Drawn();
  const Metrics metrics = Measure(sample.scores, sample.failed);
  std::reverse(sample.scores.begin(), sample.scores.end());
  std::reverse(sample.failed.begin(), sample.failed.end());
  const Metrics other = Measure(sample.scores, sample.failed);
  RC_ASSERT(std::abs(metrics.auc - other.auc) < 1e-12);
  RC_ASSERT(std::abs(metrics.average_precision - other.average_precision) < 1e-12);
  RC_ASSERT(std::abs(metrics.calibration_error - other.calibration_error) < 1e-12);
}

TEST(LogOdds, IsTheInverseOfSigmoid) {
  for (const double margin : {-700.0, -30.0, -1.0, 0.0, 0.3, 20.0})
    EXPECT_NEAR(LogOdds(Sigmoid(margin)), margin, 1e-6) << margin;
  EXPECT_EQ(Sigmoid(-1000), 0.0);
  EXPECT_EQ(Sigmoid(1000), 1.0);
}

}  // namespace
}  // namespace auspex::model
