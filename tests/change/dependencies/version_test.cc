#include "auspex/change/dependencies/version.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace auspex::change {
namespace {

// Each text is before the next one.
void ExpectOrder(VersionScheme scheme, const std::vector<std::string>& versions) {
  for (std::size_t i = 0; i < versions.size(); ++i) {
    for (std::size_t k = 0; k < versions.size(); ++k) {
      const int expected = (i > k) - (i < k);
      EXPECT_EQ(CompareVersions(scheme, versions[i], versions[k]), expected)
          << versions[i] << " against " << versions[k];
    }
  }
}

void ExpectEqual(VersionScheme scheme, const std::vector<std::string>& versions) {
  for (const auto& version : versions) {
    EXPECT_EQ(CompareVersions(scheme, versions[0], version), 0) << version;
  }
}

// The example of SemVer 2.0.0 §11.4.4, and numbers beyond 64 bits.
TEST(CompareVersions, OrdersSemVerAsItsSpecificationDoes) {
  ExpectOrder(VersionScheme::kSemVer,
              {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
               "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0",
               "99999999999999999999.0.0", "100000000000000000000.0.0"});
  ExpectEqual(VersionScheme::kSemVer, {"1.2.3", "v1.2.3", "1.2.3+build.5"});
}

TEST(CompareVersions, OrdersGoPseudoVersionsByTheirTime) {
  ExpectOrder(VersionScheme::kSemVer,
              {"v0.0.0-20190101000000-abcdefabcdef", "v0.0.0-20200101000000-000000000000",
               "v0.1.0-0.20210101000000-abcdefabcdef", "v0.1.0",
               "v0.1.1-0.20220101000000-abcdefabcdef", "v2.0.0+incompatible"});
}

// The summary of permitted suffixes and relative ordering of PEP 440.
TEST(CompareVersions, OrdersPythonVersionsAsPep440Does) {
  ExpectOrder(VersionScheme::kPep440, {"1.dev0",
                                       "1.0.dev456",
                                       "1.0a1",
                                       "1.0a2.dev456",
                                       "1.0a12.dev456",
                                       "1.0a12",
                                       "1.0b1.dev456",
                                       "1.0b2",
                                       "1.0b2.post345.dev456",
                                       "1.0b2.post345",
                                       "1.0rc1.dev456",
                                       "1.0rc1",
                                       "1.0",
                                       "1.0+abc.5",
                                       "1.0+abc.7",
                                       "1.0+5",
                                       "1.0.post456.dev34",
                                       "1.0.post456",
                                       "1.0.15",
                                       "1.1.dev1",
                                       "1!0.1"});
  ExpectEqual(VersionScheme::kPep440, {"1.0", "1", "1.0.0", "v1.0"});
  ExpectEqual(VersionScheme::kPep440, {"1.0rc1", "1.0-RC.1", "1.0c1", "1.0.pre1", "1.0_preview1"});
  ExpectEqual(VersionScheme::kPep440, {"1.0.post1", "1.0-1", "1.0.rev1", "1.0-r1"});
}

// The examples of "Version Order Specification", https://maven.apache.org/pom.html.
TEST(CompareVersions, OrdersMavenVersionsAsThePomReferenceDoes) {
  ExpectOrder(VersionScheme::kMaven, {"1-alpha-1", "1-beta-1", "1-milestone-1", "1-rc-1",
                                      "1-SNAPSHOT", "1", "1-sp", "1-whatever", "1-1", "1.1"});
  ExpectOrder(VersionScheme::kMaven, {"1-foo2", "1-foo10", "1.2", "1.10", "2"});
  ExpectOrder(VersionScheme::kMaven, {"1.foo", "1-1", "1.1"});
  ExpectEqual(VersionScheme::kMaven, {"1", "1.0", "1.0.0", "1-ga", "1.ga", "1-0", "1.0-final"});
  ExpectEqual(VersionScheme::kMaven, {"1-a1", "1-alpha-1"});
  ExpectEqual(VersionScheme::kMaven, {"1.0-RC1", "1-cr1"});
}

TEST(CompareVersions, OrdersRubyAndTags) {
  ExpectOrder(VersionScheme::kRuby,
              {"1.0.a", "1.0.b2", "1.0.b10", "1.0", "1.0.1", "1.1.pre", "1.1"});
  ExpectEqual(VersionScheme::kRuby, {"1", "1.0", "1.0.0"});
  ExpectOrder(VersionScheme::kTag, {"3.9-alpine", "3.9-slim", "3.18", "3.19-alpine", "16"});
}

TEST(StepBetween, IsTheFirstNumberThatDiffers) {
  using S = VersionScheme;
  EXPECT_EQ(StepBetween(S::kSemVer, "17.0.2", "18.2.0"), VersionStep::kMajor);
  EXPECT_EQ(StepBetween(S::kSemVer, "1.2.3", "1.3.0"), VersionStep::kMinor);
  EXPECT_EQ(StepBetween(S::kSemVer, "1.2.3", "1.2.4"), VersionStep::kPatch);
  EXPECT_EQ(StepBetween(S::kSemVer, "1.2.3-rc.1", "1.2.3"), VersionStep::kOther);
  EXPECT_EQ(StepBetween(S::kSemVer, "1.2.3", "1.2.3"), VersionStep::kNone);
  EXPECT_EQ(StepBetween(S::kSemVer, "0.3.1", "0.4.0"), VersionStep::kMajor);
  EXPECT_EQ(StepBetween(S::kSemVer, "0.3.1", "0.3.2"), VersionStep::kPatch);
  EXPECT_EQ(StepBetween(S::kSemVer, "0.9.0", "1.0.0"), VersionStep::kMajor);
  EXPECT_EQ(StepBetween(S::kPep440, "0.3.1", "0.4.0"), VersionStep::kMinor);
  EXPECT_EQ(StepBetween(S::kPep440, "2023.1", "1!1.0"), VersionStep::kMajor);
  EXPECT_EQ(StepBetween(S::kMaven, "31.0-jre", "31.1-jre"), VersionStep::kMinor);
  EXPECT_EQ(StepBetween(S::kTag, "1.21-bullseye", "1.21-bookworm"), VersionStep::kOther);
  EXPECT_EQ(StepBetween(S::kTag, "bullseye", "bookworm"), VersionStep::kOther);
}

TEST(IsPreRelease, KnowsTheWordsOfEachScheme) {
  using S = VersionScheme;
  EXPECT_TRUE(IsPreRelease(S::kSemVer, "1.0.0-rc.1"));
  EXPECT_TRUE(IsPreRelease(S::kSemVer, "v0.0.0-20200101000000-abcdefabcdef"));
  EXPECT_FALSE(IsPreRelease(S::kSemVer, "1.0.0+build"));
  EXPECT_FALSE(IsPreRelease(S::kSemVer, "1.x"));
  EXPECT_TRUE(IsPreRelease(S::kPep440, "4.2rc1"));
  EXPECT_TRUE(IsPreRelease(S::kPep440, "4.2.post1.dev3"));
  EXPECT_FALSE(IsPreRelease(S::kPep440, "4.2.post1"));
  EXPECT_TRUE(IsPreRelease(S::kMaven, "3.0.0-M1"));
  EXPECT_TRUE(IsPreRelease(S::kMaven, "3.0-SNAPSHOT"));
  EXPECT_FALSE(IsPreRelease(S::kMaven, "31.1-jre"));
  EXPECT_FALSE(IsPreRelease(S::kMaven, "5.3.1.RELEASE"));
  EXPECT_TRUE(IsPreRelease(S::kRuby, "7.1.0.beta1"));
  EXPECT_FALSE(IsPreRelease(S::kRuby, "7.1.0"));
  EXPECT_TRUE(IsPreRelease(S::kTag, "3.13-rc-slim"));
  EXPECT_FALSE(IsPreRelease(S::kTag, "3.19-alpine"));
  EXPECT_FALSE(IsPreRelease(S::kTag, "arch"));
}

// Texts of the bytes that versions are made of, so that most differ in what the rules look at.
rc::Gen<std::string> AnyVersion() {
  return rc::gen::resize(9, rc::gen::container<std::string>(
                                rc::gen::elementOf(std::string("0011129..--+!_abrcdevpostx*v"))));
}

RC_GTEST_PROP(CompareVersions, SwappingChangesTheSign, ()) {
  const auto scheme =
      *rc::gen::element(VersionScheme::kSemVer, VersionScheme::kPep440, VersionScheme::kMaven,
                        VersionScheme::kRuby, VersionScheme::kTag);
  const auto a = *AnyVersion();
  const auto b = *AnyVersion();
  RC_ASSERT(CompareVersions(scheme, a, b) == -CompareVersions(scheme, b, a));
  RC_ASSERT(CompareVersions(scheme, a, a) == 0);
  RC_ASSERT(StepBetween(scheme, a, b) == StepBetween(scheme, b, a));
  RC_ASSERT(StepBetween(scheme, a, a) == VersionStep::kNone);
}

RC_GTEST_PROP(CompareVersions, IsTransitiveSaveForMaven, ()) {
  const auto scheme = *rc::gen::element(VersionScheme::kSemVer, VersionScheme::kPep440,
                                        VersionScheme::kRuby, VersionScheme::kTag);
  std::vector<std::string> three = {*AnyVersion(), *AnyVersion(), *AnyVersion()};
  std::stable_sort(three.begin(), three.end(), [scheme](const auto& x, const auto& y) {
    return CompareVersions(scheme, x, y) < 0;
  });
  RC_ASSERT(CompareVersions(scheme, three[0], three[2]) <= 0);
}

}  // namespace
}  // namespace auspex::change
