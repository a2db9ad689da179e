#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/builds/support.h"

namespace auspex::builds {
namespace {

using ::testing::HasSubstr;

ParsedPayload Parse(const std::string& body) {
  PayloadDefaults defaults = Defaults();
  defaults.service = "checkout";
  defaults.commit = "abc";
  return ParseBuilds(body, {.content_type = "application/xml"}, defaults);
}

TEST(Junit, CountsTheTestsOfAllSuites) {
  const auto run = Only<TestRun>(Parse(R"(<?xml version="1.0"?>
    <testsuites><testsuite name="a" tests="3"><testcase classname="A" name="one"/>
    <testcase classname="A" name="two"><failure message="no"/></testcase>
    <testcase classname="A" name="three"><skipped/></testcase></testsuite>
    <testsuite name="b"><testsuite name="inner"><testcase name="four"><error/></testcase>
    </testsuite></testsuite></testsuites>)"));
  EXPECT_EQ(run.tests, (TestCounts{.passed = 1, .failed = 2, .skipped = 1, .flaky = 0}));
  EXPECT_EQ(run.failed, true);
  EXPECT_EQ(run.commit, "abc");
}

// As GoogleTest 1.12 writes them.
TEST(Junit, ADisabledTestIsSkipped) {
  const auto run = Only<TestRun>(Parse(R"(<testsuites tests="3" disabled="1"><testsuite name="A">
    <testcase name="Works" status="run" result="completed" classname="A"/>
    <testcase name="DISABLED_One" status="notrun" result="suppressed" classname="A"/>
    <testcase name="Skips" status="run" result="skipped" classname="A"><skipped message="no"/></testcase>
    </testsuite></testsuites>)"));
  EXPECT_EQ(run.tests, (TestCounts{.passed = 1, .failed = 0, .skipped = 2, .flaky = 0}));
}

// Surefire with rerunFailingTestsCount: passed in the end, or failed each time.
TEST(Junit, ATestThatPassedWhenTriedAgainIsFlaky) {
  const auto run = Only<TestRun>(Parse(R"(<testsuite>
    <testcase classname="A" name="one"><flakyFailure type="x"><stackTrace/></flakyFailure></testcase>
    <testcase classname="A" name="two"><flakyError type="x"/></testcase>
    <testcase classname="A" name="three"><failure/><rerunFailure type="x"/></testcase></testsuite>)"));
  EXPECT_EQ(run.tests, (TestCounts{.passed = 2, .failed = 1, .skipped = 0, .flaky = 2}));
}

// gotestsum and pytest-rerunfailures write each try as a test of its own.
TEST(Junit, TheSameTestFailingAndThenPassingIsFlaky) {
  const auto run = Only<TestRun>(Parse(R"(<testsuite>
    <testcase classname="A" name="one"><failure/></testcase><testcase classname="A" name="one"/>
    <testcase classname="B" name="one"/><testcase classname="B" name="one"><failure/></testcase>
    </testsuite>)"));
  EXPECT_EQ(run.tests, (TestCounts{.passed = 2, .failed = 1, .skipped = 0, .flaky = 1}));
}

// Billion laughs: nothing is expanded, so it is as small as it looks.
TEST(Junit, ExpandsNoEntities) {
  std::string dtd = "<!DOCTYPE t [<!ENTITY a0 \"lol\">";
  for (int i = 1; i < 40; ++i) {
    dtd += "<!ENTITY a" + std::to_string(i) + " \"&a" + std::to_string(i - 1) + ";&a" +
           std::to_string(i - 1) + ";\">";
  }
  dtd += "<!ENTITY file SYSTEM \"file:///etc/passwd\">]>";
  const auto run = Only<TestRun>(
      Parse(dtd + R"(<testsuite><testcase name="&a39;"/><testcase name="&file;"/></testsuite>)"));
  EXPECT_EQ(run.tests.passed, 2);
}

TEST(Junit, RefusesWhatIsNoReport) {
  EXPECT_THAT(ProblemsOf(Parse("<html/>")), HasSubstr("<html> is no JUnit report"));
  EXPECT_THAT(ProblemsOf(Parse("<testsuite>\n<testcase></testsuite>")),
              HasSubstr("cannot be read at line 2"));
  EXPECT_THAT(ProblemsOf(Parse("  ")), HasSubstr("cannot be read"));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<testsuite>";
  deep += "<testcase/>";
  for (int i = 0; i < 100'000; ++i) deep += "</testsuite>";
  EXPECT_THAT(ProblemsOf(Parse(deep)), HasSubstr("nested deeper than 64"));
  EXPECT_EQ(Parse("<testsuite tests=\"0\"/>").ignored.size(), 1u);
}

// A report has no id: the same one counts once, that of another build does not.
TEST(Junit, IsKnownByItsContentAndItsBuild) {
  const std::string report = "<testsuite><testcase name=\"one\"/></testsuite>";
  PayloadDefaults defaults = Defaults();
  defaults.service = "checkout";
  const Fact one = OnlyFact(ParseBuilds(report, {}, defaults));
  EXPECT_EQ(one.id, OnlyFact(ParseBuilds(report, {}, defaults)).id);
  defaults.build = "run/7";
  const Fact other = OnlyFact(ParseBuilds(report, {}, defaults));
  EXPECT_NE(one.id, other.id);
  EXPECT_EQ(std::get<TestRun>(other.what).build, "run/7");
}

}  // namespace
}  // namespace auspex::builds
