#include "auspex/rollout/schedule.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "auspex/rollout/deployment_view.h"
#include "tests/rollout/simulation.h"

namespace auspex::rollout {
namespace {

using testing::BasicSpec;
using testing::Bp;
using testing::Simulation;

nlohmann::json AsJson(const Rollout& rollout) {
  DeploymentView view;
  view.last = rollout.last;
  view.schedule = ScheduleOf(rollout);
  return nlohmann::json::parse(ToJson(view))["schedule"];
}

TEST(Schedule, TellsBakeAndDeadlineInWallSeconds) {
  RolloutSpec spec = BasicSpec();
  spec.time_scale = .1;
  spec.tick_s = 1;
  spec.warm_up_s = 24;
  spec.bake_s = 120;
  spec.deadline_s = 180;
  spec.at_deadline = AtDeadline::kHold;
  Simulation simulation(spec);
  EXPECT_EQ(AsJson(simulation.rollout), nlohmann::json::parse(R"({"warm_up_s":24.0,"bake_s":120.0,
    "deadline_s":180.0,"at_deadline":"hold"})"));
  simulation.Run(20);
  EXPECT_DOUBLE_EQ(*ScheduleOf(simulation.rollout).warm_up_s, 4);
  EXPECT_DOUBLE_EQ(*ScheduleOf(simulation.rollout).bake_s, 100);
  simulation.Run(130, testing::SilenceCanary);
  EXPECT_FALSE(ScheduleOf(simulation.rollout).warm_up_s.has_value());
  EXPECT_DOUBLE_EQ(*ScheduleOf(simulation.rollout).bake_s, 0);
  EXPECT_DOUBLE_EQ(*ScheduleOf(simulation.rollout).deadline_s, 50);
}

TEST(Schedule, TellsTheStep) {
  RolloutSpec spec = BasicSpec();
  spec.policy = Policy::kSteps;
  spec.warm_up_s = 0;
  spec.steps = {{.weight = Bp(500), .for_s = 60}, {.weight = Bp(5000), .for_s = 100}};
  Simulation simulation(spec);
  simulation.Run(90);
  EXPECT_EQ(AsJson(simulation.rollout), nlohmann::json::parse(R"({"step_s":70.0,"step":2,
    "steps":2})"));
  // Silence does not count.
  simulation.Run(120, testing::SilenceCanary);
  EXPECT_DOUBLE_EQ(*ScheduleOf(simulation.rollout).step_s, 70);
}

TEST(Schedule, TellsHowLongAPersonOrTheCanaryIsWaitedFor) {
  RolloutSpec spec = BasicSpec();
  spec.risk = .7;
  spec.approval = Approval{.above_risk = .6, .timeout_s = 300, .at_timeout = AtTimeout::kApprove};
  spec.await_canary = true;
  spec.canary_up = false;
  Simulation simulation(spec);
  simulation.Run(100);
  EXPECT_EQ(AsJson(simulation.rollout),
            nlohmann::json::parse(R"({"approval_s":200.0,"at_timeout":"approve"})"));
  const auto down = [](Inputs* inputs) { inputs->window.canary.up = false; };
  simulation.Run(350, down);
  EXPECT_EQ(AsJson(simulation.rollout), nlohmann::json::parse(R"({"start_s":550.0})"));
}

TEST(Schedule, IsNothingWhereNothingIsWaitedFor) {
  RolloutSpec spec = BasicSpec();
  spec.policy = Policy::kRule;
  spec.warm_up_s = 0;
  EXPECT_TRUE(AsJson(Start(spec).next).is_null());
  Simulation simulation(BasicSpec(), {.canary_errors = 100});
  simulation.Run(1e5);
  ASSERT_TRUE(simulation.Ended());
  EXPECT_TRUE(AsJson(simulation.rollout).is_null());
}

}  // namespace
}  // namespace auspex::rollout
