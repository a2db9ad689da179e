#include "auspex/risk/outcome_model.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "auspex/base/random.h"

namespace auspex::risk {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double LogOdds(double p) { return std::log(p / (1.0 - p)); }
double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

OutcomeModel MustFit(const std::vector<Belief>& beliefs, const std::vector<Outcome>& outcomes) {
  auto model = OutcomeModel::Fit(beliefs, outcomes);
  EXPECT_TRUE(model.ok()) << model.error().message;
  return *std::move(model);
}

std::vector<Outcome> Of(const std::string& service, int failed, int good, double base = .15) {
  std::vector<Outcome> outcomes;
  for (int i = 0; i < failed + good; ++i)
    outcomes.push_back({service, LogOdds(base), {}, i < failed});
  return outcomes;
}

RC_GTEST_PROP(OutcomeModel, AnswersTheBaseWhereNothingIsKnown, ()) {
  const double base = *rc::gen::element(.001, .05, .15, .5, .9);
  const OutcomeModel model = MustFit({{.7, .3}, {-.2, .5}}, {});
  const auto answer = model.Predict("checkout", LogOdds(base), std::vector<double>{kNan, 0.0});
  RC_ASSERT(std::abs(answer.p - base) < 1e-12);
  RC_ASSERT(answer.low < base && base < answer.high);
  RC_ASSERT(answer.outcomes_all == 0U);
}

TEST(OutcomeModel, ABeliefAloneMovesTheAnswer) {
  const OutcomeModel model = MustFit({{.7, .3}}, {});
  const auto usual = model.Predict("s", LogOdds(.15), std::vector<double>{0.0});
  const auto worse = model.Predict("s", LogOdds(.15), std::vector<double>{2.0});
  EXPECT_GT(worse.p, usual.p);
  EXPECT_NEAR(worse.contributions[0], 1.4, 1e-12);
}

// By summing over a fine grid of (a, u) of one service: what Laplace and MacKay approximate.
double ByIntegration(int failed, int good, double base) {
  const double stretch = std::sqrt(1.0 + M_PI *
                                             (OutcomeModel::kSharedSd * OutcomeModel::kSharedSd +
                                              OutcomeModel::kServiceSd * OutcomeModel::kServiceSd) /
                                             8.0);
  double mass = 0.0, mean = 0.0;
  for (double a = -3.0; a <= 3.0; a += .02) {
    for (double u = -4.0; u <= 4.0; u += .02) {
      const double p = Sigmoid(stretch * LogOdds(base) + a + u);
      const double log_density =
          -a * a / 2.0 / .25 - u * u / 2.0 / .49 + failed * std::log(p) + good * std::log1p(-p);
      mass += std::exp(log_density);
      mean += std::exp(log_density) * p;
    }
  }
  return mean / mass;
}

TEST(OutcomeModel, IsCloseToTheWholePosterior) {
  for (const auto& [failed, good] : {std::pair{0, 5}, {1, 3}, {3, 17}, {5, 5}, {0, 60}}) {
    const OutcomeModel model = MustFit({}, Of("s", failed, good));
    const double p = model.Predict("s", LogOdds(.15), {}).p;
    EXPECT_NEAR(p, ByIntegration(failed, good, .15), .012) << failed << " of " << failed + good;
  }
}

RC_GTEST_PROP(OutcomeModel, FailuresRaiseItAndSuccessesLowerIt, ()) {
  const int failed = *rc::gen::inRange(0, 8);
  const int good = *rc::gen::inRange(0, 30);
  const auto p = [](const std::vector<Outcome>& outcomes, const std::string& service) {
    return MustFit({}, outcomes).Predict(service, LogOdds(.15), {}).p;
  };
  const double now = p(Of("s", failed, good), "s");
  RC_ASSERT(p(Of("s", failed + 1, good), "s") > now);
  RC_ASSERT(p(Of("s", failed, good + 1), "s") < now);
  // Another service hears of it, and less; where it is as was assumed there is little to hear.
  const double heard = LogOdds(p(Of("s", failed, good), "t")) - LogOdds(.15);
  const double moved = LogOdds(now) - LogOdds(.15);
  if (std::abs(moved) > .3) RC_ASSERT(heard * moved > 0.0 && std::abs(heard) < std::abs(moved));
}

TEST(OutcomeModel, IsAtTheModeOfThePosterior) {
  Random random(7);
  const std::vector<Belief> beliefs = {{.5, .3}, {0, 1}};
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 400; ++i) {
    const double x = random.Normal();
    const double y = i % 7 == 0 ? kNan : random.Normal();
    const double eta = -1.5 + .8 * x - .4 * (std::isnan(y) ? 0.0 : y) + (i % 3) * .5;
    outcomes.push_back(
        {fmt::format("s{}", i % 3), LogOdds(.2), {x, y}, random.Uniform() < Sigmoid(eta)});
  }
  const OutcomeModel model = MustFit(beliefs, outcomes);
  // The derivative by each coefficient vanishes: what the data pull is what the belief holds.
  std::vector<double> pull(2, 0.0);
  for (const Outcome& outcome : outcomes) {
    const auto answer = model.Predict(outcome.service, outcome.base_log_odds, outcome.scaled);
    const double stretch = std::sqrt(1.0 + M_PI * .74 / 8.0);
    double eta = stretch * outcome.base_log_odds + answer.shared;
    for (const double one : answer.contributions) eta += one;
    for (std::size_t j = 0; j < 2; ++j) {
      const double value = std::isnan(outcome.scaled[j]) ? 0.0 : outcome.scaled[j];
      pull[j] += ((outcome.failed ? 1.0 : 0.0) - Sigmoid(eta)) * value;
    }
  }
  for (std::size_t j = 0; j < 2; ++j) {
    const double held =
        (model.coefficients()[j] - beliefs[j].mean) / (beliefs[j].sd * beliefs[j].sd);
    EXPECT_NEAR(pull[j], held, 1e-6);
  }
}

TEST(OutcomeModel, FindsWhatTheOutcomesSayAgainstAWrongBelief) {
  Random random(3);
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 4000; ++i) {
    const double x = random.Normal();
    outcomes.push_back({"s", LogOdds(.15), {x}, random.Uniform() < Sigmoid(LogOdds(.15) - .6 * x)});
  }
  const OutcomeModel model = MustFit({{.7, .35}}, outcomes);
  EXPECT_NEAR(model.coefficients()[0], -.6, .15);
}

TEST(OutcomeModel, EqualInputsGiveEqualBits) {
  const auto outcomes = Of("s", 3, 20);
  const auto one = MustFit({}, outcomes).Predict("s", LogOdds(.15), {});
  const auto two = MustFit({}, outcomes).Predict("s", LogOdds(.15), {});
  EXPECT_EQ(one.p, two.p);
  EXPECT_EQ(one.low, two.low);
}

TEST(OutcomeModel, RefusesWhatItCannotUse) {
  const auto code = [](const std::vector<Belief>& beliefs, const std::vector<Outcome>& outcomes) {
    const auto model = OutcomeModel::Fit(beliefs, outcomes);
    return model.ok() ? std::string() : model.error().message;
  };
  EXPECT_NE(code({{0.0, 0.0}}, {}), "");
  EXPECT_NE(code({}, {{"s", 0.0, {1.0}, true}}), "");
  EXPECT_NE(code({}, {{"s", kNan, {}, true}}), "");
  EXPECT_NE(code({{0.0, 1.0}}, {{"s", 0.0, {std::numeric_limits<double>::infinity()}, true}}), "");
}

}  // namespace
}  // namespace auspex::risk
