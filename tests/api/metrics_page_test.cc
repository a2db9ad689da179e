#include "auspex/api/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "tests/api/daemon_rig.h"

namespace auspex::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MetricsPageTest : public ::testing::Test {
 protected:
  MetricsPageTest() {
    std::string name = (std::filesystem::temp_directory_path() / "auspex-metrics-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    daemon_ = std::make_unique<Daemon>(folder_, "");
  }
  ~MetricsPageTest() override {
    daemon_.reset();
    std::filesystem::remove_all(folder_);
  }
  void BringALine() {
    telemetry::ProxyLogLine line;
    line.server = "a";
    line.end_us = 1'700'000'000'500'000;
    daemon_->requests.Add(line);
  }
  std::string Page() {
    HttpCall call;
    call.method = "GET";
    call.path = "/metrics";
    call.caller = {.name = "prometheus", .role = Role::kViewer, .token = {}};
    return daemon_->handler(call).body;
  }

  std::string folder_;
  std::unique_ptr<Daemon> daemon_;
};

// https://prometheus.io/docs/practices/naming/ and the text format 0.0.4.
TEST_F(MetricsPageTest, FollowsTheRulesOfItsReaders) {
  ASSERT_EQ(
      daemon_->Post("/api/v1/deployments", R"({"service":"shop","version":"v2"})", "k").status,
      201);
  BringALine();
  std::map<std::string, std::string> types;
  std::set<std::string> helped, series;
  std::istringstream page(Page());
  for (std::string line; std::getline(page, line);) {
    std::istringstream words(line);
    std::string hash, what, name, rest;
    if (line.starts_with("# ")) {
      words >> hash >> what >> name;
      std::getline(words, rest);
      if (what == "HELP") {
        EXPECT_TRUE(helped.insert(name).second) << name << " is described twice";
        EXPECT_TRUE(rest.ends_with('.')) << line;
      } else {
        EXPECT_EQ(what, "TYPE") << line;
        EXPECT_TRUE(helped.contains(name)) << line;
        types[name] = rest.substr(1);
      }
      continue;
    }
    const std::string id = line.substr(0, line.rfind(' '));
    EXPECT_TRUE(series.insert(id).second) << id << " stands twice";
    name = id.substr(0, id.find('{'));
    ASSERT_TRUE(types.contains(name)) << line;
    EXPECT_TRUE(name.starts_with("auspex_")) << name;
    EXPECT_EQ(types[name] == "counter", name.ends_with("_total")) << name;
  }
  EXPECT_EQ(types.size(), helped.size());
  EXPECT_GT(series.size(), 20u);
}

// It falls when a line comes after all: a counter that falls looks like a restart, and rate() adds
// what was left.
TEST_F(MetricsPageTest, WhatIsMissingCanFallAndIsNoCounter) {
  EXPECT_THAT(Page(), HasSubstr("# TYPE auspex_feed_missing gauge\nauspex_feed_missing 0\n"));
  EXPECT_THAT(Page(), Not(HasSubstr("auspex_feed_missing_total")));
}

TEST_F(MetricsPageTest, CountsRolloutsByState) {
  EXPECT_THAT(Page(), HasSubstr("auspex_rollouts{state=\"observing\"} 0\n"));
  ASSERT_EQ(
      daemon_->Post("/api/v1/deployments", R"({"service":"shop","version":"v2"})", "k").status,
      201);
  EXPECT_THAT(Page(), HasSubstr("auspex_rollouts{state=\"observing\"} 1\n"));
  EXPECT_THAT(Page(), HasSubstr("auspex_rollouts{state=\"waiting\"} 0\n"));
}

TEST(MetricState, WhatIsHeldAtItsDeadlineWaitsForAPerson) {
  rollout::DeploymentView view;
  for (const char* state : {"waiting", "observing", "running", "paused"}) {
    view.state = state;
    EXPECT_EQ(MetricState(view), state);
  }
  view.state = "running";
  view.awaits_person = true;
  EXPECT_EQ(MetricState(view), "waiting");
}

TEST_F(MetricsPageTest, CountsHowDeploymentsEnded) {
  const std::string aborted =
      "auspex_deployments_ended_total{service=\"shop\",decision=\"roll_back\",verdict=\"not_"
      "proven\","
      "by=\"manual\"} ";
  EXPECT_THAT(Page(), HasSubstr(aborted + "0\n"));
  EXPECT_THAT(Page(), HasSubstr("decision=\"promote\",verdict=\"pass\",by=\"\"} 0\n"));
  EXPECT_THAT(Page(), HasSubstr("verdict=\"fail\",by=\"evidence\"} 0\n"));
  EXPECT_THAT(Page(), HasSubstr("verdict=\"fail\",by=\"prediction\"} 0\n"));
  for (int ended = 1; ended <= 2; ++ended) {
    const HttpReply begun = daemon_->Post(
        "/api/v1/deployments", R"({"service":"shop","version":"v2"})", std::to_string(ended));
    ASSERT_EQ(begun.status, 201) << begun.body;
    const std::string id = nlohmann::json::parse(begun.body)["id"];
    ASSERT_EQ(
        daemon_->Post("/api/v1/deployments/" + id + "/abort", R"({"reason":"no"})", id).status,
        202);
    const MonotonicTime limit = daemon_->clock.Now() + 30s;
    while (Page().find(aborted + std::to_string(ended)) == std::string::npos) {
      ASSERT_LT(daemon_->clock.Now(), limit) << Page();
      std::this_thread::sleep_for(10ms);
    }
  }
  EXPECT_THAT(Page(), HasSubstr("verdict=\"fail\",by=\"evidence\"} 0\n"));
}

// Whoever writes an alert looks there.
TEST_F(MetricsPageTest, ItsPageOfTheDocumentationNamesEach) {
  ASSERT_EQ(
      daemon_->Post("/api/v1/deployments", R"({"service":"shop","version":"v2"})", "k").status,
      201);
  BringALine();
  std::ifstream file("docs/metrics.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream page(Page());
  std::set<std::string> names;
  for (std::string line; std::getline(page, line);) {
    constexpr std::string_view kType = "# TYPE ";
    if (!line.starts_with(kType)) continue;
    names.insert(line.substr(kType.size(), line.rfind(' ') - kType.size()));
    EXPECT_THAT(text, HasSubstr("| `" + *names.rbegin()));
  }
  EXPECT_GT(names.size(), 20u);
}

TEST_F(MetricsPageTest, TellsWhenTheLastLineEndedOnceThereIsOne) {
  EXPECT_THAT(Page(), Not(HasSubstr("auspex_feed_last_line_timestamp_seconds")));
  BringALine();
  EXPECT_THAT(Page(), HasSubstr("auspex_feed_last_line_timestamp_seconds 1700000000.5\n"));
}

}  // namespace
}  // namespace auspex::api
