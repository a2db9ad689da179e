#include "auspex/rollout/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "auspex/base/random.h"

namespace auspex::rollout {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kStart = R"({"start":{"deployment":"d1","tick_s":10,"requests_per_s":100}})";

std::string TickLine(const std::string& deployment, double t_s, int errors = 0) {
  return json{{"tick",
               {{"deployment", deployment},
                {"t_s", t_s},
                {"canary", {{"requests", 20}, {"errors", errors}, {"slower", {10, 2, 0}}}},
                {"baseline", {{"requests", 980}, {"errors", 1}, {"slower", {490, 98, 9}}}}}}}
      .dump();
}

class Decide : public ::testing::Test {
 protected:
  json Ask(const std::string& text) {
    ++line_;
    const std::optional<std::string> answer = stream_.Handle(text);
    return answer ? json::parse(*answer) : json();
  }
  // The line is refused with its number and `what`, and the deployment goes on as if it had not
  // come.
  void ExpectRefused(const std::string& text, const std::string& what) {
    const json answer = Ask(text);
    const std::string shown = text.substr(0, 200);
    ASSERT_TRUE(answer.contains("error")) << shown << " gave " << answer;
    EXPECT_EQ(answer["line"], line_);
    const std::string error = answer["error"].get<std::string>();
    EXPECT_THAT(error, HasSubstr("line " + std::to_string(line_) + ": ")) << shown;
    EXPECT_THAT(error, HasSubstr(what)) << shown;
    EXPECT_LT(error.size(), 1000U);
  }
  DecideStream stream_;
  int line_ = 0;
};

// A misspelt key would be a default in silence, and a canary that fails everything a healthy one.
TEST_F(Decide, RefusesKeysThatItDoesNotKnow) {
  ExpectRefused(R"({"start":{"deployment":"d1","pase":"swift"}})", "did you mean pace?");
  ExpectRefused(R"({"start":{"deployment":"d1","limits":{"warm_up":10}}})",
                R"("warm_up": no such key here; did you mean warm_up_s?)");
  ExpectRefused(R"({"start":{"deployment":"d1","history":{"routes":[{"share":1,"rate":0.1}]}}})",
                R"("rate": no such key here)");
  EXPECT_EQ(Ask(kStart)["t_s"], 0);
  const auto tick = [](const std::string& canary, const std::string& more = "") {
    return R"({"tick":{"deployment":"d1","t_s":10,"canary":{)" + canary +
           R"(},"baseline":{"requests":980,"errors":1})" + more + "}}";
  };
  ExpectRefused(tick(R"("requests":20,"error":20)"), "did you mean errors?");
  ExpectRefused(tick(R"("requests":20,"routes":[{"requests":3,"fails":1}])"), R"("fails")");
  ExpectRefused(tick(R"("requests":20)", R"(,"colour":1)"), R"("colour": no such key here)");
  EXPECT_EQ(Ask(tick(R"("requests":20)"))["t_s"], 10);
}

TEST_F(Decide, RefusesEveryBadLineAndGoesOn) {
  EXPECT_EQ(Ask(kStart)["t_s"], 0);
  EXPECT_EQ(Ask(TickLine("d1", 10))["t_s"], 10);
  DecideStream untouched;
  untouched.Handle(kStart);
  untouched.Handle(TickLine("d1", 10));

  const auto tick = [](const std::string& rest) {
    return R"({"tick":{"deployment":"d1","t_s":20,)" + rest + "}}";
  };
  const std::string baseline = R"("baseline":{"requests":100})";
  ExpectRefused("", "not JSON");
  ExpectRefused("{", "not JSON");
  ExpectRefused(R"({"tick":)", "not JSON");
  ExpectRefused("\xff\xfe", "not JSON");
  ExpectRefused("[]", "start");
  ExpectRefused("17", "start");
  ExpectRefused("{}", "start");
  ExpectRefused(R"({"go":{"deployment":"d1"}})", "'go'");
  ExpectRefused(R"({"start":{"deployment":"d2"},"stop":{"deployment":"d1"}})", "start");
  ExpectRefused(R"({"start":5})", "deployment");
  ExpectRefused(R"({"start":{}})", "deployment");
  ExpectRefused(R"({"start":{"deployment":""}})", "deployment");
  ExpectRefused(R"({"start":{"deployment":7}})", "deployment");
  ExpectRefused(kStart, "runs already");
  ExpectRefused(R"({"start":{"deployment":"d2","mode":"rash"}})", "mode");
  ExpectRefused(R"({"start":{"deployment":"d2","tick_s":0}})", "tick_s");
  ExpectRefused(TickLine("d9", 20), "d9: not started");
  ExpectRefused(R"({"stop":{"deployment":"d9"}})", "d9: not started");
  ExpectRefused(TickLine("d1", 10), "not later");
  ExpectRefused(TickLine("d1", 5), "not later");
  ExpectRefused(TickLine("d1", -5), "not later");
  ExpectRefused(TickLine("d1", 20, 21), "errors");
  ExpectRefused(tick(baseline), "canary: missing");
  ExpectRefused(tick(R"("canary":{"requests":NaN},)" + baseline), "not JSON");
  ExpectRefused(tick(R"("canary":{"requests":Infinity},)" + baseline), "not JSON");
  ExpectRefused(tick(R"("canary":{"requests":1e999},)" + baseline), "JSON");
  ExpectRefused(tick(R"("canary":{"requests":1e16},)" + baseline), "requests");
  ExpectRefused(R"({"start":{"deployment":"d2","detect":0.5}})", "detect");
  ExpectRefused(R"({"start":{"deployment":"d2","limits":{"bake_s":1e300}}})", "bake_s");
  ExpectRefused(tick(R"("canary":{"requests":-1},)" + baseline), "requests");
  ExpectRefused(tick(R"("canary":{"requests":"10"},)" + baseline), "requests");
  ExpectRefused(tick(R"("canary":{"requests":10,"slower":[11]},)" + baseline), "slower");
  ExpectRefused(tick(R"("gauges":{"memory":"high"},"canary":{"requests":1},)" + baseline),
                "memory");
  ExpectRefused(tick(R"("canary":{"requests":1,"behaviour":[{"events":5,"all":4}]},)" + baseline),
                "events");
  ExpectRefused(tick(R"("canary":{"requests":1,"behaviour":[7]},)" + baseline), "behaviour");
  ExpectRefused(R"({"start":{"deployment":"d2","history":{"behaviour":[{"rate":0.1}]}}})", "name");
  ExpectRefused(
      R"({"start":{"deployment":"d2","history":{"behaviour":[{"name":"orders","rate":2}]}}})",
      "rate");
  ExpectRefused(tick(R"("stopped_at":5,"canary":{"requests":1},)" + baseline), "stopped_at");

  // The same as if none of them had come.
  json next = Ask(TickLine("d1", 20));
  EXPECT_EQ(next, json::parse(*untouched.Handle(TickLine("d1", 20))));
  EXPECT_EQ(stream_.running(), 1U);
}

TEST_F(Decide, RefusesDeepAndHugeLines) {
  Ask(kStart);
  ExpectRefused(std::string(10'000, '['), "nested deeper");
  ExpectRefused(R"({"tick":{"deployment":"d1","t_s":)" + std::string(10'000, '{'), "nested deeper");
  std::string closed = std::string(10'000, '[') + std::string(10'000, ']');
  ExpectRefused(R"({"tick":{"deployment":"d1","t_s":)" + closed + "}}", "nested deeper");
  // As many closing ones in a text before them do not make them fewer.
  ExpectRefused(R"({"start":{"deployment":"\")" + std::string(100'000, ']') + R"(","mode":)" +
                    std::string(100'000, '[') + std::string(100'000, ']') + "}}",
                "nested deeper");
  ExpectRefused(std::string(std::size_t{5} << 20, 'x'), "too long");
  EXPECT_EQ(Ask(TickLine("d1", 10))["t_s"], 10);
}

TEST_F(Decide, RefusesATimeBackAlsoWhileObserving) {
  Ask(R"({"start":{"deployment":"d1","tick_s":10,"observe":true}})");
  EXPECT_EQ(Ask(TickLine("d1", 10))["weight"], 0);
  ExpectRefused(TickLine("d1", 5), "not later");
  ExpectRefused(TickLine("d1", 10), "not later");
  EXPECT_EQ(Ask(TickLine("d1", 20))["t_s"], 20);
}

TEST_F(Decide, AStoppedNameStartsAfresh) {
  const json first = Ask(kStart);
  const json tick = Ask(TickLine("d1", 10, 20));
  EXPECT_EQ(Ask(R"({"stop":{"deployment":"d1"}})"), json());
  EXPECT_EQ(stream_.running(), 0U);
  ExpectRefused(TickLine("d1", 20), "not started");
  EXPECT_EQ(Ask(kStart), first);
  EXPECT_EQ(Ask(TickLine("d1", 10, 20)), tick);
}

TEST_F(Decide, RepeatsTheAnswerAfterTheEnd) {
  Ask(kStart);
  json end = json::object();
  double t_s = 0;
  while (t_s < 1000 && end.value("decision", "") != "roll_back") {
    end = Ask(TickLine("d1", t_s += 10, 20));
  }
  ASSERT_EQ(end["decision"], "roll_back");
  EXPECT_EQ(end["verdict"], "fail");
  json again = Ask(TickLine("d1", t_s + 10));
  EXPECT_EQ(again["t_s"], t_s + 10);
  again["t_s"] = end["t_s"];
  EXPECT_EQ(again, end);
}

TEST(DecideMany, ThousandInterleavedEqualEachAlone) {
  constexpr std::size_t kDeployments = 1000, kTicks = 12;
  const auto start_of = [](std::size_t i) {
    return json{{"start",
                 {{"deployment", "d" + std::to_string(i)},
                  {"criticality", 1 + i % 4},
                  {"tick_s", 10},
                  {"risk", static_cast<double>(i) / 1000},
                  {"requests_per_s", 20 + i}}}}
        .dump();
  };
  const auto tick_of = [](std::size_t i, std::size_t tick) {
    return TickLine("d" + std::to_string(i), static_cast<double>(10 * tick),
                    (i + tick) % 3 == 0 ? static_cast<int>(i % 7) : 0);
  };
  DecideStream together;
  std::vector<std::vector<std::string>> answers(kDeployments);
  for (std::size_t i = 0; i < kDeployments; ++i)
    answers.at(i).push_back(*together.Handle(start_of(i)));
  for (std::size_t tick = 1; tick <= kTicks; ++tick) {
    for (std::size_t step = 0; step < kDeployments; ++step) {
      const std::size_t i = (step * 7 + tick) % kDeployments;  // 7 and 1,000 have no common factor
      answers.at(i).push_back(*together.Handle(tick_of(i, tick)));
    }
  }
  EXPECT_EQ(together.running(), kDeployments);
  for (std::size_t i = 0; i < kDeployments; ++i) {
    DecideStream alone;
    ASSERT_EQ(answers.at(i).front(), *alone.Handle(start_of(i)));
    for (std::size_t tick = 1; tick <= kTicks; ++tick) {
      ASSERT_EQ(answers.at(i).at(tick), *alone.Handle(tick_of(i, tick)));
    }
  }
}

}  // namespace
}  // namespace auspex::rollout
