#include "auspex/rollout/lesson.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "auspex/rollout/codec.h"
#include "auspex/rollout/history.h"
#include "tests/rollout/simulation.h"

namespace auspex::rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Simulation;
using testing::Traffic;
using ::testing::UnorderedElementsAre;

RolloutSpec Spec() {
  RolloutSpec spec = testing::BasicSpec();
  spec.risk = .02;
  spec.history.error_rate = .01;
  spec.requests_per_s = 500;
  return spec;
}

constexpr Traffic kBusy{.requests_per_s = 500, .error_rate = .01};

std::vector<std::string> Texts(const std::vector<Assumption>& assumed) {
  std::vector<std::string> texts;
  for (const Assumption& one : assumed) texts.push_back(one.text);
  return texts;
}

// A whole rollout and what it teaches.
struct Trial {
  Simulation simulation;
  LessonRecorder recorder;
  explicit Trial(const RolloutSpec& spec, const Traffic& traffic = kBusy, std::uint64_t seed = 1)
      : simulation(spec, traffic, seed) {}
  std::optional<Lesson> Go(const Simulation::Edit& edit = {}) {
    Inputs kept;
    while (!simulation.Ended() && simulation.t_s < 7000) {
      simulation.Tick([&](Inputs* inputs) {
        if (edit) edit(inputs);
        kept = *inputs;
      });
      recorder.Add(simulation.rollout, kept);
    }
    return recorder.Of(simulation.rollout);
  }
};

// The canary's errors are `ratio` times as many until `until_s`.
Simulation::Edit ColdStart(double until_s, double ratio) {
  return [=](Inputs* inputs) {
    telemetry::ArmWindow& canary = inputs->window.canary;
    if (inputs->window.t_s <= until_s)
      canary.errors = std::min(canary.requests, std::round(canary.errors * ratio));
  };
}

TEST(Lesson, IsOfRolloutsThatPassedAlone) {
  EXPECT_TRUE(Trial(Spec()).Go());
  Traffic bad = kBusy;
  bad.canary_errors = 10;
  EXPECT_FALSE(Trial(Spec(), bad).Go());
  RolloutSpec short_one = Spec();
  short_one.deadline_s = 300;
  EXPECT_FALSE(Trial(short_one).Go());
  LessonRecorder recorder;
  EXPECT_FALSE(recorder.Of(Simulation(Spec()).rollout));  // still running
}

TEST(Lesson, ABlockIsFiveMinutesAfterWarmUp) {
  const auto lesson = Trial(Spec()).Go();
  ASSERT_TRUE(lesson);
  EXPECT_EQ(lesson->errors.blocks, 8.0);  // 240 s to 45 min
  ASSERT_EQ(lesson->slower.size(), 4U);
  EXPECT_EQ(lesson->slower[0].blocks, 8.0);
}

TEST(Lesson, TicksThatAreHeldTeachNothing) {
  const auto lesson = Trial(Spec()).Go([](Inputs* inputs) {
    if (inputs->window.t_s <= 600 || inputs->window.t_s > 1200) return;
    inputs->hold = "the feed is away";
    inputs->window.canary.errors = std::floor(inputs->window.canary.requests / 20);
    inputs->window.baseline.errors = std::floor(inputs->window.baseline.requests / 5);
  });
  ASSERT_TRUE(lesson);
  // With them a quarter of the blocks would be off by ln 4.
  EXPECT_LT(evidence::LongRunVariance(lesson->errors) / 10, 1.0);
}

TEST(Lesson, MeasuresAColdStart) {
  const auto warm = Trial(Spec()).Go();
  const auto cold = Trial(Spec()).Go(ColdStart(120, 4));
  ASSERT_TRUE(warm && cold);
  EXPECT_LE(warm->cold_start_s.at(0), 120);
  EXPECT_GE(cold->cold_start_s.at(0), 110);
  EXPECT_LT(cold->cold_start_s.at(0), 240);
}

TEST(Lesson, AServiceThatTellsTooLittleIsNotSaidToBeWarm) {
  RolloutSpec spec = Spec();
  spec.requests_per_s = 10;
  const auto lesson = Trial(spec, {.requests_per_s = 10, .error_rate = .001}).Go();
  ASSERT_TRUE(lesson);
  EXPECT_EQ(lesson->cold_start_s.at(0), 480);
}

TEST(Lesson, KnowsTheNoiseOfAGauge) {
  double y = 0.0;
  Random random(5);
  const auto lesson = Trial(Spec()).Go([&](Inputs* inputs) {
    y = .7 * y + .02 * random.Normal();
    inputs->window.gauges["memory"] = -.2 + y;
  });
  ASSERT_TRUE(lesson);
  ASSERT_EQ(lesson->gauges.size(), 1U);
  EXPECT_GT(lesson->gauges[0].pairs.pairs, 230);
  EXPECT_NEAR(lesson->gauges[0].highest, -.2, .1);
  const auto noise = evidence::FitNoise(lesson->gauges[0].pairs);
  ASSERT_TRUE(noise);
  EXPECT_NEAR(noise->phi, .75, .15);
  EXPECT_NEAR(noise->sigma, .02, .004);
}

TEST(Lesson, ValuesBeforeAndAfterAHoldAreNoPair) {
  const auto pairs = [](bool held) {
    const auto lesson = Trial(Spec()).Go([held](Inputs* inputs) {
      inputs->window.gauges["memory"] = .01;
      if (inputs->window.t_s <= 600 || inputs->window.t_s > 700) return;
      if (held) inputs->hold = "the feed is away";
      if (!held) inputs->window.gauges.clear();
    });
    return lesson ? lesson->gauges.at(0).pairs.pairs : 0.0;
  };
  EXPECT_GT(pairs(true), 0.0);
  EXPECT_EQ(pairs(true), pairs(false));
}

TEST(Lesson, SurvivesTheLedgerAndAdds) {
  double y = 0.0;
  const auto lesson =
      Trial(Spec()).Go([&](Inputs* inputs) { inputs->window.gauges["cpu"] = y = -y + .01; });
  ASSERT_TRUE(lesson);
  BaselineAggregate stored;
  stored.requests = 7;
  stored.lesson = *lesson;
  const auto read = AggregateFromJson(ToJson(stored));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->lesson, *lesson);
  EXPECT_LT(ToJson(stored).size(), 2000U);

  BaselineAggregate sum = *read;
  Merge(*read, &sum);
  EXPECT_EQ(sum.lesson.rollouts(), 2U);
  EXPECT_EQ(sum.lesson.errors.blocks, 2 * lesson->errors.blocks);
  EXPECT_EQ(sum.lesson.gauges.size(), 1U);
  EXPECT_EQ(sum.lesson.gauges[0].pairs.records, 2.0);
}

// Orders beside the requests, of which 5 % do not succeed; the canary's share of these wanders.
Simulation::Edit Orders(double sd, Random* random, double* x) {
  return [=](Inputs* inputs) {
    *x = .9 * *x + sd * std::sqrt(.19) * random->Normal();
    const auto orders = [&](const telemetry::ArmWindow& arm, double rate) {
      const auto all = static_cast<std::int64_t>(arm.requests);
      return telemetry::ArmWindow::Behaviour{
          .events = static_cast<double>(random->Binomial(all, std::min(.9, rate))),
          .all = arm.requests};
    };
    inputs->window.canary.behaviour = {orders(inputs->window.canary, .05 * std::exp(*x))};
    inputs->window.baseline.behaviour = {orders(inputs->window.baseline, .05)};
  };
}

TEST(Lesson, KnowsTheNoiseOfWhatUsersDo) {
  Lesson sum;
  for (std::uint64_t i = 0; i < 3; ++i) {
    Random random(20 + i);
    double x = 0.0;
    RolloutSpec spec = Spec();
    spec.history.behaviour = {{.name = "orders", .s2 = 19.0 * .2 * .2}};
    const auto lesson = Trial(spec, kBusy, 60 + i).Go(Orders(.2, &random, &x));
    ASSERT_TRUE(lesson) << i;
    Merge(*lesson, &sum);
  }
  BaselineAggregate stored;
  stored.lesson = sum;
  const auto read = AggregateFromJson(ToJson(stored));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->lesson, sum);
  RolloutSpec spec = Spec();
  spec.history.behaviour = {{.name = "orders"}, {.name = "sessions"}};
  ApplyLesson(read->lesson, {}, &spec);
  EXPECT_GT(spec.history.behaviour[0].s2, .3);  // the truth is .76
  EXPECT_LT(spec.history.behaviour[0].s2, 2.0);
  EXPECT_THAT(spec.learned, ::testing::Contains(HasSubstr("arm noise of orders")));
  EXPECT_NEAR(spec.history.behaviour[1].s2, .0475, 1e-9);
  EXPECT_THAT(Texts(spec.assumed), ElementsAre(HasSubstr("arms of sessions that wander by 5 %")));
  // What is learned of its rate later leaves its noise.
  const double s2 = spec.history.behaviour[0].s2;
  ApplyHistory({.latency_us = {},
                .routes = {},
                .requests = 3'000,
                .behaviour = {{"orders", {.events = 90, .all = 3'000}}}},
               &spec);
  EXPECT_EQ(spec.history.behaviour[0].s2, s2);
  EXPECT_NEAR(spec.history.behaviour[0].rate, .03, .001);
}

// The noise of one rate of what users do: AR(1), stationary deviation `sd` of the arms' log ratio.
struct Noise {
  double phi, sd;
};
evidence::Counts OrdersOf(double w, double* x, const Noise& noise, Random* random) {
  *x = noise.phi * *x + noise.sd * std::sqrt(1.0 - noise.phi * noise.phi) * random->Normal();
  const auto some = [&](double all, double rate) {
    return static_cast<double>(random->Binomial(std::llround(all), std::min(.9, rate)));
  };
  const double canary = std::round(2'000 * w);
  const double baseline = 2'000 - canary;
  return {some(canary, .05 * std::exp(*x)), canary, some(baseline, .05), baseline};
}

// s2 of a spec that has learned from four good rollouts.
double LearnedSpread(const Noise& noise, std::uint64_t seed) {
  Random random(seed);
  Lesson lesson;
  for (int i = 0; i < 4; ++i) {
    double x = noise.sd * random.Normal();
    evidence::SpreadRecorder recorder(300.0);
    for (int t = 0; t < 246; ++t)
      recorder.Add(OrdersOf(std::min(.95, .25 + .05 * t), &x, noise, &random), 10.0);
    Merge(recorder.Sums(), &lesson.behaviour["orders"]);
  }
  RolloutSpec spec;
  spec.history.behaviour = {{.name = "orders"}};
  ApplyLesson(lesson, {}, &spec);
  return spec.history.behaviour[0].s2;
}

// Of A/A rollouts, two hours each, those in which the rate alone would be proven at .05: its own
// bar in a rollout is thirty times as high.
double FalseAlarms(const Noise& noise, double s2, int runs, std::uint64_t seed) {
  Random random(seed);
  int alarms = 0;
  for (int run = 0; run < runs; ++run) {
    evidence::RateEvidence rate({.p_hist = .05, .overdispersion = s2});
    double x = noise.sd * random.Normal();
    double w = .02;
    for (int t = 1; t <= 720 && rate.log_e() < std::log(20.0); ++t) {
      const double hazard = 10.0 / (300.0 + 10.0 * t);
      rate.Step(OrdersOf(w, &x, noise, &random), {.hazard = hazard, .drift = .01});
      w = std::min(.5, 2.0 * w);
    }
    alarms += rate.log_e() >= std::log(20.0) ? 1 : 0;
  }
  return static_cast<double>(alarms) / runs;
}

// With s2 = 0, as it was, a good release was rolled back by what its users happened to do.
TEST(Lesson, WhatUsersDoIsNoFalseAlarmWhereItWanders) {
  constexpr int kRuns = 200;
  const double noise_of_rate = 2.0 * std::sqrt(.05 * .95 / kRuns);  // two standard errors
  for (const Noise& noise : {Noise{0, .2}, Noise{.9, .1}, Noise{.9, .2}, Noise{.9, .4}}) {
    EXPECT_LE(FalseAlarms(noise, LearnedSpread(noise, 41), kRuns, 42), .05 + noise_of_rate)
        << noise.phi << ' ' << noise.sd;
    if (noise.phi > 0.0 && noise.sd > .1) {
      EXPECT_GT(FalseAlarms(noise, 0.0, kRuns, 42), .2) << noise.phi << ' ' << noise.sd;
    }
  }
  // Nothing is known: what is assumed covers arms that wander by 5 %.
  RolloutSpec unknown;
  unknown.history.behaviour = {{.name = "orders"}};
  ApplyLesson({}, {}, &unknown);
  EXPECT_LE(FalseAlarms({.9, .05}, unknown.history.behaviour[0].s2, kRuns, 43),
            .05 + noise_of_rate);
}

TEST(Lesson, WhatAnOlderProgramStoredIsRead) {
  const auto old = AggregateFromJson(
      R"({"requests":5,"errors":1,"requests_both":6,"seconds":60,"routes":{"/":[5,1]},"latency_us":[[10,5]]})");
  ASSERT_TRUE(old.ok()) << old.error().message;
  EXPECT_EQ(old->lesson, Lesson{});
  EXPECT_EQ(old->routes.at("/").requests, 5);
  EXPECT_THAT(ToJson(*old), ::testing::Not(HasSubstr("lesson")));
  for (
      const char* bad :
      {"{", R"({"requests":5})",
       R"({"requests":5,"errors":1,"requests_both":6,"seconds":60,"routes":{},"latency_us":[],"lesson":{}})"}) {
    EXPECT_EQ(AggregateFromJson(bad).error().code, ErrorCode::kDataLoss) << bad;
  }
}

// ---- what the next rollout makes of it

// The canary's errors wander: AR(1) of .9 with the given deviation, s2 sd² 19 a tick.
Simulation::Edit Wandering(double sd, Random* random, double* x) {
  return [=](Inputs* inputs) {
    *x = .9 * *x + sd * std::sqrt(.19) * random->Normal();
    telemetry::ArmWindow& canary = inputs->window.canary;
    canary.errors = std::min(canary.requests, std::round(canary.errors * std::exp(*x)));
  };
}

Lesson Several(int rollouts, double sd = 0.0, double cold_until = 0.0) {
  Lesson sum;
  for (int i = 0; i < rollouts; ++i) {
    Random random(90 + static_cast<std::uint64_t>(i));
    double x = 0.0;
    RolloutSpec spec = Spec();
    spec.history.error_s2 = 19.0 * sd * sd;
    const auto lesson =
        Trial(spec, kBusy, 50 + static_cast<std::uint64_t>(i)).Go([&](Inputs* inputs) {
          ColdStart(cold_until, 4)(inputs);
          Wandering(sd, &random, &x)(inputs);
        });
    EXPECT_TRUE(lesson) << i;
    if (lesson) Merge(*lesson, &sum);
  }
  return sum;
}

TEST(ApplyLesson, NothingIsAssumedSilently) {
  RolloutSpec spec = Spec();
  ApplyLesson({}, {.gauges = {"memory", "cpu"}, .warm_up = true}, &spec);
  EXPECT_THAT(spec.learned, IsEmpty());
  EXPECT_THAT(Texts(spec.assumed),
              UnorderedElementsAre(HasSubstr("arms of errors, t50, t90, t99 that wander by 5 %"),
                                   HasSubstr("a warm-up of 240 s"), HasSubstr("signal memory"),
                                   HasSubstr("signal cpu")));
  EXPECT_GT(spec.history.error_s2, 0.0);
  EXPECT_LT(spec.history.error_s2, .1);
  ASSERT_EQ(spec.history.gauges.size(), 1U);  // cpu has no test before its level is known
  EXPECT_TRUE(spec.history.gauges[0].learn);
  EXPECT_EQ(spec.warm_up_s, 240);
  const Turn turn = Start(spec);
  for (const Assumption& one : spec.assumed) EXPECT_THAT(turn.decision.reason, HasSubstr(one.text));
}

TEST(ApplyLesson, ThreeGoodRolloutsTellTheNoise) {
  RolloutSpec spec = Spec();
  ApplyLesson(Several(2), {}, &spec);
  EXPECT_THAT(Texts(spec.assumed), ElementsAre(HasSubstr("(14 so far)")));
  ApplyLesson(Several(3), {}, &spec);
  EXPECT_THAT(Texts(spec.assumed), IsEmpty());
  EXPECT_EQ(spec.learned.size(), 4U);
  // What 21 degrees of freedom cannot tell from 0 where 5 % of the traffic is the baseline's.
  EXPECT_LT(spec.history.error_s2, .3);
  EXPECT_LT(spec.history.latency_s2[0], .01);
  RolloutSpec noisy = Spec();
  const Lesson lesson = Several(3, .3);
  ApplyLesson(lesson, {}, &noisy);
  EXPECT_GT(noisy.history.error_s2, .6);  // the truth is 1.71
  EXPECT_LT(noisy.history.error_s2, 5.0);
  EXPECT_LT(noisy.history.latency_s2[0], noisy.history.error_s2);
  // A tick of half the length has twice the variance.
  RolloutSpec fast = Spec();
  fast.tick_s = 5;
  ApplyLesson(lesson, {}, &fast);
  EXPECT_NEAR(fast.history.error_s2 / noisy.history.error_s2, 2.0, 1e-9);
}

TEST(ApplyLesson, NoiseThatIsSeenInFewBlocksCounts) {
  RolloutSpec spec = Spec();
  ApplyLesson(Several(1, .3), {}, &spec);
  EXPECT_THAT(Texts(spec.assumed), ElementsAre(HasSubstr("arms of errors")));
  EXPECT_GT(spec.history.error_s2, .1);
}

TEST(ApplyLesson, TheWarmUpIsTheLongestColdStart) {
  const auto warm_up = [](std::vector<double> ends, bool learn = true) {
    Lesson lesson;
    lesson.cold_start_s = std::move(ends);
    RolloutSpec spec = Spec();
    ApplyLesson(lesson, {.gauges = {}, .warm_up = learn}, &spec);
    return spec.warm_up_s;
  };
  EXPECT_EQ(warm_up({70, 80}), 240);  // two are too few
  EXPECT_EQ(warm_up({70, 110, 80}), 110);
  EXPECT_EQ(warm_up({10, 20, 0}), 60);            // the floor
  EXPECT_EQ(warm_up({70, 480, 80}), 240);         // one could not tell
  EXPECT_EQ(warm_up({70, 110, 80}, false), 240);  // the user gave one
  std::vector<double> many(39, 90.0);
  many.push_back(480.0);
  EXPECT_EQ(warm_up(many), 90);  // one of forty is beyond the quantile
}

TEST(ApplyLesson, ALearnedWarmUpCoversTheColdStart) {
  RolloutSpec warm = Spec();
  ApplyLesson(Several(3), {.gauges = {}, .warm_up = true}, &warm);
  EXPECT_EQ(warm.warm_up_s, 60);
  RolloutSpec cold = Spec();
  ApplyLesson(Several(3, 0, 100), {.gauges = {}, .warm_up = true}, &cold);
  EXPECT_GE(cold.warm_up_s, 100);
  EXPECT_LE(cold.warm_up_s, 240);
  EXPECT_THAT(cold.learned.back(), HasSubstr("a warm-up of"));
  Trial again(cold, kBusy, 77);
  EXPECT_TRUE(again.Go(ColdStart(100, 4))) << again.simulation.rollout.last.reason;
}

TEST(ApplyLesson, ALevelIsJudgedWhereGoodRolloutsStayedWithinTolerance) {
  const auto gauge = [](double records, double highest) {
    Lesson lesson;
    lesson.cold_start_s = {0, 0, 0};
    lesson.gauges = {{.name = "cpu",
                      .tick_s = 10,
                      .pairs = {.pairs = 700, .records = records, .xx = 1, .xy = .5, .yy = 1},
                      .highest = highest}};
    RolloutSpec spec = Spec();
    ApplyLesson(lesson, {.gauges = {"cpu"}, .warm_up = false}, &spec);
    return spec;
  };
  ASSERT_EQ(gauge(3, .05).history.gauges.size(), 1U);
  EXPECT_TRUE(gauge(3, .05).history.gauges[0].level);
  EXPECT_THAT(gauge(2, .05).history.gauges, IsEmpty());
  EXPECT_THAT(gauge(3, .5).history.gauges, IsEmpty());
  EXPECT_THAT(gauge(3, .5).learned.back(), HasSubstr("1.65 times the baseline's"));
}

}  // namespace
}  // namespace auspex::rollout
