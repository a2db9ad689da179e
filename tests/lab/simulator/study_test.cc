#include "lab/simulator/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/simulator/summary.h"

namespace auspex::lab::simulator {
namespace {

using ::testing::HasSubstr;

std::vector<Policy> Policies(const std::vector<std::string>& names) {
  auto found = FindPolicies(names);
  EXPECT_TRUE(found.ok());
  return *std::move(found);
}

TEST(Conduct, IsTheSameWithAnyNumberOfThreadsAndInAnyBlock) {
  const std::vector<Policy> policies = Policies({"argo-1m", "pipecd", "limit-10s"});
  const Study one = Conduct({.policies = policies, .first = 50, .deployments = 40, .jobs = 1}, {});
  std::size_t shown = 0;
  const Study two = Conduct({.policies = policies, .first = 60, .deployments = 30, .jobs = 3},
                            [&](std::size_t done) { shown = done; });
  EXPECT_EQ(shown, 30U);
  for (std::size_t p = 0; p < policies.size(); ++p) {
    for (std::size_t i = 0; i < 30; ++i) {
      const Outcome& a = one.outcomes[p][i + 10];
      const Outcome& b = two.outcomes[p][i];
      EXPECT_EQ(one.deployments[i + 10].number, two.deployments[i].number);
      EXPECT_EQ(a.end, b.end);
      EXPECT_EQ(a.end_s, b.end_s);
      EXPECT_EQ(a.harmed, b.harmed);
      EXPECT_EQ(a.full_s, b.full_s);
    }
  }
}

TEST(FindPolicies, KnowsNamesAndBeginnings) {
  EXPECT_EQ(Policies({"argo-*"}).size(), 2U);
  EXPECT_EQ(Policies({"argo-1m", "argo-*"}).size(), 2U);
  EXPECT_EQ(Policies({"*"}).size(), AllPolicies().size());
  EXPECT_EQ(Policies({}).size(), AllPolicies().size() - 3U) << "but those only by name";
  const auto missing = FindPolicies({"argo"});
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("no policy 'argo'; there is flagger, "));
}

// Property 11 of docs/statistics.md: who harms less, who catches more, who is wrong more often.
TEST(ScenarioSet, OrdersThePolicies) {
  const std::vector<Policy> policies =
      Policies({"flagger", "argo-1m", "argo-5m", "rule-5", "classic-balanced", "limit-10s"});
  const Summary summary =
      Summarize(Conduct({.policies = policies, .first = 1, .deployments = 1500, .jobs = 2}, {}),
                {.reference = "", .resamples = 1});
  const auto of = [&](std::size_t policy) -> const Figures& {
    return summary.policies[policy].figures;
  };
  const Figures &flagger = of(0), &argo = of(1), &argo5 = of(2), &rule = of(3), &ours = of(4),
                &limit = of(5);
  EXPECT_LT(limit.harmed_mean->value, ours.harmed_mean->value);
  EXPECT_LT(ours.harmed_mean->value, .2 * argo.harmed_mean->value);
  EXPECT_LT(argo.harmed_mean->value, argo5.harmed_mean->value);
  EXPECT_LT(ours.harmed_mean->value, .2 * rule.harmed_mean->value);
  EXPECT_LT(rule.harmed_mean->value, flagger.harmed_mean->value);
  EXPECT_LT(argo5.harmed_mean->value, flagger.harmed_mean->value);
  EXPECT_GT(ours.caught->value, argo5.caught->value);
  EXPECT_GT(argo.caught->value, flagger.caught->value);
  EXPECT_LT(ours.false_share->value, .03);
  EXPECT_LT(ours.false_share->value, argo5.false_share->value);
  EXPECT_LT(argo5.false_share->value, argo.false_share->value);
  EXPECT_LT(ours.full_s_median->value, flagger.full_s_median->value);
}

}  // namespace
}  // namespace auspex::lab::simulator
