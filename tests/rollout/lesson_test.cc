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
  EXPECT_THAT(spec.assumed,
              UnorderedElementsAre(HasSubstr("arms of errors, t50, t90, t99 that wander by 5 %"),
                                   HasSubstr("a warm-up of 240 s"), HasSubstr("signal memory"),
                                   HasSubstr("signal cpu")));
  EXPECT_GT(spec.history.error_s2, 0.0);
  EXPECT_LT(spec.history.error_s2, .1);
  ASSERT_EQ(spec.history.gauges.size(), 1U);  // cpu has no test before its level is known
  EXPECT_TRUE(spec.history.gauges[0].learn);
  EXPECT_EQ(spec.warm_up_s, 240);
  const Turn turn = Start(spec);
  for (const std::string& text : spec.assumed) EXPECT_THAT(turn.decision.reason, HasSubstr(text));
}

TEST(ApplyLesson, ThreeGoodRolloutsTellTheNoise) {
  RolloutSpec spec = Spec();
  ApplyLesson(Several(2), {}, &spec);
  EXPECT_THAT(spec.assumed, ElementsAre(HasSubstr("(14 so far)")));
  ApplyLesson(Several(3), {}, &spec);
  EXPECT_THAT(spec.assumed, IsEmpty());
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
  EXPECT_THAT(spec.assumed, ElementsAre(HasSubstr("arms of errors")));
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
