#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "auspex/base/random.h"
#include "auspex/evidence/rate_evidence.h"
#include "auspex/evidence/share_evidence.h"

namespace auspex::evidence {
namespace {

struct Setting {
  double share;   // of the canary
  double canary;  // true rates
  double baseline;
  double plug_in;  // what the evidence takes for the baseline's
  double tolerated;
};

// One request: its arm is drawn with the planned share, then whether it is an event.
double ExpectedOfOneRequest(double psi, const Setting& s) {
  const auto e = [&](const Counts& counts) {
    return std::exp(LogRatioPlanned(psi, counts, s.plug_in, s.share, s.tolerated));
  };
  return s.share * (s.canary * e({1, 1, 0, 0}) + (1 - s.canary) * e({0, 1, 0, 0})) +
         (1 - s.share) * (s.baseline * e({0, 0, 1, 1}) + (1 - s.baseline) * e({0, 0, 0, 1}));
}

// Section 9, property 2, at planned shares: whatever the share, the true rates within the null, the
// plug-in rate and the alternative, a request multiplies E by 1 on average at most.
TEST(PlannedShare, OneRequestIsAnEValue) {
  double worst = 0.0;
  for (const double share : {.0002, .001, .02, .1, .3, .5, .7, .95, .9999}) {
    for (const double tolerated : {1.1, 2.0, 4.73}) {
      for (const double p : {1e-6, 1e-4, .001, .01, .1, .3, .5, .8}) {
        for (const double rho : {0.0, .5, .9, 1.0, tolerated}) {
          if (rho * p >= 1.0) continue;
          for (const double plug_in : {1e-6, 1e-3, .01, .1, .5, .9}) {
            const RateGrid grid(std::min(.6, plug_in));
            for (std::size_t j = 0; j < grid.size(); ++j) {
              worst =
                  std::max(worst, ExpectedOfOneRequest(grid.odds()[j], {.share = share,
                                                                        .canary = rho * p,
                                                                        .baseline = p,
                                                                        .plug_in = plug_in,
                                                                        .tolerated = tolerated}));
            }
          }
        }
      }
    }
  }
  EXPECT_LE(worst, 1.0 + 1e-12);
  EXPECT_GT(worst, 1.0 - 1e-9);  // the bound is reached: the test measures something
}

RC_GTEST_PROP(PlannedShare, OneRequestIsAnEValueForAnySetting, (std::uint64_t seed)) {
  Random random(seed);
  for (int i = 0; i < 500; ++i) {
    Setting setting{.share = random.Uniform(),
                    .canary = 0,
                    .baseline = std::pow(10, -6 * random.Uniform()),
                    .plug_in = .9 * std::pow(10, -6 * random.Uniform()),
                    .tolerated = 1.1 * (1 + 3.3 * random.Uniform())};
    setting.canary = std::min(
        1.0, setting.baseline * setting.tolerated * (random.Chance(.5) ? 1 : random.Uniform()));
    if (setting.canary >= 1.0) continue;
    const double psi = setting.tolerated * (1 + std::exp(random.Uniform() * 9 - 3));
    RC_ASSERT(ExpectedOfOneRequest(psi, setting) <= 1.0 + 1e-12);
  }
}

// Where the planned share is what the counts show, both say the same.
TEST(PlannedShare, AgreesWithTheCountsWhereTheyAreAsPlanned) {
  const Counts counts{
      .canary_events = 7, .canary_requests = 200, .baseline_events = 9, .baseline_requests = 800};
  for (const double psi : {1.5, 3.0, 30.0})
    EXPECT_NEAR(LogRatioPlanned(psi, counts, .01, .2), LogRatioProjected(psi, counts, .01), 1e-12);
}

TEST(PlannedShare, AnEmptyArmTellsSomething) {
  // Five baseline requests failed and none of the canary's, which has a hundredth of the traffic.
  EXPECT_LT(LogRatioPlanned(5, {0, 0, 5, 100}, .01, .01), 0.0);
  EXPECT_GT(LogRatioPlanned(5, {5, 5, 0, 0}, .01, .01), 0.0);
  EXPECT_EQ(LogRatioProjected(5, {5, 5, 0, 0}, .01), 0.0);
}

// For each alternative the log ratio grows with the canary's events, the more the larger the
// alternative: this is why more events of a metric never make its expected harm smaller.
TEST(PlannedShare, GraverAlternativesGainMoreByAnEvent) {
  for (const double p : {1e-6, 1e-3, .01, .1, .5, .9}) {
    const RateGrid grid(std::min(p, .6));
    for (const double share : {.0002, .02, .5, .95}) {
      const Counts none{0, 1000 * share, 0, 1000 * (1 - share)};
      Counts one = none;
      one.canary_events = 1;
      double last = 0.0;
      for (std::size_t j = 0; j < grid.size(); ++j) {
        const double gain =
            LogRatioProjected(grid.odds()[j], one, p) - LogRatioProjected(grid.odds()[j], none, p);
        EXPECT_GE(gain, last - 1e-9) << p << " " << share << " " << grid.odds()[j];
        last = gain;
      }
    }
  }
}

TEST(ShareEvidence, OneTickIsAnEValue) {
  for (const double share : {.001, .1, .5, .9}) {
    constexpr int kRequests = 12;
    double expected = 0.0;
    double chance = std::pow(1 - share, kRequests);
    for (int k = 0; k <= kRequests; ++k) {
      ShareEvidence evidence;
      evidence.Step(k, kRequests - k, share, .01);
      expected += chance * std::exp(evidence.log_e());
      chance *= share / (1 - share) * (kRequests - k) / (k + 1);
    }
    EXPECT_NEAR(expected, 1.0, 1e-12) << share;
  }
}

TEST(ShareEvidence, HonestSharesStayBelowTheBarAndOthersDoNot) {
  Random random(11);
  int alarms = 0;
  for (int run = 0; run < 200; ++run) {
    ShareEvidence evidence;
    double most = 0.0;
    for (int tick = 0; tick < 300; ++tick) {
      const double share = .02 + .3 * random.Uniform();
      const std::int64_t all = random.Poisson(200);
      const auto canary = static_cast<double>(random.Binomial(all, share));
      evidence.Step(canary, static_cast<double>(all) - canary, share, 1.0 / (300 + tick));
      most = std::max(most, evidence.log_e());
    }
    alarms += most >= std::log(20.0);
  }
  EXPECT_LE(alarms, 10);  // 1 in 20, at any look

  // A canary that gets 1.2 times its share of 5 %, from the second minute on.
  ShareEvidence evidence;
  int found = 0;
  for (int tick = 0; tick < 600 && evidence.log_e() < std::log(1000.0); ++tick) {
    const std::int64_t all = random.Poisson(200);
    const auto canary = static_cast<double>(random.Binomial(all, tick < 60 ? .05 : .06));
    evidence.Step(canary, static_cast<double>(all) - canary, .05, 1.0 / (300 + tick));
    found = tick;
  }
  EXPECT_GT(found, 60);
  EXPECT_LT(found, 300);
}

}  // namespace
}  // namespace auspex::evidence
