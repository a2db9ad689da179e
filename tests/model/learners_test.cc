// What every learner promises (classifier.h), and what each does on its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "auspex/model/learners/blend.h"
#include "auspex/model/learners/linear_fit.h"
#include "auspex/model/metrics.h"
#include "auspex/model/register_learners.h"
#include "tests/model/some_examples.h"

namespace auspex::model {
namespace {

LearnerRegistry All() {
  LearnerRegistry learners;
  EXPECT_TRUE(RegisterLearners(learners).ok());
  return learners;
}

class EveryLearner : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto created = All().Create(GetParam());
    ASSERT_TRUE(created.ok());
    learner_ = *std::move(created);
  }
  std::unique_ptr<Classifier> Trained(const Examples& examples, std::uint64_t seed = 1) {
    auto classifier = learner_->Train(examples, seed);
    EXPECT_TRUE(classifier.ok()) << classifier.error().message;
    return *std::move(classifier);
  }
  std::unique_ptr<Learner> learner_;
};

TEST_P(EveryLearner, LearnsARule) {
  const auto classifier = Trained(SomeExamples(3000, 1));
  const Examples later = SomeExamples(3000, 2);
  std::vector<double> rule;
  for (std::size_t row = 0; row < later.table.rows(); ++row)
    rule.push_back(TrueMargin(later.table.At(row, 0), later.table.At(row, 1)));
  const double best = Auc(rule, later.failed);
  EXPECT_GT(best, 0.7);
  EXPECT_GT(Auc(*classifier->Margins(later.table), later.failed), best - 0.015);
}

TEST_P(EveryLearner, GivesEqualBytesForEqualExamplesAndSeed) {
  const Examples examples = SomeExamples(400, 1);
  EXPECT_EQ(*Trained(examples)->Save(), *Trained(examples)->Save());
  EXPECT_NE(*Trained(examples)->Save(), *Trained(SomeExamples(400, 2))->Save());
}

TEST_P(EveryLearner, HasContributionsThatSumToTheMargin) {
  const Examples examples = SomeExamples(500, 1);
  const auto classifier = Trained(examples);
  const auto margins = *classifier->Margins(examples.table);
  const auto parts = *classifier->Contribute(examples.table);
  ASSERT_EQ(parts.features, 3U);
  for (std::size_t row = 0; row < margins.size(); ++row) {
    double sum = 0;
    for (const double part : parts.Row(row)) sum += part;
    ASSERT_NEAR(sum, margins[row], 1e-4) << row;
  }
}

TEST_P(EveryLearner, SaysTheSameWhenReadBack) {
  const Examples examples = SomeExamples(500, 1);
  const auto classifier = Trained(examples);
  const std::string bytes = *classifier->Save();
  const auto read = learner_->Load(bytes);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ((*read)->features(), classifier->features());
  EXPECT_EQ(*(*read)->Margins(examples.table), *classifier->Margins(examples.table));
  EXPECT_EQ(*(*read)->Save(), bytes);
}

TEST_P(EveryLearner, RefusesOtherColumns) {
  const auto classifier = Trained(SomeExamples(300, 1));
  Table table = SomeExamples(3, 2).table;
  std::swap(table.columns[0], table.columns[1]);
  const auto margins = classifier->Margins(table);
  ASSERT_FALSE(margins.ok());
  EXPECT_EQ(margins.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(margins.error().message.find("column 1 is 'risky'"), std::string::npos)
      << margins.error().message;
  EXPECT_FALSE(classifier->Contribute(table).ok());
}

TEST_P(EveryLearner, NeedsBothOutcomes) {
  Examples examples = SomeExamples(100, 1);
  std::fill(examples.failed.begin(), examples.failed.end(), 1.0);
  const auto classifier = learner_->Train(examples, 1);
  ASSERT_FALSE(classifier.ok());
  EXPECT_EQ(classifier.error().code, ErrorCode::kNoData);
}

TEST_P(EveryLearner, AnswersForNoRowsForMissingValuesAndForExtremes) {
  const auto classifier = Trained(SomeExamples(300, 1));
  Table table = SomeExamples(0, 1).table;
  EXPECT_TRUE(classifier->Margins(table)->empty());
  const double nan = std::nan("");
  table.values = {nan, nan, nan, 1e308, 1, -1e308};
  const auto margins = *classifier->Margins(table);
  EXPECT_TRUE(std::isfinite(margins[0]));
  EXPECT_TRUE(std::isfinite(margins[1]));
}

TEST_P(EveryLearner, LearnsFromAFewRows) {
  const auto classifier = Trained(SomeExamples(30, 1));
  EXPECT_EQ(classifier->Margins(SomeExamples(5, 2).table)->size(), 5U);
}

TEST_P(EveryLearner, RefusesDamagedBytes) {
  const std::string bytes = *Trained(SomeExamples(100, 1))->Save();
  for (const std::string& damaged :
       {std::string(), std::string("{}"), std::string("[1]"), bytes.substr(0, bytes.size() / 2)}) {
    const auto read = learner_->Load(damaged);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, ErrorCode::kDataLoss) << read.error().message;
  }
}

INSTANTIATE_TEST_SUITE_P(Learners, EveryLearner, testing::ValuesIn(All().Names()),
                         [](const auto& param) { return param.param; });

// Reference: scikit-learn 1.9.1, LogisticRegression(C=0.5, solver='newton-cholesky', tol=1e-14).
TEST(LinearFit, IsThatOfTheReference) {
  const std::vector<double> inputs = {0.5,  1.0,  -1.2, 0.3, 0.1,  -0.7, 1.5, 0.2,
                                      -0.4, -1.1, 0.9,  1.4, -0.8, 0.6,  0.2, -0.2};
  const std::vector<double> failed = {1, 0, 0, 1, 0, 1, 1, 0};
  const std::vector<double> weights = {1, 2, 1, .5, 1, 1, .25, 1.5};
  const LinearFit fit = FitLogistic(inputs, 2, failed, weights, 2.0);
  EXPECT_TRUE(fit.converged);
  EXPECT_NEAR(fit.coefficients[0], -0.8442378009111362, 1e-5);
  EXPECT_NEAR(fit.coefficients[1], 0.5904420380632023, 1e-5);
  EXPECT_NEAR(fit.coefficients[2], 0.6852347714171744, 1e-5);
}

TEST(LinearFit, SettlesWhereALineDividesTheOutcomes) {
  const std::vector<double> inputs = {-2, -1, 1, 2}, failed = {0, 0, 1, 1}, weights(4, 1.0);
  const LinearFit fit = FitLogistic(inputs, 1, failed, weights, 1e-3);
  EXPECT_TRUE(fit.converged);
  EXPECT_GT(fit.coefficients[1], 1.0);
  EXPECT_TRUE(std::isfinite(fit.coefficients[1]));
}

TEST(LinearFit, WithoutInputsIsTheBaseRate) {
  const std::vector<double> failed = {1, 0, 0, 0}, weights(4, 1.0);
  const LinearFit fit = FitLogistic({}, 0, failed, weights, 1.0);
  EXPECT_NEAR(Sigmoid(fit.coefficients[0]), 0.25, 1e-6);
}

TEST(Xgboost, NeverGoesAgainstADirectionThatAFeatureHas) {
  Examples examples = SomeExamples(1500, 3);
  // The truth goes up with lines; the model is told that it never does.
  examples.features[0].monotone = -1;
  const auto learner = *All().Create("xgboost");
  const auto classifier = *learner->Train(examples, 1);
  Table rising{examples.table.columns, {}};
  for (int lines = 0; lines < 400; lines += 5)
    rising.values.insert(rising.values.end(), {static_cast<double>(lines), 0.0, 0.0});
  const auto margins = *classifier->Margins(rising);
  EXPECT_TRUE(std::is_sorted(margins.rbegin(), margins.rend()));
}

TEST(Blend, IsTheMeanOfItsMembers) {
  const Examples examples = SomeExamples(300, 1);
  std::vector<std::vector<double>> members;
  for (const std::string& name : BlendMembers())
    members.push_back(*(*(*All().Create(name))->Train(examples, 1))->Margins(examples.table));
  const auto blend = *(*(*All().Create("blend"))->Train(examples, 1))->Margins(examples.table);
  EXPECT_EQ(blend, BlendMargins(members));
  EXPECT_NEAR(blend[0], (members[0][0] + members[1][0]) / 2, 1e-12);
}

TEST(Learners, AreAllInTheRegistry) {
  EXPECT_EQ(All().Names(), (std::vector<std::string>{"blend", "logistic", "xgboost"}));
}

}  // namespace
}  // namespace auspex::model
