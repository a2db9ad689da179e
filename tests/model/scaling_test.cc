#include "auspex/model/scaling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace auspex::model {
namespace {

const double kNaN = std::nan("");

Examples Of(Feature feature, std::vector<double> values) {
  Examples examples;
  examples.table = {{feature.name}, values};
  examples.features = {std::move(feature)};
  examples.failed.assign(values.size(), 0.0);
  examples.weights.assign(values.size(), 1.0);
  return examples;
}

std::vector<double> Scaled(const Examples& examples, double value) {
  const auto inputs = FitScaling(examples);
  std::vector<double> out(inputs.size());
  Scale(inputs, examples.features, std::vector{value}, out);
  return out;
}

TEST(Scaling, TakesTheLogarithmOfCountsAndStandardises) {
  const Examples examples = Of({"n", "", FeatureScale::kLog1p, "", 0, 0}, {0, std::exp(2) - 1});
  EXPECT_NEAR(Scaled(examples, 0)[0], -1.0, 1e-9);
  EXPECT_NEAR(Scaled(examples, std::exp(1) - 1)[0], 0.0, 1e-9);
}

TEST(Scaling, CountsWhatIsBeyondTheExamplesAsTheirEdge) {
  const Examples examples = Of({"n", "", FeatureScale::kLinear, "", 0, 0}, {0, 10});
  EXPECT_EQ(Scaled(examples, 1e300), Scaled(examples, 10));
  EXPECT_EQ(Scaled(examples, -5), Scaled(examples, 0));
}

TEST(Scaling, PutsTheMedianForWhatIsMissingAndSaysSo) {
  const Examples examples = Of({"n", "", FeatureScale::kLinear, "", 0, 0}, {1, 2, 9, kNaN});
  const auto inputs = FitScaling(examples);
  ASSERT_EQ(inputs.size(), 2U);
  EXPECT_EQ(inputs[1].kind, ScaledInput::Kind::kMissing);
  EXPECT_EQ(Scaled(examples, kNaN)[0], Scaled(examples, 2)[0]);
  EXPECT_GT(Scaled(examples, kNaN)[1], Scaled(examples, 2)[1]);
}

TEST(Scaling, HasNoInputForWhatNeverVaries) {
  EXPECT_TRUE(FitScaling(Of({"n", "", FeatureScale::kLinear, "", 0, 0}, {7, 7, 7})).empty());
  EXPECT_TRUE(FitScaling(Of({"n", "", FeatureScale::kLinear, "", 0, 0}, {kNaN, kNaN})).empty());
}

TEST(Scaling, MakesMidnightNearTheLastHour) {
  const Examples examples =
      Of({"hour", "h", FeatureScale::kCyclic, "", 24, 0}, {0, 6, 12, 18, 3, 9, 15, 21});
  const auto distance = [&examples](double a, double b) {
    const auto x = Scaled(examples, a), y = Scaled(examples, b);
    return std::hypot(x[0] - y[0], x[1] - y[1]);
  };
  EXPECT_NEAR(distance(23, 1), distance(11, 13), 1e-9);
  EXPECT_NEAR(Scaled(examples, 24)[0], Scaled(examples, 0)[0], 1e-9);
}

TEST(Scaling, KeepsSharesOffTheirEnds) {
  const Examples examples = Of({"s", "", FeatureScale::kShare, "", 0, 0}, {0, 0.5, 1});
  EXPECT_TRUE(std::isfinite(Scaled(examples, 0)[0]));
  EXPECT_NEAR(Scaled(examples, 0)[0], -Scaled(examples, 1)[0], 1e-9);
}

TEST(DescribeColumns, ChoosesAScaleFromTheValues) {
  const Table table{{"flag", "count", "share", "signed", "known"},
                    {0, 3, 0.2, -50, 1, 1, 500, 0.9, 60, 2, kNaN, kNaN, kNaN, kNaN, kNaN}};
  const std::vector<Feature> known = {{"known", "h", FeatureScale::kCyclic, "at {}", 24, 0}};
  const auto features = DescribeColumns(table, known);
  EXPECT_EQ(features[0].scale, FeatureScale::kFlag);
  EXPECT_EQ(features[1].scale, FeatureScale::kLog1p);
  EXPECT_EQ(features[2].scale, FeatureScale::kLinear);
  EXPECT_EQ(features[3].scale, FeatureScale::kLinear);
  EXPECT_EQ(features[4], known[0]);
}

}  // namespace
}  // namespace auspex::model
