#include "auspex/model/calibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/model/metrics.h"

namespace auspex::model {
namespace {

struct Sample {
  std::vector<double> margins, failed, weights;
};

// Margins whose true log-odds are slope * margin + intercept.
Sample Drawn(std::size_t rows, double slope, double intercept) {
  Random random(5);
  Sample sample;
  for (std::size_t i = 0; i < rows; ++i) {
    sample.margins.push_back(2 * random.Normal());
    const double chance = Sigmoid(slope * sample.margins.back() + intercept);
    sample.failed.push_back(random.Chance(chance) ? 1 : 0);
    sample.weights.push_back(1);
  }
  return sample;
}

TEST(Calibration, FindsSlopeAndShiftOfManyRows) {
  const Sample sample = Drawn(40'000, 0.6, -0.8);
  const Calibration fit = FitCalibration(sample.margins, sample.failed, sample.weights);
  EXPECT_NEAR(fit.slope, 0.6, 0.03);
  EXPECT_NEAR(fit.intercept, -0.8, 0.05);
}

TEST(Calibration, OfFewRowsChangesLittle) {
  const Sample sample = Drawn(30, 0.6, -0.8);
  const Calibration fit = FitCalibration(sample.margins, sample.failed, sample.weights);
  EXPECT_NEAR(fit.slope, 1.0, 0.3);
  EXPECT_NEAR(fit.intercept, 0.0, 0.15);
}

TEST(Calibration, IsAsItIsWithoutBothOutcomes) {
  const std::vector<double> margins = {0.1, 3.0}, same = {1, 1}, weights = {1, 1};
  EXPECT_EQ(FitCalibration(margins, same, weights), Calibration{});
  EXPECT_EQ(FitCalibration({}, {}, {}), Calibration{});
}

TEST(Calibration, KeepsTheOrderOfAClassifierThatIsWrongWayRound) {
  const Sample sample = Drawn(20'000, -1.0, 0.0);
  const Calibration fit = FitCalibration(sample.margins, sample.failed, sample.weights);
  EXPECT_GT(fit.slope, 0.0);
  EXPECT_LT(fit.slope, 0.1);
}

TEST(Calibration, FollowsTheRowsThatCountMost) {
  Sample sample = Drawn(20'000, 1.0, -1.0);
  const Sample late = Drawn(20'000, 1.0, 1.0);
  for (double& weight : sample.weights) weight = 1e-6;
  sample.margins.insert(sample.margins.end(), late.margins.begin(), late.margins.end());
  sample.failed.insert(sample.failed.end(), late.failed.begin(), late.failed.end());
  sample.weights.insert(sample.weights.end(), late.weights.begin(), late.weights.end());
  EXPECT_NEAR(FitCalibration(sample.margins, sample.failed, sample.weights).intercept, 1.0, 0.1);
}

TEST(Calibration, SettlesOnMarginsThatAreFarOut) {
  const std::vector<double> margins = {-800, 900, -700, 600}, failed = {0, 1, 1, 0},
                            weights = {1, 1, 1, 1};
  const Calibration fit = FitCalibration(margins, failed, weights);
  EXPECT_TRUE(std::isfinite(fit.slope));
  EXPECT_TRUE(std::isfinite(fit.intercept));
  EXPECT_GT(fit.slope, 0.0);
}

}  // namespace
}  // namespace auspex::model
