#include "auspex/change/dependencies/delta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace auspex::change {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Words(const DependencyDelta& delta) {
  std::vector<std::string> words;
  for (const auto& change : delta.changes) words.push_back(InWords(change));
  return words;
}

std::map<std::string, double> Counts(const DependencyDelta& delta) {
  std::map<std::string, double> counts;
  const auto features = DependencyFeatures(delta);
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (features[i] != 0) counts[std::string(kDependencyFeatures[i].name)] = features[i];
  }
  return counts;
}

TEST(CompareDependencies, SaysWhatMovedAndHowFar) {
  const std::vector<FileVersions> files = {
      {"package.json",
       R"({"dependencies": {"react": "^17.0.2", "gone": "1.0.0", "same": "2.0.0", "back": "2.0.0", "rc": "1.0.0", "loose": "^1.0.0"}})",
       R"({"dependencies": {"react": "^18.2.0", "new": "1.0.0", "same": "2.0.0", "back": "1.9.0", "rc": "1.1.0-rc.1", "loose": "*"}})"}};
  const auto delta = CompareDependencies(files);
  EXPECT_THAT(Words(delta),
              ElementsAre("back 2.0.0 → 1.9.0, major, a downgrade (package.json)",
                          "removes gone 1.0.0 (package.json)",
                          "loose ^1.0.0 → *, major, version left open (package.json)",
                          "adds new 1.0.0 (package.json)",
                          "rc 1.0.0 → 1.1.0-rc.1, minor, before its release (package.json)",
                          "react ^17.0.2 → ^18.2.0, major (package.json)"));
}

TEST(CompareDependencies, TakesTheLockFilesWordOverTheManifests) {
  const std::vector<FileVersions> files = {
      {"web/package.json", R"({"dependencies": {"react": "^17.0.2", "peer": "^1"}})",
       R"({"dependencies": {"react": ">=18", "peer": "^2"}})"},
      {"package-lock.json", R"({"packages": {"node_modules/react": {"version": "17.0.2"}}})",
       R"({"packages": {"node_modules/react": {"version": "18.2.0"}}})"}};
  const auto delta = CompareDependencies(files);
  EXPECT_THAT(Words(delta),
              ElementsAre("peer ^1 → ^2, major (web/package.json)",
                          "react 17.0.2 → 18.2.0, major, version left open (package-lock.json)"));
  EXPECT_EQ(Counts(delta),
            (std::map<std::string, double>{{"deps_major", 2}, {"deps_unpinned", 1}}));
}

TEST(CompareDependencies, ComparesTheCopiesOfALockFileOneByOne) {
  const std::vector<FileVersions> files = {
      {"package-lock.json",
       R"({"packages": {"node_modules/a": {"version": "2.0.0"}, "node_modules/b/node_modules/a": {"version": "1.0.0"}}})",
       R"({"packages": {"node_modules/a": {"version": "2.1.0"}, "node_modules/b/node_modules/a": {"version": "1.0.0"},
           "node_modules/c/node_modules/a": {"version": "0.5.0"}}})"}};
  EXPECT_THAT(Words(CompareDependencies(files)),
              ElementsAre("a 2.0.0 → 2.1.0, minor (package-lock.json)",
                          "adds a 0.5.0 (package-lock.json)"));
}

TEST(CompareDependencies, KnowsGosNewMajorVersionUnderANewPath) {
  const std::vector<FileVersions> files = {
      {"go.mod", "require example.com/x v1.9.0\nrequire gopkg.in/yaml.v2 v2.4.0\n",
       "require example.com/x/v2 v2.0.0\nrequire gopkg.in/yaml.v3 v3.0.1\n"},
      {"go.sum", "example.com/x v1.9.0 h1:a=\n", "example.com/x/v2 v2.0.0 h1:b=\n"}};
  EXPECT_THAT(Words(CompareDependencies(files)),
              ElementsAre("example.com/x/v2 v1.9.0 → v2.0.0, major (go.mod)",
                          "gopkg.in/yaml.v3 v2.4.0 → v3.0.1, major (go.mod)"));
}

TEST(CompareDependencies, KnowsBaseImages) {
  const std::vector<FileVersions> files = {
      {"Dockerfile", "FROM golang:1.21-bullseye\nFROM debian:bookworm@sha256:aa\nFROM node:18\n",
       "FROM golang:1.21-bookworm\nFROM debian:bookworm@sha256:bb\nFROM node:20\n"}};
  const auto delta = CompareDependencies(files);
  EXPECT_THAT(
      Words(delta),
      ElementsAre("debian bookworm@sha256:aa → bookworm@sha256:bb, less than a patch (Dockerfile)",
                  "golang 1.21-bullseye → 1.21-bookworm, less than a patch (Dockerfile)",
                  "node 18 → 20, major (Dockerfile)"));
  EXPECT_EQ(Counts(delta), (std::map<std::string, double>{
                               {"deps_base_image", 3}, {"deps_major", 1}, {"deps_patch", 2}}));
}

TEST(CompareDependencies, ReadsLocationsByTheirTag) {
  const std::vector<FileVersions> files = {
      {"package.json",
       R"({"dependencies": {"a": "user/a#v1.2.0", "b": "user/b#0123456789", "c": "1.0.0"}})",
       R"({"dependencies": {"a": "user/a#v1.3.0", "b": "user/b#abcdef0123", "c": "user/c"}})"}};
  EXPECT_THAT(Words(CompareDependencies(files)),
              ElementsAre("a user/a#v1.2.0 → user/a#v1.3.0, minor (package.json)",
                          HasSubstr("b user/b#0123456789 → user/b#abcdef0123, "),
                          "c 1.0.0 → user/c, major, version left open (package.json)"));
}

TEST(CompareDependencies, NamesWhatItCouldNotRead) {
  const std::vector<FileVersions> files = {{"a/package.json", "{}", "{"}};
  const auto delta = CompareDependencies(files);
  EXPECT_THAT(delta.unreadable,
              ElementsAre(HasSubstr("a/package.json after the change: not JSON")));
  EXPECT_THAT(delta.changes, IsEmpty());
  for (const double value : DependencyFeatures(delta)) EXPECT_TRUE(std::isnan(value));
}

TEST(CompareDependencies, PassesOverOtherFiles) {
  const std::vector<FileVersions> files = {{"main.c", "{", "}"}};
  const auto delta = CompareDependencies(files);
  EXPECT_THAT(delta.unreadable, IsEmpty());
  for (const double value : DependencyFeatures(delta)) EXPECT_EQ(value, 0.0);
}

TEST(InWords, ShowsNoControlBytesAndEndsSomewhere) {
  DependencyChange change;
  change.name = "evil\x1b[31m" + std::string(300, 'x');
  change.kind = DependencyChangeKind::kAdded;
  const auto words = InWords(change);
  EXPECT_EQ(words.find('\x1b'), std::string::npos);
  EXPECT_LT(words.size(), 300U);
}

std::string LockOf(const std::map<std::string, std::string>& packages) {
  std::string text = R"({"packages": {"": {})";
  for (const auto& [name, version] : packages) {
    text += ", \"node_modules/" + name + R"(": {"version": ")" + version + "\"}";
  }
  return text + "}}";
}

rc::Gen<std::map<std::string, std::string>> AnyPackages() {
  const auto any =
      rc::gen::container<std::vector<std::pair<std::string, std::string>>>(rc::gen::pair(
          rc::gen::element<std::string>("a", "b", "c", "d", "e"),
          rc::gen::element<std::string>("1.0.0", "1.0.1", "1.1.0", "2.0.0", "2.0.0-rc.1")));
  return rc::gen::map(any, [](const auto& pairs) {
    return std::map<std::string, std::string>(pairs.begin(), pairs.end());
  });
}

// Back and forth: what was added is removed, an upgrade is a downgrade, each step the same; and a
// file against itself has no change.
RC_GTEST_PROP(CompareDependencies, IsItsOwnMirror, ()) {
  const auto before = LockOf(*AnyPackages());
  const auto after = LockOf(*AnyPackages());
  const auto there =
      CompareDependencies(std::vector<FileVersions>{{"package-lock.json", before, after}});
  const auto back =
      CompareDependencies(std::vector<FileVersions>{{"package-lock.json", after, before}});
  RC_ASSERT(there.changes.size() == back.changes.size());
  for (std::size_t i = 0; i < there.changes.size(); ++i) {
    const auto& a = there.changes[i];
    const auto& b = back.changes[i];
    RC_ASSERT(a.name == b.name);
    RC_ASSERT(a.before == b.after);
    RC_ASSERT(a.after == b.before);
    RC_ASSERT(a.step == b.step);
    RC_ASSERT((a.kind == DependencyChangeKind::kAdded) ==
              (b.kind == DependencyChangeKind::kRemoved));
    if (a.kind == DependencyChangeKind::kMoved) RC_ASSERT(a.downgrade != b.downgrade);
  }
  RC_ASSERT(CompareDependencies(std::vector<FileVersions>{{"package-lock.json", before, before}})
                .changes.empty());
}

}  // namespace
}  // namespace auspex::change
