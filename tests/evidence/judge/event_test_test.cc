#include "auspex/evidence/judge/event_test.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <vector>

namespace auspex::evidence {
namespace {

double Choose(std::int64_t n, std::int64_t k) {
  double value = 1.0;
  for (std::int64_t i = 0; i < k; ++i)
    value *= static_cast<double>(n - i) / static_cast<double>(i + 1);
  return value;
}

// P of k events on the canary at this odds ratio, by the definition.
std::vector<double> Masses(const Stratum& s, double odds) {
  std::vector<double> masses;
  double total = 0.0;
  for (std::int64_t k = 0; k <= s.events; ++k) {
    const bool possible = k <= s.canary && s.events - k <= s.baseline;
    masses.push_back(possible ? Choose(s.canary, k) * Choose(s.baseline, s.events - k) *
                                    std::pow(odds, static_cast<double>(k))
                              : 0.0);
    total += masses.back();
  }
  for (double& mass : masses) mass /= total;
  return masses;
}

RC_GTEST_PROP(EventTest, NormIsTheSumOfItsTerms, ()) {
  const Stratum s{*rc::gen::inRange(1, 40), *rc::gen::inRange(1, 40), 0};
  const Stratum stratum{s.canary, s.baseline,
                        *rc::gen::inRange<std::int64_t>(0, s.canary + s.baseline + 1)};
  const double odds = *rc::gen::element(0.01, 0.9, 1.0, 1.1, 3.0, 200.0);
  double sum = 0.0;
  for (std::int64_t k = 0; k <= stratum.events; ++k)
    if (k <= s.canary && stratum.events - k <= s.baseline)
      sum += Choose(s.canary, k) * Choose(s.baseline, stratum.events - k) *
             std::pow(odds, static_cast<double>(k));
  RC_ASSERT(std::abs(LogNoncentralNorm(stratum, odds) - std::log(sum)) < 1e-9);
}

TEST(EventTest, AStratumOfOneArmTellsNothing) {
  for (const Stratum& one : {Stratum{.canary = 0, .baseline = 3, .events = 3},
                             Stratum{.canary = 0, .baseline = 3, .events = 1},
                             Stratum{.canary = 3, .baseline = 0, .events = 3}}) {
    const std::int64_t on_canary = one.canary > 0 ? one.events : 0;
    const EventTest alone({one}, 1.1);
    EXPECT_NEAR(alone.LogE(std::vector<std::int64_t>{on_canary}), 0.0, 1e-12);
    const EventTest behind({{.canary = 20, .baseline = 20, .events = 8}, one}, 1.1);
    const double log_e = behind.LogE(std::vector<std::int64_t>{7, on_canary});
    EXPECT_TRUE(std::isfinite(log_e)) << log_e;
    EXPECT_GT(log_e, 0.0);
  }
}

// The law: whatever the true ratio up to the tolerated one, the mean of E is at most 1, over all
// outcomes of two strata.
TEST(EventTest, ExpectationIsAtMostOneUnderTheNull) {
  for (const double tolerated : {1.0, 1.1, 1.5}) {
    for (const std::vector<Stratum>& strata : {std::vector<Stratum>{{10, 10, 5}, {4, 12, 7}},
                                               {{20, 3, 4}, {1, 1, 1}},
                                               {{6, 6, 12}, {9, 30, 3}}}) {
      const EventTest test(strata, tolerated);
      for (const double share : {0.2, 0.8, 1.0}) {
        double mean = 0.0;
        const auto odds_of = [&](const Stratum& s) { return share * ToleratedOdds(s, tolerated); };
        const std::vector<double> first = Masses(strata[0], odds_of(strata[0]));
        const std::vector<double> second = Masses(strata[1], odds_of(strata[1]));
        for (std::size_t i = 0; i < first.size(); ++i)
          for (std::size_t j = 0; j < second.size(); ++j) {
            if (first[i] * second[j] == 0.0) continue;
            const std::vector<std::int64_t> seen = {static_cast<std::int64_t>(i),
                                                    static_cast<std::int64_t>(j)};
            mean += first[i] * second[j] * std::exp(test.LogE(seen));
          }
        EXPECT_LE(mean, 1.0 + 1e-9) << tolerated << " " << share;
        if (share == 1.0 && strata[0].events < strata[0].canary + strata[0].baseline) {
          EXPECT_GT(mean, 0.999);
        }
      }
    }
  }
}

// The same for what is promised to users: a ratio of rates. Over all counts of one stratum.
TEST(EventTest, ExpectationIsAtMostOneAtTheToleratedRatioOfRates) {
  constexpr double kTolerated = 1.1;
  for (const Stratum& size : {Stratum{30, 30, 0}, Stratum{30, 90, 0}, Stratum{90, 30, 0}}) {
    std::vector<EventTest> tests;  // by the number of events
    for (std::int64_t k = 0; k <= size.canary + size.baseline; ++k)
      tests.emplace_back(std::vector<Stratum>{{size.canary, size.baseline, k}}, kTolerated);
    for (const double p : {.001, .02, .1, .3, .5, .7, .85, .9}) {
      double mean = 0.0;
      double whole = 0.0;
      const auto chance = [](std::int64_t n, std::int64_t k, double rate) {
        return Choose(n, k) * std::pow(rate, static_cast<double>(k)) *
               std::pow(1.0 - rate, static_cast<double>(n - k));
      };
      for (std::int64_t c = 0; c <= size.canary; ++c) {
        for (std::int64_t b = 0; b <= size.baseline; ++b) {
          const double mass = chance(size.canary, c, kTolerated * p) * chance(size.baseline, b, p);
          const std::vector<std::int64_t> seen = {c};
          whole += mass;
          mean += mass * std::exp(tests[static_cast<std::size_t>(c + b)].LogE(seen));
        }
      }
      EXPECT_NEAR(whole, 1.0, 1e-9);
      EXPECT_LE(mean, 1.0 + 1e-9) << size.canary << '/' << size.baseline << " at " << p;
    }
  }
}

TEST(EventTest, AStratumWithoutACanaryTellsNothing) {
  const EventTest test({{0, 20, 20}}, 1.1);
  EXPECT_NEAR(test.LogE(std::vector<std::int64_t>{0}), 0.0, 1e-9);
}

TEST(EventTest, AFaultThatBeginsLateIsFound) {
  const std::vector<Stratum> strata(20, {100, 100, 4});
  const EventTest test(strata, 1.1);
  std::vector<std::int64_t> seen(20, 2);
  EXPECT_LT(test.LogE(seen), 0.0);
  for (std::size_t s = 14; s < 20; ++s) seen[s] = 4;
  EXPECT_GT(test.LogE(seen), 0.5);
}

TEST(EventTest, DrawsFollowTheirLaw) {
  const Stratum s{12, 20, 9};
  const EventTest test({s}, 1.1);
  const std::vector<double> masses = Masses(s, ToleratedOdds(s, 1.1));
  std::vector<double> seen(masses.size(), 0.0);
  Random random(3);
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i)
    seen[static_cast<std::size_t>(test.Draw(0, &random))] += 1.0 / kDraws;
  for (std::size_t k = 0; k < masses.size(); ++k)
    EXPECT_NEAR(seen[k], masses[k], 5.0 * std::sqrt(masses[k] / kDraws) + 1e-4) << k;
}

TEST(EventTest, HugeStrataStayFinite) {
  const Stratum s{5'000'000, 5'000'000, 6'000'000};
  const EventTest test({s}, 1.1);
  for (const std::int64_t k : {1'000'000, 3'000'000, 3'500'000, 5'000'000})
    EXPECT_TRUE(std::isfinite(test.LogE(std::vector<std::int64_t>{k}))) << k;
}

}  // namespace
}  // namespace auspex::evidence
