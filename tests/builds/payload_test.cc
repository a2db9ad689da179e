#include "auspex/builds/payload.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/builds/support.h"

namespace auspex::builds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kSha = "3484a3fb816e0859fd6e1cea078d76385ff50625";

ParsedPayload Parse(const std::string& body) { return ParseBuilds(body, {}, Defaults()); }

// The keys of GitHub's own example (octokit/webhooks, workflow_run completed), a retry that failed.
std::string WorkflowRun(const std::string& action = "completed") {
  return fmt::format(
      R"({{"action":"{}","workflow_run":{{"id":289782451,"name":"test","head_sha":"{}","run_attempt":2,
      "status":"completed","conclusion":"failure","created_at":"2020-10-05T16:33:24Z",
      "run_started_at":"2020-10-05T17:00:00Z","updated_at":"2020-10-05T17:04:30Z",
      "head_commit":{{"id":"{}","author":{{"name":"Ann","email":"ann@example.com"}}}}}},
      "repository":{{"name":"octo-repo","full_name":"octo-org/octo-repo","html_url":"https://github.com/octo-org/octo-repo"}}}})",
      action, kSha, kSha);
}

TEST(Payload, ReadsARunOfGithubsWorkflows) {
  const ParsedPayload parsed = Parse(WorkflowRun());
  const Fact fact = OnlyFact(parsed);
  EXPECT_EQ(fact.source, "https://github.com/octo-org/octo-repo");
  EXPECT_EQ(fact.id, "run/289782451/2");
  EXPECT_EQ(fact.service, "octo-repo");
  EXPECT_EQ(fact.at, At("2020-10-05T17:04:30Z"));
  EXPECT_EQ(fact.known_at, Defaults().received);
  const auto build = Only<Build>(parsed);
  EXPECT_EQ(build.commit, kSha);
  EXPECT_EQ(build.status, BuildStatus::kFailed);
  EXPECT_EQ(build.attempt, 2);
  EXPECT_EQ(build.duration_s, 270.0);
  EXPECT_THAT(build.authors, ElementsAre("ann@example.com"));
}

TEST(Payload, LeavesOutWhatHasNotEnded) {
  const ParsedPayload parsed = Parse(WorkflowRun("requested"));
  EXPECT_TRUE(parsed.facts.empty());
  EXPECT_TRUE(parsed.problems.empty());
  ASSERT_EQ(parsed.ignored.size(), 1u);
  EXPECT_THAT(parsed.ignored[0], HasSubstr("has not ended"));
}

TEST(Payload, LeavesOutOtherEventsOfGithub) {
  for (const char* event : {R"({"zen":"Design for failure.","hook_id":1})",
                            R"({"ref":"refs/heads/main","sender":{},"repository":{}})",
                            R"({"action":"opened","number":1,"sender":{},"repository":{}})"}) {
    const ParsedPayload parsed = Parse(event);
    EXPECT_TRUE(parsed.facts.empty());
    EXPECT_TRUE(parsed.problems.empty()) << event;
    EXPECT_EQ(parsed.ignored.size(), 1u) << event;
  }
}

TEST(Payload, ReadsAJobOfGithubsWorkflows) {
  const ParsedPayload parsed = Parse(fmt::format(
      R"({{"action":"completed","workflow_job":{{"id":289782451,"run_id":2202229078,"head_sha":"{}",
      "status":"completed","conclusion":"cancelled","started_at":"2021-08-05T10:34:58Z",
      "completed_at":"2021-08-05T10:38:16Z","name":"linters","labels":["ubuntu-latest","x64"]}},
      "repository":{{"name":"Hello-World","html_url":"https://github.com/Codertocat/Hello-World"}}}})",
      kSha));
  const auto build = Only<Build>(parsed);
  EXPECT_EQ(build.status, BuildStatus::kCancelled);
  EXPECT_EQ(build.duration_s, 198.0);
  EXPECT_EQ(build.environment, "ubuntu-latest,x64");
  EXPECT_EQ(OnlyFact(parsed).id, "job/289782451");
}

// GitLab's own example (webhook events, pipeline) with two artifacts.
constexpr const char* kPipeline = R"({"object_kind":"pipeline","object_attributes":{"id":31,
  "sha":"bcbb5ec396a2c0f828686f14fac9b80b780504f2","status":"success",
  "created_at":"2016-08-12 15:23:28 UTC","finished_at":"2016-08-12 15:26:29 UTC","duration":63},
  "project":{"name":"Gitlab Test","web_url":"http://192.168.64.1:3005/gitlab-org/gitlab-test",
  "path_with_namespace":"gitlab-org/gitlab-test"},
  "commit":{"id":"bcbb","author":{"name":"User","email":"user@gitlab.com"}},
  "builds":[{"id":380,"status":"skipped","artifacts_file":{"filename":null,"size":null}},
  {"id":377,"artifacts_file":{"filename":"a.zip","size":1000}},
  {"id":378,"artifacts_file":{"filename":"b.zip","size":234}}]})";

TEST(Payload, ReadsAPipelineOfGitlab) {
  const ParsedPayload parsed = Parse(kPipeline);
  const Fact fact = OnlyFact(parsed);
  EXPECT_EQ(fact.service, "gitlab-test");
  EXPECT_EQ(fact.at, At("2016-08-12T15:26:29Z"));
  const auto build = Only<Build>(parsed);
  EXPECT_EQ(build.status, BuildStatus::kPassed);
  EXPECT_EQ(build.duration_s, 63.0);
  EXPECT_EQ(build.artifact_bytes, 1234);
  EXPECT_THAT(build.authors, ElementsAre("user@gitlab.com"));
}

// A retried job ends the pipeline again, under its id: that is another end.
TEST(Payload, TellsTwoEndsOfOnePipelineApart) {
  std::string again = kPipeline;
  again.replace(again.find("15:26:29"), 8, "16:00:00");
  EXPECT_NE(OnlyFact(Parse(kPipeline)).id, OnlyFact(Parse(again)).id);
}

TEST(Payload, ReadsAJobOfGitlab) {
  const ParsedPayload parsed = Parse(R"({"object_kind":"build","sha":"2293ada6","build_id":1977,
    "build_name":"test","build_status":"failed","build_started_at":"2021-02-23 02:41:37 UTC",
    "build_finished_at":"2021-02-23 02:42:07 UTC","build_duration":30.25,"retries_count":1,
    "project_name":"gitlab-org / gitlab-test","commit":{"id":2366,"author_email":"user@gitlab.com"},
    "repository":{"homepage":"http://192.168.64.1:3005/gitlab-org/gitlab-test"},
    "runner":{"id":380987,"description":"shared-runners-manager-6.gitlab.com"}})");
  const auto build = Only<Build>(parsed);
  EXPECT_EQ(OnlyFact(parsed).service, "gitlab-test");
  EXPECT_EQ(build.attempt, 2);
  EXPECT_EQ(build.status, BuildStatus::kFailed);
  EXPECT_EQ(build.environment, "shared-runners-manager-6.gitlab.com");
}

TEST(Payload, ReadsABuildOfJenkins) {
  const ParsedPayload parsed = Parse(R"({"_class":"hudson.model.FreeStyleBuild","building":false,
    "actions":[{},{"_class":"hudson.plugins.git.util.BuildData","lastBuiltRevision":{"SHA1":"c6d86dc6"}},
    {"_class":"hudson.tasks.junit.TestResultAction","failCount":2,"skipCount":1,"totalCount":10}],
    "duration":90500,"fullDisplayName":"shop » checkout #18","id":"18","number":18,"result":"UNSTABLE",
    "timestamp":1700000000000,"url":"http://localhost:8080/job/shop/job/checkout/18/","builtOn":"agent-3",
    "changeSet":{"items":[{"authorEmail":"ann@example.com"},{"authorEmail":"ann@example.com"}]}})");
  const Fact fact = OnlyFact(parsed);
  EXPECT_EQ(fact.service, "checkout");
  EXPECT_EQ(fact.source, "http://localhost:8080/job/shop/job/checkout");
  EXPECT_EQ(fact.at, At("2023-11-14T22:14:50.5Z"));
  const auto build = Only<Build>(parsed);
  EXPECT_EQ(build.commit, "c6d86dc6");
  EXPECT_EQ(build.status, BuildStatus::kFailed);
  EXPECT_EQ(build.tests.passed, 7);
  EXPECT_EQ(build.tests.failed, 2);
  EXPECT_EQ(build.environment, "agent-3");
  EXPECT_THAT(build.authors, ElementsAre("ann@example.com"));
}

// The example of the Notification plugin's README, at its two last phases.
std::string Notification(const std::string& phase) {
  return fmt::format(
      R"({{"name":"asgard","url":"job/asgard/","build":{{"full_url":"http://localhost:8080/job/asgard/18/",
      "number":18,"phase":"{}","status":"SUCCESS","url":"job/asgard/18/",
      "scm":{{"url":"https://github.com/evgeny-goldin/asgard.git","branch":"origin/master",
      "commit":"c6d86dc654b12425e706bcf951adfe5a8627a517"}},
      "test_summary":{{"total":12,"failed":0,"passed":11,"skipped":1}}}}}})",
      phase);
}

TEST(Payload, ReadsWhatJenkinsNotificationPluginPosts) {
  const ParsedPayload parsed = Parse(Notification("COMPLETED"));
  EXPECT_EQ(OnlyFact(parsed).service, "asgard");
  EXPECT_EQ(Only<Build>(parsed).tests.passed, 11);
  EXPECT_EQ(OnlyFact(parsed).id, OnlyFact(Parse(Notification("FINALIZED"))).id);
  EXPECT_EQ(Parse(Notification("STARTED")).facts.size(), 0u);
}

TEST(Payload, ReadsOurOwnJson) {
  const ParsedPayload parsed =
      Parse(R"({"builds":[{"id":"b-1","service":"checkout","status":"passed",
    "commit":"abc","started_at":"2026-11-24T10:00:00Z","finished_at":"2026-11-24T10:05:00Z","attempt":3,
    "tests":{"passed":100,"failed":0,"skipped":2,"flaky":1},"coverage":0.81,"toolchain":"gcc 12.2",
    "environment":"debian-12","artifact_bytes":1048576,"image_digest":"sha256:00ff",
    "dependencies":["zlib@1.3"],"authors":["ann@example.com"]}]})");
  const auto build = Only<Build>(parsed);
  EXPECT_EQ(build.duration_s, 300.0);
  EXPECT_EQ(build.tests.flaky, 1);
  EXPECT_EQ(build.coverage, .81);
  EXPECT_EQ(OnlyFact(parsed).source, "api");
}

TEST(Payload, NamesEachMistakeOfOurOwnJsonWithItsPlace) {
  const ParsedPayload parsed = Parse(
      R"([{"id":"b-1","service":"checkout","status":"gone","covrage":1,"tests":{"failed":-1}},
          {"id":"b-2","service":"check out","status":"passed","finished_at":"2030-01-01T00:00:00Z"}])");
  EXPECT_TRUE(parsed.facts.empty());
  const std::string problems = ProblemsOf(parsed);
  EXPECT_THAT(problems, HasSubstr("/0/status: passed, failed, cancelled or unknown"));
  EXPECT_THAT(problems, HasSubstr("/0/covrage: unknown; did you mean 'coverage'?"));
  EXPECT_THAT(problems, HasSubstr("/0/tests/failed: not a whole number"));
  EXPECT_THAT(problems, HasSubstr("/1/service: "));
  EXPECT_THAT(problems, HasSubstr("which has not come"));
}

TEST(Payload, TheCallersServiceOverridesThePayloads) {
  PayloadDefaults defaults = Defaults();
  defaults.service = "checkout";
  EXPECT_EQ(OnlyFact(ParseBuilds(WorkflowRun(), {}, defaults)).service, "checkout");
}

TEST(Payload, WhatIsSentLateCountsFromItsReceiptUnlessItIsBackfilled) {
  PayloadDefaults defaults = Defaults();
  EXPECT_EQ(OnlyFact(ParseBuilds(WorkflowRun(), {}, defaults)).known_at, defaults.received);
  defaults.backfill = true;
  EXPECT_EQ(OnlyFact(ParseBuilds(WorkflowRun(), {}, defaults)).known_at,
            At("2020-10-05T17:04:30Z"));
}

TEST(Payload, AClockThatIsALittleAheadIsSetBack) {
  const ParsedPayload parsed =
      Parse(R"({"id":"b","service":"s","status":"passed","finished_at":"2026-11-24T12:00:30Z"})");
  EXPECT_EQ(OnlyFact(parsed).at, Defaults().received);
}

TEST(Payload, RefusesWhatIsNoPayloadAtAll) {
  EXPECT_THAT(ProblemsOf(Parse("")), HasSubstr("empty"));
  EXPECT_THAT(ProblemsOf(Parse("{")), HasSubstr("not JSON"));
  EXPECT_THAT(ProblemsOf(Parse("7")), HasSubstr("neither a JSON object"));
  EXPECT_THAT(ProblemsOf(Parse(std::string(65, '[') + std::string(65, ']'))),
              HasSubstr("nested deeper than 64"));
  EXPECT_THAT(ProblemsOf(Parse(std::string(50'000'000, ' '))), HasSubstr("50000000 bytes"));
  EXPECT_THAT(ProblemsOf(Parse(R"({"builds":[1]})")), HasSubstr("/builds/0: not a JSON object"));
}

TEST(Payload, ReadsOutcomesAndChanges) {
  const ParsedPayload outcome = ParseOutcomes(
      R"({"id":"o-1","service":"checkout","outcome":"failed","rolled_back":true,"version":"1.8.2",
          "at":"2026-11-24T11:00:00Z","authors":["ann@example.com"]})",
      {}, Defaults());
  EXPECT_TRUE(Only<Outcome>(outcome).failed);
  EXPECT_TRUE(Only<Outcome>(outcome).rolled_back);
  const ParsedPayload change =
      ParseChanges(R"([{"id":"c-1","service":"checkout","commit":"abc","merged_at":1764000000}])",
                   {}, Defaults());
  EXPECT_EQ(Only<ChangeMerged>(change).commit, "abc");
  EXPECT_THAT(
      ProblemsOf(ParseOutcomes(R"({"id":"o","service":"s","outcome":"bad"})", {}, Defaults())),
      HasSubstr("/outcome: good, or failed"));
}

}  // namespace
}  // namespace auspex::builds
