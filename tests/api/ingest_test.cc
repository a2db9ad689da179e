#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/api/daemon_rig.h"

// What CI, deployers and people tell of.
namespace auspex::api {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class IngestTest : public ::testing::Test {
 protected:
  IngestTest() {
    std::string name = (std::filesystem::temp_directory_path() / "auspex-ingest-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    daemon_ = std::make_unique<Daemon>(folder_, "");
  }
  ~IngestTest() override {
    daemon_.reset();
    std::filesystem::remove_all(folder_);
  }
  static HttpCall Call(const std::string& what, const std::string& body) {
    HttpCall call;
    call.method = "POST";
    call.path = kIngestPrefix + what;
    call.body = body;
    call.peer = "127.0.0.1:1";
    call.caller = {.name = "ci", .role = Role::kOperator, .token = {}};
    call.headers = {{"Content-Type", "application/json"}};
    return call;
  }
  [[nodiscard]] HttpReply Post(const std::string& what, const std::string& body) const {
    return daemon_->handler(Call(what, body));
  }

  std::string folder_;
  std::unique_ptr<Daemon> daemon_;
};

constexpr const char* kBuild =
    R"({"id":"b-1","service":"shop","status":"failed","finished_at":"2026-01-02T03:04:05Z"})";

TEST_F(IngestTest, KeepsABuildOnceHoweverOftenItIsDelivered) {
  const HttpReply first = Post("builds", kBuild);
  ASSERT_EQ(first.status, 200) << first.body;
  const json answer = json::parse(first.body);
  EXPECT_EQ(answer["kept"], 1);
  EXPECT_EQ(answer["facts"][0]["kind"], "build");
  EXPECT_EQ(answer["facts"][0]["at"], "2026-01-02T03:04:05.000Z");
  EXPECT_TRUE(answer["notes"].empty());
  const json again = json::parse(Post("builds", kBuild).body);
  EXPECT_EQ(again["kept"], 0);
  EXPECT_EQ(again["duplicates"], 1);
  EXPECT_EQ(daemon_->Entries("", "build"), 1u);
}

TEST_F(IngestTest, SurvivesAStart) {
  ASSERT_EQ(Post("builds", kBuild).status, 200);
  daemon_.reset();
  daemon_ = std::make_unique<Daemon>(folder_, "");
  EXPECT_EQ(json::parse(Post("builds", kBuild).body)["duplicates"], 1);
}

TEST_F(IngestTest, NamesWhatIsWrongByItsPlaceAndKeepsNothing) {
  const HttpReply reply =
      Post("builds", R"([{"id":"b-1","service":"shop","status":"passed"},{"id":"b-2"}])");
  ASSERT_EQ(reply.status, 400);
  EXPECT_EQ(reply.content_type, "application/problem+json");
  const json problem = json::parse(reply.body);
  EXPECT_EQ(problem["errors"][0]["pointer"], "/1/status");
  EXPECT_THAT(reply.body, HasSubstr("?service=NAME"));
  EXPECT_EQ(daemon_->Entries("", "build"), 0u);
}

TEST_F(IngestTest, AServiceThatNobodyConfiguredIsKeptWithANote) {
  HttpCall call = Call("builds", kBuild);
  call.query = {{"service", "chekout"}};
  const json answer = json::parse(daemon_->handler(call).body);
  EXPECT_EQ(answer["kept"], 1);
  EXPECT_THAT(answer["notes"].dump(), HasSubstr("no service 'chekout' is configured"));
}

TEST_F(IngestTest, TakesReportsOfTestsAndCloudEvents) {
  HttpCall report = Call("builds", "<testsuite><testcase name=\"one\"/></testsuite>");
  report.headers = {{"Content-Type", "application/xml; charset=utf-8"}};
  report.query = {{"service", "shop"}, {"build", "b-1"}};
  EXPECT_EQ(json::parse(daemon_->handler(report).body)["kept"], 1);
  HttpCall event = Call("cdevents", R"({"context":{"specversion":"0.5.1","id":"1","source":"/argo",
      "type":"dev.cdevents.service.deployed.0.3.0","timestamp":"2026-01-02T03:04:05Z"},
      "subject":{"id":"shop","content":{"environment":{"id":"prod"},"artifactId":"pkg:oci/shop@1"}}})");
  event.headers = {{"Content-Type", "application/json"},
                   {"ce-specversion", "1.0"},
                   {"ce-type", "dev.cdevents.service.deployed.0.3.0"}};
  EXPECT_EQ(json::parse(daemon_->handler(event).body)["kept"], 1);
  EXPECT_EQ(daemon_->Entries("", "deployed"), 1u);
  HttpCall text = Call("builds", "hello");
  text.headers = {{"Content-Type", "text/plain"}};
  EXPECT_EQ(daemon_->handler(text).status, 415);
}

// What was told is what is known, from then on and not before.
TEST_F(IngestTest, FeaturesSayWhatWasKnownAtATime) {
  ASSERT_EQ(Post("builds", kBuild).status, 200);
  const auto ask = [this](const std::string& service, const Query& query) {
    HttpCall call;
    call.method = "GET";
    call.path = "/api/v1/features/" + service;
    call.query = query;
    call.caller = {.name = "ann", .role = Role::kViewer, .token = {}};
    return daemon_->handler(call);
  };
  const auto failed = [](const HttpReply& reply) {
    const json body = json::parse(reply.body);
    for (const json& feature : body["features"]) {
      if (feature["name"] == "build_failed") return feature["value"];
    }
    return json("absent");
  };
  EXPECT_EQ(failed(ask("shop", {})), 1.0);
  EXPECT_TRUE(failed(ask("shop", {{"at", "2026-01-03T00:00:00Z"}})).is_null())
      << "it had ended, and nobody had told us";
  EXPECT_TRUE(failed(ask("search", {})).is_null());
  EXPECT_EQ(ask("shop", {{"at", "yesterday"}}).status, 400);
  HttpCall backfill = Call(
      "builds",
      R"({"id":"b-0","service":"old","status":"failed","finished_at":"2026-01-02T03:04:05Z"})");
  backfill.query = {{"backfill", "true"}};
  ASSERT_EQ(daemon_->handler(backfill).status, 200);
  EXPECT_EQ(failed(ask("old", {{"at", "2026-01-03T00:00:00Z"}})), 1.0);
  EXPECT_TRUE(failed(ask("old", {{"at", "2026-01-01T00:00:00Z"}})).is_null());
}

TEST_F(IngestTest, NeedsTheRoleOperator) {
  HttpCall call = Call("outcomes", R"({"id":"1","service":"shop","outcome":"good"})");
  call.caller.role = Role::kViewer;
  EXPECT_EQ(daemon_->handler(call).status, 403);
  call.caller.role = Role::kOperator;
  EXPECT_EQ(daemon_->handler(call).status, 200);
}

TEST_F(IngestTest, AKeyGivesTheFirstAnswerAgain) {
  HttpCall call = Call("changes", R"({"id":"c-1","service":"shop","commit":"abc"})");
  call.headers.emplace("Idempotency-Key", "k");
  const HttpReply first = daemon_->handler(call);
  ASSERT_EQ(first.status, 200) << first.body;
  const HttpReply again = daemon_->handler(call);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(json::parse(again.body)["kept"], 1);
  call.query = {{"service", "search"}};
  EXPECT_EQ(daemon_->handler(call).status, 422) << "another query is another call";
}

TEST_F(IngestTest, RefusesAQueryThatItCannotRead) {
  for (const auto& [name, value] :
       {std::pair{"service", "a b"}, {"backfill", "yes"}, {"commit", ""}}) {
    HttpCall call = Call("builds", kBuild);
    call.query = {{name, value}};
    EXPECT_EQ(daemon_->handler(call).status, std::string_view(value).empty() ? 200 : 400) << name;
  }
}

}  // namespace
}  // namespace auspex::api
