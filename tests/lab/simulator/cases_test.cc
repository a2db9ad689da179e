#include "lab/simulator/cases.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace auspex::lab::simulator {
namespace {

// Shares that an independent simulation of the same rules got (docs/simulate.md), GrowthBook
// without its floor and PipeCD; with it GrowthBook never flags any of these.
struct Known {
  std::size_t of;
  double no_floor;
  double pipecd;
  double kayenta;  // below 0: not known
};
constexpr Known kKnown[] = {{0, .70, .63, .55},
                            {1, .998, .97, .31},
                            {2, .94, .95, .34},
                            {4, .0, .99, -1},
                            {5, -1, .03, .01}};

TEST(Cases, OtherJudgesFareAsAnIndependentSimulationHadIt) {
  for (const Known& known : kKnown) {
    const CaseResult result = JudgeCase(KnownCases()[known.of], 300, 1);
    EXPECT_EQ(result.answers[0].flagged, 0.0);
    if (known.no_floor >= 0.0) {
      EXPECT_NEAR(result.answers[1].flagged, known.no_floor, .09) << known.of;
    }
    EXPECT_NEAR(result.answers[2].flagged, known.pipecd, .09) << known.of;
    if (known.kayenta >= 0.0) {
      EXPECT_NEAR(result.answers[3].flagged, known.kayenta, .09) << known.of;
    }
  }
}

TEST(Cases, OursCatchesTheLargeOnesAndKeepsItsBound) {
  EXPECT_GT(JudgeCase(KnownCases()[1], 200, 2).answers[4].flagged, .8);
  EXPECT_GT(JudgeCase(KnownCases()[4], 200, 2).answers[4].flagged, .9);
  for (const std::size_t harmless : {5U, 7U})
    EXPECT_LE(JudgeCase(KnownCases()[harmless], 200, 3).answers[4].flagged, .025);
}

TEST(Cases, AsJson) {
  const auto json = nlohmann::json::parse(ToJson({JudgeCase(KnownCases()[3], 20, 1)}, 20));
  EXPECT_EQ(json["runs"], 20);
  EXPECT_EQ(json["cases"][0]["minutes"], 10);
  EXPECT_TRUE(json["cases"][0]["growthbook"]["median_minute"].is_null());
}

}  // namespace
}  // namespace auspex::lab::simulator
