#include "auspex/model/reasons.h"

#include <gtest/gtest.h>

#include <cmath>

namespace auspex::model {
namespace {

const Feature kMigrations{"files_migration",       "files", FeatureScale::kLog1p,
                          "touches {} migrations", 0,       0};
const Feature kAge{"since_s", "s", FeatureScale::kLog1p, "comes {} after the last failure", 0, 0};
const Feature kRate{"rate", "", FeatureScale::kShare, "comes when {} of the last 20 failed", 0, 0};
const Feature kFix{"fix", "", FeatureScale::kFlag, "is a fix", 0, 0};
const Feature kBare{"la", "lines", FeatureScale::kLog1p, "", 0, 0};

TEST(InWords, SpeaksInTheUnitOfTheFeature) {
  EXPECT_EQ(InWords(kMigrations, 3), "touches 3 migrations");
  EXPECT_EQ(InWords(kAge, 7200), "comes 2 hours after the last failure");
  EXPECT_EQ(InWords(kAge, 90), "comes 1.5 minutes after the last failure");
  EXPECT_EQ(InWords(kAge, 86400), "comes 1 day after the last failure");
  EXPECT_EQ(InWords(kAge, 1), "comes 1 second after the last failure");
  EXPECT_EQ(InWords(kRate, 0.25), "comes when 25 % of the last 20 failed");
  EXPECT_EQ(InWords(kFix, 1), "is a fix");
  EXPECT_EQ(InWords(kFix, 0), "not: is a fix");
  EXPECT_EQ(InWords(kBare, 120), "la is 120 lines");
  EXPECT_EQ(InWords(kBare, 0.123456), "la is 0.123 lines");
  EXPECT_EQ(InWords(kBare, std::nan("")), "la is not known");
}

TEST(Reasons, AreTheWeightiestFirstEitherWay) {
  const std::vector<Feature> features = {kMigrations, kAge, kFix};
  const std::vector<double> row = {3, 60, 1};
  const auto reasons = ReasonsFor(features, row, std::vector{0.4, -0.9, 0.005, -1.0}, 5);
  ASSERT_EQ(reasons.size(), 2U);
  EXPECT_EQ(reasons[0].feature, "since_s");
  EXPECT_EQ(reasons[0].contribution, -0.9);
  EXPECT_EQ(reasons[1].text, "touches 3 migrations");
  EXPECT_EQ(ReasonsFor(features, row, std::vector{0.4, -0.9, 0.005, -1.0}, 1).size(), 1U);
}

}  // namespace
}  // namespace auspex::model
