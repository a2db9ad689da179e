#include "auspex/model/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "auspex/model/metrics.h"
#include "auspex/model/register_learners.h"
#include "tests/model/some_examples.h"

namespace auspex::model {
namespace {

Model Trained() {
  LearnerRegistry learners;
  EXPECT_TRUE(RegisterLearners(learners).ok());
  auto classifier = (*learners.Create("blend"))->Train(SomeExamples(600, 1), 1);
  return {*std::move(classifier), Calibration{0.8, -0.1}};
}

TEST(Model, TakesColumnsInAnyOrderAndMoreOfThem) {
  const Model model = Trained();
  const Table table = SomeExamples(20, 2).table;
  Table other{{"more", "risky", "noise", "lines"}, {}};
  for (std::size_t row = 0; row < table.rows(); ++row)
    other.values.insert(other.values.end(),
                        {7, table.At(row, 1), table.At(row, 2), table.At(row, 0)});
  EXPECT_EQ(*model.Chances(other), *model.Chances(table));
}

TEST(Model, NamesTheColumnThatIsNotThere) {
  const Table table{{"line", "risky", "noise"}, {1, 2, 3}};
  const auto chances = Trained().Chances(table);
  ASSERT_FALSE(chances.ok());
  EXPECT_EQ(chances.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(chances.error().message.find("no column 'lines'"), std::string::npos);
  EXPECT_NE(chances.error().message.find("'line'"), std::string::npos);
}

TEST(Model, ExplainsTheChanceThatItGives) {
  const Model model = Trained();
  const Table table = SomeExamples(20, 2).table;
  const auto chances = *model.Chances(table);
  const auto explained = *model.Explain(table, 3);
  for (std::size_t row = 0; row < chances.size(); ++row) {
    EXPECT_NEAR(explained[row].chance, chances[row], 1e-5);
    // With every reason named, they lead from the usual chance to this one.
    double odds = LogOdds(explained[row].usual), left_out = 0;
    for (const Reason& reason : explained[row].reasons) odds += reason.contribution;
    left_out = 0.01 * static_cast<double>(3 - explained[row].reasons.size());
    EXPECT_NEAR(odds, LogOdds(chances[row]), 1e-4 + left_out);
  }
}

}  // namespace
}  // namespace auspex::model
