#include "auspex/rollout/deployment_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/rollout/simulation.h"

namespace auspex::rollout {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Evidence, CausesSayWhyInASentence) {
  RolloutSpec spec = testing::BasicSpec();
  spec.history.routes = {{.share = .7, .error_rate = .001}, {.share = .3, .error_rate = .001}};
  spec.route_names = {"pay", "list"};
  spec.rollback_below = 0;  // until it is proven
  testing::Simulation simulation(spec, {.canary_errors = 50});
  // Errors of the canary are all on the first route.
  simulation.Run(1000, [](Inputs* inputs) {
    for (telemetry::ArmWindow* arm : {&inputs->window.canary, &inputs->window.baseline}) {
      arm->routes = {{.requests = arm->requests * .7, .errors = arm->errors},
                     {.requests = arm->requests * .3, .errors = 0}};
    }
  });
  ASSERT_EQ(simulation.rollout.last.by, "evidence");
  const auto evidence = nlohmann::json::parse(EvidenceJson("d1", simulation.rollout));
  std::map<std::string, std::string> reasons;
  double share = 1.0;
  for (const auto& cause : evidence["causes"]) {
    EXPECT_EQ(cause["node"], "checkout");
    EXPECT_LE(cause["share"].get<double>(), share);  // the strongest first
    share = cause["share"].get<double>();
    reasons[cause["metric"].get<std::string>()] = cause["reason"].get<std::string>();
  }
  ASSERT_TRUE(reasons.contains("errors") && reasons.contains("errors./pay")) << evidence["causes"];
  EXPECT_THAT(reasons["errors"], StartsWith("errors: "));
  EXPECT_THAT(reasons["errors"], HasSubstr("% of the canary's "));
  EXPECT_THAT(reasons["errors"], HasSubstr("; by itself E = "));
  EXPECT_THAT(reasons["errors./pay"], StartsWith("errors of route pay; by itself E = "));
  EXPECT_FALSE(reasons.contains("errors./list"));
}

TEST(Evidence, SaysWhetherTheBaselinesRatesWereMeasured) {
  for (const bool observe : {true, false}) {
    RolloutSpec spec = testing::BasicSpec();
    spec.observe = observe;
    const testing::Simulation simulation(spec, {});
    const auto evidence = nlohmann::json::parse(EvidenceJson("d1", simulation.rollout));
    EXPECT_EQ(evidence["baseline_assumed"], observe);
  }
}

}  // namespace
}  // namespace auspex::rollout
