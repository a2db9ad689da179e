#include "auspex/evidence/judge/requests.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "auspex/base/random.h"

namespace auspex::evidence {
namespace {

struct Load {
  int pairs = 300;
  double canary_share = 0.5;
  double slow_share = 0.0;  // of the canary's requests, five times as long
  double error_rate = 0.0;
  double canary_error_rate = 0.0;
};

std::vector<JudgedRequest> Record(const Load& load, std::uint64_t seed) {
  Random random(seed);
  std::vector<JudgedRequest> requests;
  for (int i = 0; i < 2 * load.pairs; ++i) {
    JudgedRequest request;
    request.at_s = i;
    request.canary = random.Chance(load.canary_share);
    request.latency_ms = 100.0 * std::exp(0.3 * random.Normal());
    if (request.canary && random.Chance(load.slow_share)) request.latency_ms *= 5.0;
    request.ok = !random.Chance(request.canary ? load.canary_error_rate : load.error_rate);
    requests.push_back(request);
  }
  return requests;
}

Judgement Judge(const std::vector<JudgedRequest>& requests, JudgeOptions options = {}) {
  return JudgeRequests(requests, {""}, options);
}

TEST(JudgeRequests, FindsAFaultInATenthOfTheRequests) {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Judgement judgement = Judge(Record({.slow_share = 0.10}, seed));
    found += judgement.verdict == JudgeVerdict::kFail ? 1 : 0;
  }
  EXPECT_GE(found, 19);
}

TEST(JudgeRequests, FindsErrorsAndSaysSo) {
  const Judgement judgement =
      Judge(Record({.pairs = 500, .error_rate = 0.01, .canary_error_rate = 0.08}, 4));
  EXPECT_EQ(judgement.verdict, JudgeVerdict::kFail);
  EXPECT_EQ(judgement.metrics[0].name, "errors");
  EXPECT_EQ(judgement.metrics[0].verdict, JudgeVerdict::kFail);
  EXPECT_GT(*judgement.metrics[0].effect_low, 1.0);
  EXPECT_GT(*judgement.p_fail, 0.9);
  EXPECT_NE(judgement.reason.find("errors"), std::string::npos) << judgement.reason;
}

// At most alpha of good canaries are called bad: 400 records, 4 expected at the edge; 13 or more
// would come once in 5,000 times.
TEST(JudgeRequests, CallsFewGoodCanariesBad) {
  int bad = 0;
  int passed = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const Judgement judgement =
        Judge(Record({.pairs = 150, .error_rate = 0.02, .canary_error_rate = 0.02}, seed));
    bad += judgement.verdict == JudgeVerdict::kFail ? 1 : 0;
    passed += judgement.verdict == JudgeVerdict::kPass ? 1 : 0;
  }
  EXPECT_LT(bad, 13);
  EXPECT_GT(passed, 360);
}

// The weight rises while the base rate falls: pooled over time the canary has half of the
// baseline's errors here, or twice as many the other way round; within each hour they are alike.
TEST(JudgeRequests, IsNotFooledBySimpson) {
  for (const bool worse_first : {true, false}) {
    Random random(9);
    std::vector<JudgedRequest> requests;
    for (int i = 0; i < 8000; ++i) {
      const bool first = i < 4000;
      JudgedRequest request;
      request.at_s = i;
      request.canary = random.Chance(first ? 0.5 : 0.05);
      request.latency_ms = 10.0;
      request.ok = !random.Chance(first == worse_first ? 0.10 : 0.01);
      requests.push_back(request);
    }
    const Judgement judgement = Judge(requests);
    EXPECT_NE(judgement.verdict, JudgeVerdict::kFail) << judgement.reason;
    EXPECT_NEAR(*judgement.metrics[0].effect, 1.0, 0.35);
  }
}

TEST(JudgeRequests, ToleratesWhatItIsToldTo) {
  std::vector<JudgedRequest> requests = Record({.pairs = 3000}, 2);
  for (JudgedRequest& request : requests)
    if (request.canary) request.latency_ms *= 1.2;
  EXPECT_EQ(Judge(requests).verdict, JudgeVerdict::kFail);
  JudgeOptions lenient;
  lenient.tolerated_value_ratio = 1.25;
  EXPECT_EQ(Judge(requests, lenient).verdict, JudgeVerdict::kPass);
}

TEST(JudgeRequests, TooFewRequestsAreInconclusive) {
  const Judgement judgement = Judge(Record({.pairs = 20}, 1));
  EXPECT_EQ(judgement.verdict, JudgeVerdict::kInconclusive);
  EXPECT_NE(judgement.reason.find("too little data"), std::string::npos) << judgement.reason;
}

TEST(JudgeRequests, ALaterLookNeedsMore) {
  JudgeOptions later;
  later.look = 5;
  int once = 0, then = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto requests = Record({.slow_share = 0.05}, seed);
    once += Judge(requests).verdict == JudgeVerdict::kFail ? 1 : 0;
    const Judgement judgement = Judge(requests, later);
    // The draws show no p below 1/1000: only E proves at alpha/30.
    EXPECT_EQ(judgement.verdict == JudgeVerdict::kFail, *judgement.log_e >= std::log(3000.0));
    then += judgement.verdict == JudgeVerdict::kFail ? 1 : 0;
  }
  EXPECT_GE(once, 5);
  EXPECT_LE(then, once);
}

// However often a growing record is judged: of 150 good canaries looked at ten times each, 30 are
// allowed at alpha .2, and 45 would come once in a thousand times.
TEST(JudgeRequests, AllLooksTogetherKeepWithinAlpha) {
  int bad = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const auto all = Record({.pairs = 500, .error_rate = 0.02, .canary_error_rate = 0.02}, seed);
    bool once = false;
    for (std::int64_t look = 1; look <= 10 && !once; ++look) {
      JudgeOptions options;
      options.alpha = 0.2;
      options.look = look;
      const std::vector<JudgedRequest> seen(all.begin(), all.begin() + 100 * look);
      once = Judge(seen, options).verdict == JudgeVerdict::kFail;
    }
    bad += once ? 1 : 0;
  }
  EXPECT_LT(bad, 45);
}

// What `pass` promises: of canaries with a fault in a tenth of their requests few pass, also where
// the canary has few requests.
TEST(JudgeRequests, ATenthAtFaultSeldomPasses) {
  for (const double share : {0.5, 0.02}) {
    int passed = 0, said = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      const Judgement judgement = Judge(Record(
          {.pairs = share < 0.1 ? 1500 : 150, .canary_share = share, .slow_share = 0.1}, seed));
      passed += judgement.verdict == JudgeVerdict::kPass ? 1 : 0;
      said += judgement.verdict != JudgeVerdict::kInconclusive ? 1 : 0;
    }
    EXPECT_LE(passed, 9) << share;
    EXPECT_GT(said, 20) << share;  // else it promises nothing
  }
}

TEST(JudgeRequests, RoutesAreLookedAtOneByOne) {
  Random random(3);
  std::vector<JudgedRequest> requests;
  for (int i = 0; i < 6000; ++i) {
    JudgedRequest request;
    request.at_s = i;
    request.canary = random.Chance(0.5);
    request.latency_ms = 10.0;
    request.route = random.Chance(0.05) ? 2 : 1;
    request.ok = !random.Chance(request.canary && request.route == 2 ? 0.3 : 0.002);
    requests.push_back(request);
  }
  const Judgement judgement = JudgeRequests(requests, {"", "/", "/pay"}, {});
  EXPECT_EQ(judgement.verdict, JudgeVerdict::kFail);
  bool found = false;
  for (const MetricJudgement& metric : judgement.metrics)
    found = found || (metric.name == "errors of /pay" && metric.verdict == JudgeVerdict::kFail);
  EXPECT_TRUE(found);
}

TEST(JudgeRequests, RequestsWithoutLatencyCountForErrors) {
  auto requests = Record({.pairs = 500, .error_rate = 0.01, .canary_error_rate = 0.10}, 6);
  for (JudgedRequest& request : requests)
    request.latency_ms = std::numeric_limits<double>::quiet_NaN();
  const Judgement judgement = Judge(requests);
  ASSERT_EQ(judgement.metrics.size(), 1U);
  EXPECT_EQ(judgement.verdict, JudgeVerdict::kFail);
}

RC_GTEST_PROP(JudgeRequests, UnitsOfLatencyDoNotMatter, ()) {
  const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1000);
  auto requests = Record({.pairs = 60, .slow_share = 0.2}, seed);
  const Judgement before = Judge(requests);
  for (JudgedRequest& request : requests) request.latency_ms *= 1024.0;
  RC_ASSERT(*Judge(requests).log_e == *before.log_e);
}

}  // namespace
}  // namespace auspex::evidence
