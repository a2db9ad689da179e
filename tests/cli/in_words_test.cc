#include "auspex/cli/in_words.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

// What a person reads of a deployment, and what of it is typed.
namespace auspex::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ScheduleInWords, SaysWhatTheDeadlineDoesAtThisPace) {
  struct Case {
    const char* pace;
    const char* way;
    const char* says;
  };
  const std::string at_90 =
      " if it has 90 % of the traffic and nothing is proven against it, else it is rolled back";
  const Case cases[] = {{"classic", "promote", "then it is promoted if it has 90 % of the traffic"},
                        {"classic", "hold", "then it goes on until the evidence or a person ends"},
                        {"classic", "roll_back", "then it is rolled back"},
                        {"swift", "promote", "and else a person decides"},
                        {"swift", "hold", "then it goes on until the evidence or a person ends it"},
                        {"swift", "roll_back", "then it is rolled back"}};
  for (const Case& expected : cases) {
    const std::string words = ScheduleInWords(fmt::format(
        R"({{"id":"d","state":"running","pace":"{}","schedule":{{"deadline_s":600,"at_deadline":"{}"}}}})",
        expected.pace, expected.way));
    EXPECT_THAT(words, HasSubstr("deadline in 10m, "));
    EXPECT_THAT(words, HasSubstr(expected.says));
    const bool at_a_weight =
        expected.pace == std::string("classic") && expected.way != std::string("roll_back");
    EXPECT_EQ(words.ends_with(at_90), at_a_weight) << words;
  }
}

TEST(ScheduleInWords, LatencyIsNotJudgedInTheWarmUp) {
  EXPECT_EQ(ScheduleInWords(R"({"id":"d","schedule":{"warm_up_s":60}})"),
            "latency is judged from the end of the warm-up on, in 1m");
}

TEST(ScheduleInWords, WhatIsHeldForAPersonSaysWhatToType) {
  const std::string schedule = R"(,"schedule":{"deadline_s":0,"at_deadline":"promote"}})";
  const std::string held = R"({"id":"shop-1","state":"running","awaits":"person")" + schedule;
  EXPECT_TRUE(HeldForAPerson(held));
  const std::string words = ScheduleInWords(held);
  EXPECT_THAT(words, HasSubstr("the deadline has come; held until a person decides"));
  EXPECT_THAT(words, HasSubstr("`auspex rollout promote shop-1 --reason …`"));
  EXPECT_THAT(words, HasSubstr("`auspex rollout abort shop-1 --reason …`"));
  for (const char* other :
       {R"({"id":"d","state":"running","awaits":null)",
        R"({"id":"d","state":"waiting","awaits":"person")",
        R"({"id":"d","state":"ended","awaits":null)", R"({"id":"d","state":"running")"}) {
    EXPECT_FALSE(HeldForAPerson(other + schedule)) << other;
    EXPECT_THAT(ScheduleInWords(other + schedule), Not(HasSubstr("held")));
  }
}

}  // namespace
}  // namespace auspex::cli
