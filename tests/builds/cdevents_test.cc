#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/builds/support.h"

// The examples are those of cdevents/spec, conformance/.
namespace auspex::builds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Example {
  std::string version_key = "version";
  std::string version = "0.4.0";
  std::string type = "dev.cdevents.service.deployed.0.2.0";
  std::string content =
      R"("environment":{"id":"test123"},"artifactId":"pkg:oci/myapp@sha256%3A0b31b1c02ff4")";
  std::string more = "";
  std::string subject = "mySubject123";
};

std::string Event(const Example& example) {
  return fmt::format(
      R"({{"context":{{"{}":"{}","id":"271069a8","source":"/event/source/123","type":"{}",
      "timestamp":"2023-03-20T14:27:05.315384Z"}},
      "subject":{{"id":"{}","source":"/event/source/123","content":{{{}}}}}{}}})",
      example.version_key, example.version, example.type, example.subject, example.content,
      example.more);
}

ParsedPayload Parse(const std::string& body, const Transport& transport = {}) {
  return ParseCdEvents(body, transport, Defaults());
}

TEST(CdEvents, ADeploymentSaysServiceEnvironmentAndArtifact) {
  const ParsedPayload parsed = Parse(Event({}));
  const Fact fact = OnlyFact(parsed);
  EXPECT_EQ(fact.service, "mySubject123");
  EXPECT_EQ(fact.source, "/event/source/123");
  EXPECT_EQ(fact.id, "271069a8");
  EXPECT_EQ(fact.at, At("2023-03-20T14:27:05.315384Z"));
  EXPECT_EQ(Only<Deployed>(parsed).environment, "test123");
  EXPECT_FALSE(Only<Deployed>(parsed).rolled_back);
}

TEST(CdEvents, BothNamesOfTheVersionAreRead) {
  for (const char* key : {"version", "specversion"}) {
    for (const char* version : {"0.4.1", "0.5.0", "0.5.1", "0.5.0-draft", "0.6.0"})
      EXPECT_EQ(Parse(Event({.version_key = key, .version = version})).facts.size(), 1u) << version;
  }
}

TEST(CdEvents, AnotherVersionIsRefusedWithThoseThatAreAccepted) {
  for (const char* version :
       {"0.3.0", "0.7.0", "1.0.0", "0.5", "five", "", "-0.5.1", "0.99999999999.1"}) {
    const ParsedPayload parsed = Parse(Event({.version_key = "specversion", .version = version}));
    EXPECT_TRUE(parsed.facts.empty()) << version;
    EXPECT_THAT(ProblemsOf(parsed), HasSubstr("/context/specversion")) << version;
    EXPECT_THAT(ProblemsOf(parsed), HasSubstr("0.4.x, 0.5.x and 0.6.x")) << version;
  }
  EXPECT_THAT(ProblemsOf(Parse(Event({.type = "dev.cdevents.service.deployed.1.0.0"}))),
              HasSubstr("/context/type"));
}

TEST(CdEvents, RollbacksUpgradesAndIncidents) {
  const auto rolled_back = Parse(Event({.type = "dev.cdevents.service.rolledback.0.3.0"}));
  EXPECT_TRUE(Only<Deployed>(rolled_back).rolled_back);
  const auto upgraded = Parse(Event({.type = "dev.cdevents.service.upgraded.0.3.0"}));
  EXPECT_FALSE(Only<Deployed>(upgraded).rolled_back);
  const std::string content =
      R"("description":"Response time above 10ms","environment":{"id":"prod1"},
         "service":{"id":"myApp","source":"/clusterA/namespaceB"})";
  const auto opened = Parse(Event({.type = "dev.cdevents.incident.detected.0.3.0",
                                   .content = content,
                                   .subject = "incident-123"}));
  EXPECT_EQ(OnlyFact(opened).service, "myApp");
  EXPECT_FALSE(Only<Incident>(opened).resolved);
  const auto resolved = Parse(Event({.type = "dev.cdevents.incident.resolved.0.3.0-draft",
                                     .content = content,
                                     .subject = "incident-123"}));
  EXPECT_TRUE(Only<Incident>(resolved).resolved);
  EXPECT_EQ(Only<Incident>(resolved).incident, Only<Incident>(opened).incident);
}

TEST(CdEvents, BuildsTestsAndChanges) {
  const auto build = Parse(Event({.type = "dev.cdevents.build.finished.0.3.0",
                                  .content = R"("artifactId":"pkg:oci/myapp@sha256%3A0b31b1c0")"}));
  EXPECT_EQ(OnlyFact(build).service, "myapp");
  EXPECT_EQ(OnlyFact(build).id, "mySubject123");
  EXPECT_EQ(Only<Build>(build).image_digest, "sha256:0b31b1c0");
  const auto tests = Parse(Event({.type = "dev.cdevents.testsuiterun.finished.0.3.0",
                                  .content = R"("outcome":"fail","environment":{"id":"dev"})",
                                  .more = R"(,"customData":{"service":"checkout"})"}));
  EXPECT_EQ(OnlyFact(tests).service, "checkout");
  EXPECT_EQ(Only<TestRun>(tests).failed, true);
  const auto change =
      Parse(Event({.type = "dev.cdevents.change.merged.0.3.0",
                   .content = R"("repository":{"id":"acme/checkout"})",
                   .more = R"(,"customData":{"commit":"abc","authors":["ann@example.com"]})"}));
  EXPECT_EQ(OnlyFact(change).service, "checkout");
  EXPECT_THAT(Only<ChangeMerged>(change).authors, ElementsAre("ann@example.com"));
}

TEST(CdEvents, WhatIsMissingIsNamed) {
  EXPECT_THAT(ProblemsOf(Parse(Event({.content = ""}))),
              HasSubstr("/subject/content/environment: missing"));
  EXPECT_THAT(ProblemsOf(Parse(Event({.content = R"("environment":{"id":"e"})"}))),
              HasSubstr("/subject/content/artifactId: missing"));
  EXPECT_THAT(ProblemsOf(Parse(R"({"context":{},"subject":{}})")),
              HasSubstr("/context/specversion: missing"));
  EXPECT_THAT(ProblemsOf(Parse("{}")), HasSubstr("not a CDEvent"));
}

TEST(CdEvents, WhatSaysNothingForUsIsLeftOut) {
  const auto parsed = Parse(Event({.type = "dev.cdevents.taskrun.started.0.2.0", .content = ""}));
  EXPECT_TRUE(parsed.problems.empty()) << ProblemsOf(parsed);
  EXPECT_EQ(parsed.ignored.size(), 1u);
}

TEST(CdEvents, ComeInsideCloudEvents) {
  const std::string type = "dev.cdevents.service.deployed.0.2.0";
  const auto envelope = [&](const std::string& version, const std::string& outer) {
    return fmt::format(R"({{"specversion":"{}","id":"1","source":"/s","type":"{}","data":{}}})",
                       version, outer, Event({}));
  };
  EXPECT_EQ(Parse(envelope("1.0", type)).facts.size(), 1u);
  EXPECT_EQ(Parse("[" + envelope("1.0", type) + "]").facts.size(), 1u);
  EXPECT_THAT(ProblemsOf(Parse(envelope("0.3", type))), HasSubstr("/specversion: version '0.3'"));
  EXPECT_THAT(ProblemsOf(Parse(envelope("1.0", "dev.cdevents.build.finished.0.3.0"))),
              HasSubstr("/type: not the type"));
  const Transport binary{
      .content_type = "application/json", .ce_specversion = "1.0", .ce_type = type};
  EXPECT_EQ(Parse(Event({}), binary).facts.size(), 1u);
  EXPECT_THAT(
      ProblemsOf(Parse(Event({}), {.content_type = {}, .ce_specversion = "2.0", .ce_type = type})),
      HasSubstr("header ce-specversion"));
  EXPECT_THAT(
      ProblemsOf(Parse(Event({}), {.content_type = {}, .ce_specversion = "1.0", .ce_type = "x"})),
      HasSubstr("ce-type"));
}

// A sender that knows one address may send its events there.
TEST(CdEvents, AreReadWhereBuildsAndChangesAre) {
  EXPECT_EQ(ParseBuilds(Event({}), {}, Defaults()).facts.size(), 1u);
  EXPECT_EQ(ParseChanges(Event({}), {}, Defaults()).facts.size(), 1u);
  EXPECT_EQ(ParseOutcomes(Event({}), {}, Defaults()).facts.size(), 1u);
}

}  // namespace
}  // namespace auspex::builds
