#include "auspex/rollout/live_noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "auspex/rollout/codec.h"
#include "auspex/rollout/decide.h"
#include "auspex/rollout/deployment_view.h"
#include "tests/rollout/simulation.h"

namespace auspex::rollout {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::Simulation;

RolloutSpec Learning() {
  RolloutSpec spec = testing::BasicSpec();
  spec.history.gauges = {{.name = "memory", .noise = {}, .level = false, .learn = true}};
  spec.assumed = {{.text = "nothing of a signal", .gauge = "memory"}, {.text = "a warm-up"}};
  return spec;
}

json Evidence(const Rollout& rollout) { return json::parse(EvidenceJson("d1", rollout)); }

json MetricOf(const json& evidence, const std::string& name) {
  for (const json& metric : evidence["metrics"]) {
    if (metric["name"] == name) return metric;
  }
  return {};
}

// The baseline's memory wanders about 1 GB; the canary's grows by `slope` a minute more.
Simulation::Edit Memory(Random* random, double slope, double* x) {
  return [=](Inputs* inputs) {
    *x = .5 * *x + .002 * random->Normal();
    inputs->window.baseline_values["memory"] = std::log(1e9) + *x;
    inputs->window.gauges["memory"] = .003 * random->Normal() + slope * inputs->window.t_s / 60;
  };
}

TEST(LearnGauges, ALeakIsProvenOnceTheBaselineHasShownItsNoise) {
  Random random(3);
  double x = 0.0;
  Simulation simulation(Learning());
  simulation.Run(300, Memory(&random, .02, &x));
  EXPECT_EQ(MetricOf(Evidence(simulation.rollout), "slope.memory")["log_e"], 0.0);
  EXPECT_THAT(Evidence(simulation.rollout)["assumed"].dump(), HasSubstr("29 of 30 pairs"));
  simulation.Run(320, Memory(&random, .02, &x));
  EXPECT_THAT(Evidence(simulation.rollout)["learned"].dump(), HasSubstr("noise of signal memory"));
  EXPECT_EQ(Evidence(simulation.rollout)["assumed"].dump(), R"(["a warm-up"])");
  simulation.Run(3600, Memory(&random, .02, &x));
  EXPECT_EQ(simulation.rollout.last.verdict, Verdict::kFail);
  EXPECT_THAT(simulation.rollout.last.reason, HasSubstr("memory growing"));
}

TEST(LearnGauges, NoLeakIsNoEvidence) {
  Random random(4);
  double x = 0.0;
  Simulation simulation(Learning());
  simulation.Run(7000, Memory(&random, 0.0, &x));
  EXPECT_EQ(simulation.rollout.last.verdict, Verdict::kPass) << simulation.rollout.last.reason;
}

TEST(LearnGauges, BeginsWhileObserving) {
  RolloutSpec spec = Learning();
  spec.observe = true;
  spec.tick_s = 1;
  Simulation simulation(spec);
  Random random(5);
  for (int t = 0; t < 40; ++t) {
    simulation.Tick([&](Inputs* inputs) {
      inputs->window.baseline_values["memory"] = 20.0 + .01 * random.Normal();
    });
  }
  EXPECT_EQ(simulation.rollout.phase, Phase::kObserving);
  ASSERT_EQ(simulation.rollout.spec.history.gauges.size(), 1U);
  EXPECT_FALSE(simulation.rollout.spec.history.gauges[0].learn);
  // Two instances that wander alike differ by sqrt(2) times as much.
  EXPECT_NEAR(simulation.rollout.spec.history.gauges[0].noise.sigma, .01 * std::sqrt(2.0), .006);
}

TEST(LearnGauges, AGaugeThatNobodyAnsweredStaysUnused) {
  Simulation simulation(Learning());
  simulation.Run(7000, [](Inputs* inputs) { inputs->window.gauges["memory"] = 3.0; });
  EXPECT_EQ(simulation.rollout.last.verdict, Verdict::kPass);
  EXPECT_THAT(Evidence(simulation.rollout)["assumed"].dump(), HasSubstr("0 of 30 pairs"));
}

TEST(Effects, AreInTheEvidence) {
  Simulation simulation(testing::BasicSpec(), {.error_rate = .01, .canary_errors = 1.0});
  simulation.Run(1500);
  const json errors = MetricOf(Evidence(simulation.rollout), "errors");
  EXPECT_NEAR(errors["effect"].get<double>(), 1.0, .3);
  EXPECT_LT(errors["effect_low"].get<double>(), 1.0);
  EXPECT_GT(errors["effect_high"].get<double>(), 1.0);
  EXPECT_EQ(errors["requests_needed"].get<double>(), *simulation.rollout.last.requests_needed);
  // What is no rate has no ratio.
  const json high = MetricOf(Evidence(simulation.rollout), "high.t99");
  EXPECT_TRUE(high["effect"].is_null() && high["requests_needed"].is_null());
}

TEST(Effects, OfABadCanaryIsWhatItIs) {
  Simulation simulation(testing::BasicSpec(), {.error_rate = .01, .canary_errors = 8.0});
  simulation.Run(3000);
  ASSERT_EQ(simulation.rollout.last.verdict, Verdict::kFail);
  const json errors = MetricOf(Evidence(simulation.rollout), "errors");
  EXPECT_GT(errors["effect_low"].get<double>(), 1.1);
  EXPECT_GT(errors["effect_high"].get<double>(), 8.0);
  EXPECT_TRUE(errors["requests_needed"].is_null());
}

// ---- instances, by `decide`

json Decide(DecideStream* stream, const json& line) {
  const auto answer = stream->Handle(line.dump());
  return json::parse(answer.value_or("{}"));
}

json Arm(double requests, double errors, int instances, Random* random, double sd) {
  json arm{{"requests", requests}, {"errors", 0}};
  double all = 0;
  for (int i = 0; i < instances; ++i) {
    const double n = requests / instances;
    const double k = std::min(n, std::round(errors / instances * std::exp(sd * random->Normal())));
    arm["instances"].push_back({{"requests", n}, {"errors", k}});
    all += k;
  }
  arm["errors"] = all;
  return arm;
}

TEST(Instances, NoiseBetweenThemTempersTheEvidence) {
  // The canary's errors are twice the baseline's; its instances differ by much in one of the two.
  const auto log_e = [](double sd, bool listed) {
    DecideStream stream;
    Random random(6);
    Decide(&stream, {{"start", {{"deployment", "d"}, {"requests_per_s", 1000}}}});
    json answer;
    for (int t = 10; t <= 600; t += 10) {
      json canary = Arm(1000, 10, 5, &random, sd);
      json baseline = Arm(9000, 80, 5, &random, sd);
      if (!listed) canary.erase("instances"), baseline.erase("instances");
      answer =
          Decide(&stream,
                 {{"tick",
                   {{"deployment", "d"}, {"t_s", t}, {"canary", canary}, {"baseline", baseline}}}});
    }
    return answer.at("log_e").get<double>();
  };
  EXPECT_NE(log_e(.8, true), log_e(.8, false));
  EXPECT_LT(std::abs(log_e(.8, true)), std::abs(log_e(.8, false)));
}

TEST(Instances, TheirNoiseCountsInWhatIsStillNeeded) {
  evidence::History history;
  history.error_rate = .01;
  evidence::CanaryEvidence evidence({.history = history});
  const evidence::CanaryEvidence::Need need{.w = .1, .requests_per_tick = 10'000};
  const std::optional<double> before = evidence.RequestsNeeded(need);
  evidence.SetErrorSpread(.36);
  const std::optional<double> after = evidence.RequestsNeeded(need);
  ASSERT_TRUE(before && after);
  // phi = 1 + .01/.99 * 900 * .36
  EXPECT_NEAR(*after / *before, 1.0 + .01 / .99 * 900 * .36, .01);
}

TEST(Instances, BadOnesAreRefused) {
  DecideStream stream;
  Decide(&stream, {{"start", {{"deployment", "d"}}}});
  const auto error = [&](const json& instances) {
    const json answer = Decide(&stream, {{"tick",
                                          {{"deployment", "d"},
                                           {"t_s", 10},
                                           {"canary", {{"requests", 10}, {"instances", instances}}},
                                           {"baseline", {{"requests", 10}}}}}});
    return answer.value("error", "");
  };
  const auto one = [](const json& instance) { return json::array({instance}); };
  EXPECT_THAT(error(one(json{{"requests", 3}, {"errors", 4}})),
              HasSubstr("errors: a number from 0 to 3"));
  EXPECT_THAT(error(one(json{{"errors", 4}})), HasSubstr("requests: missing"));
  EXPECT_THAT(error(one(5)), HasSubstr("instances: objects with requests and errors"));
  EXPECT_THAT(error(json(std::vector<json>(1001, json{{"requests", 0}}))),
              HasSubstr("at most 1000"));
  EXPECT_EQ(error(one(json{{"requests", 3}})), "");
}

}  // namespace
}  // namespace auspex::rollout
