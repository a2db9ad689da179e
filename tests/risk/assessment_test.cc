#include "auspex/risk/assessment.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

namespace auspex::risk {
namespace {

OutcomeModel WithoutOutcomes() { return *OutcomeModel::Fit(DeploymentBeliefs(), {}); }

Question Ask(Known known) {
  return {.service = "checkout", .base_risk = .15, .known = std::move(known)};
}

TEST(DeploymentFeatures, AreNamedOnceAndUsualAtZero) {
  std::set<std::string_view> names;
  for (const DeploymentFeature& feature : DeploymentFeatures()) {
    EXPECT_TRUE(names.insert(feature.spec.name).second) << feature.spec.name;
    EXPECT_GT(feature.belief.sd, 0.0);
  }
  for (const double value : Scaled({})) EXPECT_TRUE(std::isnan(value));
  // A build that took as long as ever, of a size as ever, on a Tuesday at noon.
  const std::vector<double> usual = Scaled({{"build_duration_ratio", 1.0},
                                            {"artifact_change", 0.0},
                                            {"coverage_change", 0.02},
                                            {"hour_of_week", 36.0}});
  for (const double value : usual) EXPECT_TRUE(std::isnan(value) || value == 0.0);
}

// docs/risk.md has a table of the beliefs, which is this.
TEST(DeploymentFeatures, StandInTheDocumentation) {
  std::string table;
  for (const DeploymentFeature& feature : DeploymentFeatures())
    table += fmt::format("| `{}` | {:g} ± {:g} | {} |\n", feature.spec.name, feature.belief.mean,
                         feature.belief.sd, feature.spec.phrase);
  std::ifstream file("docs/risk.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(table), std::string::npos) << "wanted in docs/risk.md:\n" << table;
}

TEST(Assess, KnowsTheHoursPeopleWork) {
  const auto off = [](double hour) {
    return Assess(WithoutOutcomes(), Ask({{"hour_of_week", hour}}));
  };
  EXPECT_DOUBLE_EQ(off(4 * 24 + 14.9).p_fail, off(12).p_fail);
  EXPECT_GT(off(4 * 24 + 15).p_fail, off(12).p_fail);  // Friday afternoon
  EXPECT_GT(off(6 * 24 + 12).p_fail, off(12).p_fail);  // Sunday
  EXPECT_GT(off(24 + 3).p_fail, off(12).p_fail);       // at night
}

TEST(Assess, SaysWhyAndWhatWouldLowerIt) {
  const Assessment answer = Assess(
      WithoutOutcomes(), Ask({{"files_migration", 3}, {"deps_major", 1}, {"build_retries", 2}}));
  EXPECT_GT(answer.p_fail, .3);
  EXPECT_LT(answer.low, answer.p_fail);
  EXPECT_GT(answer.high, answer.p_fail);
  ASSERT_GE(answer.reasons.size(), 3U);
  EXPECT_EQ(answer.reasons[0].text, "touches 3 migrations");
  ASSERT_EQ(answer.lowering.size(), 3U);
  EXPECT_EQ(answer.lowering[0].action,
            "deploy the migration on its own, before the code that needs it");
  for (const Lowering& one : answer.lowering) EXPECT_LE(one.p_fail, .9 * answer.p_fail);
  EXPECT_EQ(answer.basis, "no outcome is known yet: it rests on what is believed of such changes");
}

TEST(Assess, AnAlternativeIsScoredLikeTheDeployment) {
  Question question = Ask({{"change_log_odds", 2.0}});
  question.alternatives = {{"deploy the first 3 commits on their own", {{"change_log_odds", 0.5}}},
                           {"deploy tomorrow", {{"change_log_odds", 2.0}}}};
  const OutcomeModel model = WithoutOutcomes();
  const Assessment answer = Assess(model, question);
  ASSERT_EQ(answer.lowering.size(), 1U);  // tomorrow changes nothing
  EXPECT_EQ(answer.lowering[0].p_fail, Assess(model, Ask({{"change_log_odds", 0.5}})).p_fail);
}

TEST(Assess, TheRepositorysReasonsStandForTheirSum) {
  Question question = Ask({{"change_log_odds", 2.0}});
  question.change = {{"la", 900, 1.5, "adds 900 lines"}, {"exp", 2000, -0.02, "its author …"}};
  const Assessment answer = Assess(WithoutOutcomes(), question);
  ASSERT_EQ(answer.reasons.size(), 1U);
  EXPECT_EQ(answer.reasons[0].text, "adds 900 lines");
  EXPECT_NEAR(answer.reasons[0].log_odds, 0.75, 1e-12);
}

TEST(Assess, SaysWhoseOutcomesItStandsOn) {
  std::vector<Outcome> outcomes(
      5, {"cart", -1.7, std::vector<double>(DeploymentFeatures().size()), false});
  const OutcomeModel model = *OutcomeModel::Fit(DeploymentBeliefs(), outcomes);
  EXPECT_EQ(Assess(model, Ask({})).basis,
            "no outcome of checkout is known yet: borrowed from 5 of other services");
  Question own = Ask({});
  own.service = "cart";
  EXPECT_EQ(Assess(model, own).basis, "5 outcomes of cart");
}

RC_GTEST_PROP(Assess, AnswersAProbabilityWhateverIsKnown, ()) {
  Known known;
  for (const DeploymentFeature& feature : DeploymentFeatures()) {
    if (*rc::gen::arbitrary<bool>())
      known[std::string(feature.spec.name)] = *rc::gen::element(
          -1e18, -1.0, 0.0, .5, 1.0, 100.0, 1e18, std::numeric_limits<double>::infinity(),
          std::numeric_limits<double>::quiet_NaN());
  }
  const Assessment answer = Assess(WithoutOutcomes(), Ask(known));
  RC_ASSERT(answer.p_fail > 0.0 && answer.p_fail < 1.0);
  RC_ASSERT(answer.low <= answer.p_fail && answer.p_fail <= answer.high);
}

}  // namespace
}  // namespace auspex::risk
