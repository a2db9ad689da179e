#include "auspex/builds/features.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "tests/builds/facts.h"

namespace auspex::builds {
namespace {

const WallTime kNow = FromMicros(1'764'000'000'000'000);
constexpr auto kDay = std::chrono::hours(24);

using Row = std::map<std::string, double, std::less<>>;

template <typename Table>
void Name(const Table& table, const std::vector<double>& values, Row* row) {
  ASSERT_EQ(table.size(), values.size());
  for (std::size_t i = 0; i < table.size(); ++i) (*row)[std::string(table[i].name)] = values[i];
}

Row RowAt(const std::vector<Fact>& facts, const About& about, WallTime at) {
  Row row;
  Name(kBuildFeatures, BuildFeaturesAt(facts, about, at), &row);
  Name(kHistoryFeatures, HistoryFeaturesAt(facts, about, at), &row);
  return row;
}

Fact FactAt(const std::string& id, Duration before, What what,
            const std::string& service = "shop") {
  const WallTime at = kNow - std::chrono::duration_cast<std::chrono::microseconds>(before);
  return {.source = "api",
          .id = id,
          .service = service,
          .at = at,
          .known_at = at,
          .what = std::move(what)};
}

Build PassedBuild(double duration_s, const std::string& commit = "") {
  return {.name = "ci", .commit = commit, .status = BuildStatus::kPassed, .duration_s = duration_s};
}

bool Same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }
bool Same(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return Same(x, y); });
}

About AnyAbout() { return {.service = "shop", .commit = *AnyCommit(), .authors = *AnyAuthors()}; }
WallTime AnyTime() { return kNow + std::chrono::seconds(*rc::gen::inRange(-86400, 70 * 86400)); }

// The law: what comes later changes nothing that was asked before. History is cut at random times.
RC_GTEST_PROP(Features, NeverSeeTheFuture, ()) {
  const auto all = *rc::gen::container<std::vector<Fact>>(AnyFact());
  const About about = AnyAbout();
  const WallTime at = AnyTime();
  std::vector<Fact> then;
  std::copy_if(all.begin(), all.end(), std::back_inserter(then),
               [at](const Fact& fact) { return fact.known_at <= at; });
  RC_CLASSIFY(then.size() < all.size() && !then.empty(), "cut in the middle");
  RC_ASSERT(Same(BuildFeaturesAt(all, about, at), BuildFeaturesAt(then, about, at)));
  RC_ASSERT(Same(HistoryFeaturesAt(all, about, at), HistoryFeaturesAt(then, about, at)));
}

// Whether and in which order facts came is no fact. (Those of one time, source and id are repeats.)
RC_GTEST_PROP(Features, DoNotDependOnTheOrderOfFacts, ()) {
  auto facts = *rc::gen::container<std::vector<Fact>>(AnyFact());
  std::set<std::string> ids;
  std::erase_if(facts, [&ids](const Fact& fact) { return !ids.insert(fact.id).second; });
  auto shuffled = facts;
  std::reverse(shuffled.begin(), shuffled.end());
  const About about = AnyAbout();
  const WallTime at = AnyTime();
  RC_ASSERT(Same(BuildFeaturesAt(facts, about, at), BuildFeaturesAt(shuffled, about, at)));
  RC_ASSERT(Same(HistoryFeaturesAt(facts, about, at), HistoryFeaturesAt(shuffled, about, at)));
}

RC_GTEST_PROP(Features, AreOfTheirKinds, ()) {
  const auto facts = *rc::gen::container<std::vector<Fact>>(AnyFact());
  const About about = AnyAbout();
  const WallTime at = AnyTime();
  const auto check = [](const auto& table, const std::vector<double>& row) {
    RC_ASSERT(table.size() == row.size());
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (std::isnan(row[i])) continue;
      RC_ASSERT(std::isfinite(row[i]));
      if (table[i].scale == FeatureScale::kFlag) RC_ASSERT(row[i] == 0.0 || row[i] == 1.0);
      if (table[i].scale == FeatureScale::kLog1p) RC_ASSERT(row[i] >= 0.0);
    }
  };
  check(kBuildFeatures, BuildFeaturesAt(facts, about, at));
  check(kHistoryFeatures, HistoryFeaturesAt(facts, about, at));
}

TEST(Features, NamesAreUniqueAndPhrasesHaveOnePlaceForTheValue) {
  std::set<std::string_view> names;
  const auto check = [&names](const auto& table) {
    for (const FeatureSpec& spec : table) {
      EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
      const bool flag = spec.scale == FeatureScale::kFlag;
      EXPECT_EQ(spec.phrase.find("{}") == std::string_view::npos, flag) << spec.name;
    }
  };
  check(kBuildFeatures);
  check(kHistoryFeatures);
}

TEST(Features, NothingKnownIsNotZero) {
  const Row row = RowAt({}, {.service = "shop"}, kNow);
  for (const char* name : {"build_duration_s", "build_failed", "failure_share_90d", "last_failed",
                           "since_deployment_s", "author_deployments_90d", "last_p_fail"})
    EXPECT_TRUE(std::isnan(row.at(name))) << name;
  EXPECT_EQ(row.at("deployments_7d"), 0.0);
}

TEST(Features, ABuildBesideItsNorm) {
  std::vector<Fact> facts;
  for (int i = 0; i < 5; ++i)
    facts.push_back(FactAt(std::to_string(i), (10 - i) * kDay, PassedBuild(100.0 + i)));
  Build last = PassedBuild(306.0, "abcdef0123");
  last.attempt = 3;
  last.status = BuildStatus::kFailed;
  facts.push_back(FactAt("last", 1min, last));
  const Row row = RowAt(facts, {.service = "shop", .commit = "abcdef0"}, kNow);
  EXPECT_EQ(row.at("build_duration_ratio"), 3.0);
  EXPECT_EQ(row.at("build_failed"), 1.0);
  EXPECT_EQ(row.at("build_retries"), 2.0);
  EXPECT_EQ(row.at("build_failure_share"), 0.0);
  EXPECT_EQ(row.at("build_age_s"), 60.0);
  // Of a commit without a build nothing is known, whatever was built before.
  EXPECT_TRUE(std::isnan(
      RowAt(facts, {.service = "shop", .commit = "ffff0000"}, kNow).at("build_duration_s")));
}

TEST(Features, ABuildBesideTheOneBefore) {
  Build before = PassedBuild(10.0);
  before.coverage = .80;
  before.toolchain = "gcc 12";
  before.environment = "debian-12";
  before.artifact_bytes = 1000;
  before.dependencies = {"zlib@1.2", "curl@8"};
  Build now = PassedBuild(10.0);
  now.coverage = .75;
  now.toolchain = "gcc 13";
  now.environment = "debian-12";
  now.artifact_bytes = 1500;
  now.dependencies = {"zlib@1.3", "curl@8"};
  const Row row =
      RowAt({FactAt("1", kDay, before), FactAt("2", 1h, now)}, {.service = "shop"}, kNow);
  EXPECT_NEAR(row.at("coverage_change"), -.05, 1e-12);
  EXPECT_EQ(row.at("toolchain_changed"), 1.0);
  EXPECT_EQ(row.at("environment_changed"), 0.0);
  EXPECT_EQ(row.at("artifact_change"), .5);
  EXPECT_EQ(row.at("build_dependencies_changed"), 2.0);
}

TEST(Features, ReportsOfTestsBelongToTheirBuild) {
  const std::vector<Fact> facts{
      FactAt("b-1", 1h, PassedBuild(10.0, "aaaaaaa")),
      FactAt("r-1", 50min, TestRun{.build = "b-1", .tests = {.passed = 10, .failed = 1}}),
      FactAt("r-2", 50min, TestRun{.commit = "aaaaaaa", .tests = {.passed = 5, .flaky = 2}}),
      FactAt("r-3", 50min, TestRun{.build = "b-2", .tests = {.passed = 99}})};
  const Row row = RowAt(facts, {.service = "shop"}, kNow);
  EXPECT_EQ(row.at("tests_run"), 16.0);
  EXPECT_EQ(row.at("tests_failed"), 1.0);
  EXPECT_EQ(row.at("tests_flaky"), 2.0);
  EXPECT_TRUE(std::isnan(row.at("tests_skipped")));
}

TEST(Features, ReportsOfTestsSpeakForACommitWithoutABuild) {
  const std::vector<Fact> facts{
      FactAt("b-0", 2h, PassedBuild(10.0, "bbbbbbb")),
      FactAt(
          "r-1", 50min,
          TestRun{.build = "run/4711", .commit = "aaaaaaa", .tests = {.passed = 10, .failed = 1}})};
  const Row alone = RowAt(facts, {.service = "shop", .commit = "aaaaaaa"}, kNow);
  EXPECT_EQ(alone.at("tests_failed"), 1.0);
  EXPECT_TRUE(std::isnan(alone.at("build_failed")));
  EXPECT_TRUE(
      std::isnan(RowAt(facts, {.service = "shop", .commit = "bbbbbbb"}, kNow).at("tests_failed")));
  // A build that comes with the commit, under another id, has them.
  std::vector<Fact> more = facts;
  more.push_back(FactAt("run/4711/1", 40min, PassedBuild(10.0, "aaaaaaa")));
  EXPECT_EQ(RowAt(more, {.service = "shop", .commit = "aaaaaaa"}, kNow).at("tests_failed"), 1.0);
}

TEST(Features, ABuildThatPassedIsNoRetry) {
  std::vector<Fact> facts;
  for (int i = 0; i < 5; ++i)
    facts.push_back(FactAt(std::to_string(i), (10 - i) * 1h, PassedBuild(100.0, "aaaaaaa")));
  const About about{.service = "shop", .commit = "aaaaaaa"};
  EXPECT_EQ(RowAt(facts, about, kNow).at("build_retries"), 0.0);
  std::get<Build>(facts[1].what).status = BuildStatus::kFailed;
  EXPECT_EQ(RowAt(facts, about, kNow).at("build_retries"), 1.0);
}

TEST(Features, HowTheServiceFared) {
  std::vector<Fact> facts;
  for (int i = 1; i <= 8; ++i) {
    const std::string id = "shop-" + std::to_string(i);
    facts.push_back(FactAt(id, i * 5 * kDay, Deployed{.version = id}));
    // The two newest failed; the newest harmed.
    Outcome outcome{.failed = i <= 2, .rolled_back = i <= 2, .deployment = id};
    if (i == 1) outcome.users_harmed = 12.0;
    facts.push_back(FactAt(id, i * 5 * kDay - 1h, outcome));
  }
  const Row row = RowAt(facts, {.service = "shop"}, kNow);
  EXPECT_EQ(row.at("deployments_7d"), 1.0);
  EXPECT_EQ(row.at("deployments_30d"), 6.0);
  EXPECT_EQ(row.at("failures_30d"), 2.0);
  EXPECT_EQ(row.at("rollbacks_30d"), 2.0);
  EXPECT_EQ(row.at("failure_share_90d"), .25);
  EXPECT_EQ(row.at("since_deployment_s"), 5 * 86400.0);
  EXPECT_EQ(row.at("since_failure_s"), 5 * 86400.0 - 3600.0);
  EXPECT_EQ(row.at("last_failed"), 1.0);
  EXPECT_EQ(row.at("failures_in_a_row"), 2.0);
  EXPECT_EQ(row.at("last_users_harmed"), 12.0);
  // A deployment that has begun is not its own history.
  const Row second = RowAt(facts, {.service = "shop", .deployment = "shop-1"}, kNow);
  EXPECT_EQ(second.at("deployments_7d"), 0.0);
  EXPECT_EQ(second.at("failures_in_a_row"), 1.0);
}

TEST(Features, WhatElseGoesOn) {
  Fact ours = FactAt("search-1", 3h, Deployed{.version = "1"}, "search");
  ours.source = "auspex";
  Fact ended = FactAt("cart-1", 3h, Deployed{.version = "1"}, "cart");
  ended.source = "auspex";
  const std::vector<Fact> facts{ours,
                                ended,
                                FactAt("cart-1", 2h, Outcome{.deployment = "cart-1"}, "cart"),
                                FactAt("argo-1", 10min, Deployed{.version = "7"}, "mail"),
                                FactAt("argo-2", 2h, Deployed{.version = "8"}, "mail"),
                                FactAt("i-1", kDay, Incident{.incident = "i-1"}),
                                FactAt("i-2", 2h, Incident{.incident = "i-2"}),
                                FactAt("i-2r", 1h, Incident{.resolved = true, .incident = "i-2"}),
                                FactAt("i-3", 2h, Incident{.incident = "i-3"}, "search")};
  const Row row = RowAt(facts, {.service = "shop"}, kNow);
  EXPECT_EQ(row.at("concurrent_deployments"), 2.0);
  EXPECT_EQ(row.at("incidents_open"), 1.0);
  EXPECT_EQ(row.at("incidents_open_elsewhere"), 1.0);
  EXPECT_EQ(row.at("incidents_30d"), 2.0);
}

// Who made a version is told by it, by its change, or by its build.
TEST(Features, WhoMadeIt) {
  const std::vector<Fact> facts{
      FactAt("m-1", 9 * kDay, ChangeMerged{.commit = "aaaaaaa", .authors = {"ann"}}),
      FactAt("1", 8 * kDay, Outcome{.failed = true, .commit = "aaaaaaa"}),
      FactAt("2", 7 * kDay, Outcome{.failed = true, .authors = {"bob"}}, "search"),
      FactAt("3", 6 * kDay, Outcome{.authors = {"ann"}}, "search")};
  const Row ann = RowAt(facts, {.service = "shop", .authors = {"ann"}}, kNow);
  EXPECT_EQ(ann.at("author_deployments_90d"), 2.0);
  EXPECT_EQ(ann.at("author_failures_90d"), 1.0);
  EXPECT_EQ(ann.at("since_author_failure_s"), 8 * 86400.0);
  const Row carl = RowAt(facts, {.service = "shop", .authors = {"carl"}}, kNow);
  EXPECT_EQ(carl.at("author_deployments_90d"), 0.0);
  EXPECT_TRUE(std::isnan(carl.at("since_author_failure_s")));
}

}  // namespace
}  // namespace auspex::builds
