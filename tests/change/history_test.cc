#include "auspex/change/history.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "auspex/change/deployment.h"
#include "tests/change/made_commits.h"

namespace auspex::change {
namespace {

// The examples of Kamei et al., section 3.2.
TEST(History, EntropyIsThatOfThePapersExample) {
  History history;
  const auto row = history.Add(
      Made("a", kThen, {Changed("a", 30, 0), Changed("b", 15, 5), Changed("c", 0, 10)}));
  EXPECT_NEAR(Value(row, Feature::kEntropy), 1.459, 0.001);
  EXPECT_EQ(Value(history.Look(Made("a", kThen, {Changed("a", 9, 0)})), Feature::kEntropy), 0.0);
  EXPECT_EQ(Value(history.Look(Made("a", kThen, {Renamed("a", "z")})), Feature::kEntropy), 0.0);
}

TEST(History, CountsSubsystemsDirectoriesAndFiles) {
  const auto row =
      History().Look(Made("a", kThen,
                          {Added("core/jdom/Node.java", 1), Added("core/jdom/A.java", 1),
                           Added("core/B.java", 1), Added("ui/C.java", 1), Added("README", 1)}));
  EXPECT_EQ(Value(row, Feature::kNs), 3);
  EXPECT_EQ(Value(row, Feature::kNd), 4);
  EXPECT_EQ(Value(row, Feature::kNf), 5);
  EXPECT_EQ(Value(row, Feature::kLa), 5);
  EXPECT_EQ(Value(row, Feature::kFilesAdded), 5);
}

// File A by x, B and C by x and y: two people. A last in one change, B and C in another: two.
// Changed 3, 5 and 4 days ago: 4 days.
TEST(History, TellsThePastOfTheFiles) {
  History history;
  history.Add(Made("y", kThen - 90 * kDay, {Added("B", 1), Added("C", 1)}));
  history.Add(Made("x", kThen - 4 * kDay, {Changed("B", 1, 0), Changed("C", 1, 0)}));
  history.Add(Made("x", kThen - 3 * kDay, {Added("A", 1)}));
  const auto row =
      history.Look(Made("z", kThen, {Changed("A", 1, 0), Changed("B", 1, 0), Changed("C", 1, 0)}));
  EXPECT_EQ(Value(row, Feature::kNdev), 2);
  EXPECT_EQ(Value(row, Feature::kNuc), 2);
  EXPECT_NEAR(Value(row, Feature::kAge), (3 + 4 + 4) / 3.0, 1e-12);
  EXPECT_EQ(Value(row, Feature::kAuthors30d), 1);
  EXPECT_EQ(Value(row, Feature::kChangesBefore), 5);
  EXPECT_EQ(Value(row, Feature::kChurnBefore), 5);
  EXPECT_NEAR(Value(row, Feature::kOwnership), (1 + 0.5 + 0.5) / 3, 1e-12);
  EXPECT_EQ(Value(row, Feature::kAuthorOwnership), 0);
  EXPECT_EQ(Value(row, Feature::kDaysSinceFileChange), 3);
}

TEST(History, ANewFileCountsNoDaysAndLeavesOtherThingsOpen) {
  History history;
  history.Add(Made("x", kThen - 10 * kDay, {Added("A", 1)}));
  const auto half = history.Look(Made("x", kThen, {Changed("A", 1, 0), Added("B", 1)}));
  EXPECT_EQ(Value(half, Feature::kAge), 5);
  const auto none = history.Look(Made("x", kThen, {Added("B", 1)}));
  EXPECT_EQ(Value(none, Feature::kAge), 0);
  EXPECT_TRUE(std::isnan(Value(none, Feature::kOwnership)));
  EXPECT_TRUE(std::isnan(Value(none, Feature::kDaysSinceFileChange)));
  EXPECT_TRUE(std::isnan(Value(none, Feature::kComplexityDelta)));
}

// "3 changes in the current year, 4 a year ago, 3 two years ago": 3/1 + 4/2 + 3/3 = 6.
TEST(History, WeighsExperienceByItsAge) {
  History history;
  for (int i = 0; i < 3; ++i) history.Add(Made("x", kThen - 800 * kDay, {Changed("a/f", 1, 0)}));
  for (int i = 0; i < 4; ++i) history.Add(Made("x", kThen - 400 * kDay, {Changed("a/f", 1, 0)}));
  for (int i = 0; i < 3; ++i)
    history.Add(Made("X", kThen - 100 * kDay, {Changed("b/f", 1, 0), Changed("c/f", 1, 0)}));
  const auto row = history.Look(Made("x", kThen, {Changed("b/g", 1, 0), Changed("c/g", 1, 0)}));
  EXPECT_EQ(Value(row, Feature::kExp), 10);
  EXPECT_DOUBLE_EQ(Value(row, Feature::kRexp), 6);
  EXPECT_EQ(Value(row, Feature::kSexp), 3) << "a change of both counts once";
  EXPECT_EQ(Value(row, Feature::kDaysSinceAuthorChange), 100);
  EXPECT_EQ(Value(history.Look(Made("new", kThen, {Changed("a/f", 1, 0)})), Feature::kExp), 0);
}

TEST(History, AYearEndsAfter365Days) {
  History history;
  history.Add(Made("x", kThen, {Added("a", 1)}));
  const auto rexp = [&](std::int64_t after_s) {
    return Value(history.Look(Made("x", kThen + after_s, {Added("b", 1)})), Feature::kRexp);
  };
  EXPECT_EQ(rexp(365 * kDay - 1), 1.0);
  EXPECT_EQ(rexp(365 * kDay), 0.5);
  EXPECT_EQ(rexp(-5 * kDay), 1.0) << "a clock that runs backwards";
}

TEST(History, FollowsRenamesAndTellsAFreshFileAtTheOldName) {
  History history;
  history.Add(Made("x", kThen - 9 * kDay, {Added("old", 7)}));
  history.Add(Made("y", kThen - 8 * kDay, {Renamed("old", "new")}));
  EXPECT_EQ(Value(history.Look(Made("z", kThen, {Changed("new", 1, 0)})), Feature::kNdev), 2);
  // A branch that has not seen the rename.
  EXPECT_EQ(Value(history.Look(Made("z", kThen, {Changed("old", 1, 0)})), Feature::kNdev), 2);
  EXPECT_EQ(Value(history.Look(Made("z", kThen, {Added("old", 1)})), Feature::kNdev), 0);
  history.Add(Made("z", kThen, {Added("old", 1)}));
  EXPECT_EQ(Value(history.Look(Made("z", kThen, {Changed("old", 1, 0)})), Feature::kNdev), 1);
  EXPECT_EQ(Value(history.Look(Made("z", kThen, {Changed("new", 1, 0)})), Feature::kNdev), 2);
}

TEST(History, FilesMaySwapTheirNames) {
  History history;
  history.Add(Made("x", kThen, {Added("a", 1)}));
  history.Add(Made("y", kThen, {Added("b", 1)}));
  history.Add(Made("z", kThen, {Renamed("a", "b"), Renamed("b", "a")}));
  const auto row = history.Look(Made("x", kThen, {Changed("b", 1, 0)}));
  EXPECT_EQ(Value(row, Feature::kAuthorFileChanges), 1) << "b is what x wrote";
}

TEST(History, KnowsTheLinesBeforeByContentElseByCounting) {
  History history;
  FileChange added = Added("f", 100);
  added.new_id = MadeId(1001);
  history.Add(Made("x", kThen, {added}));
  FileChange changed = Changed("f", 10, 5);
  changed.old_id = MadeId(1001);
  changed.new_id = MadeId(1002);
  EXPECT_EQ(Value(history.Add(Made("x", kThen, {changed})), Feature::kLt), 100);
  // A merge made this content.
  FileChange merged = Changed("f", 1, 0);
  merged.old_id = MadeId(1003);
  merged.new_id = MadeId(1004);
  const Commit commit = Made("x", kThen, {merged});
  EXPECT_EQ(history.UnknownContents(commit), std::vector<ObjectId>{MadeId(1003)});
  EXPECT_EQ(Value(history.Look(commit), Feature::kLt), 105);
  history.Learn(MadeId(1003), 333);
  EXPECT_TRUE(history.UnknownContents(commit).empty());
  EXPECT_EQ(Value(history.Look(commit), Feature::kLt), 333);
}

TEST(History, TellsFilesThatUsuallyChangeTogether) {
  History history;
  history.Add(Made("x", kThen, {Added("a.cc", 1), Added("a.h", 1), Added("b", 1)}));
  for (int i = 0; i < 3; ++i)
    history.Add(Made("x", kThen, {Changed("a.cc", 1, 0), Changed("a.h", 1, 0)}));
  const Commit alone = Made("x", kThen, {Changed("a.cc", 1, 0)});
  EXPECT_EQ(Value(history.Look(alone), Feature::kCoChangeMissing), 1);
  EXPECT_EQ(history.MissingCoChanges(alone, 5), std::vector<std::string>{"a.h"});
  const Commit both = Made("x", kThen, {Changed("a.cc", 1, 0), Changed("a.h", 1, 0)});
  EXPECT_EQ(Value(history.Look(both), Feature::kCoChangeMissing), 0);
  history.Add(Made("x", kThen, {Deleted("a.h", 4)}));
  EXPECT_EQ(Value(history.Look(alone), Feature::kCoChangeMissing), 0) << "it is no longer there";
}

TEST(History, TellsHourAndWeekdayInTheAuthorsZone) {
  const auto at = [](std::int64_t time_s, int zone_min) {
    Commit commit = Made("x", time_s, {});
    commit.author_zone_min = zone_min;
    const auto row = History().Look(commit);
    return std::pair(Value(row, Feature::kWeekday), Value(row, Feature::kHour));
  };
  EXPECT_EQ(at(kThen, 0), std::pair(6.0, 12.0));
  EXPECT_EQ(at(kThen, 12 * 60), std::pair(0.0, 0.0));
  EXPECT_EQ(at(0, 0), std::pair(3.0, 0.0));  // a Thursday
  EXPECT_EQ(at(0, -60), std::pair(2.0, 23.0));
  EXPECT_EQ(at(-1, 0), std::pair(2.0, 23.0));
  EXPECT_EQ(at(4'102'444'800, 0), std::pair(4.0, 0.0));  // 2100-01-01, a Friday
}

TEST(History, SizeStandsAmongTheEarlierOnes) {
  History history;
  const auto percentile = [&](std::int64_t lines) {
    return Value(history.Look(Made("x", kThen, {Changed("f", lines, 0)})),
                 Feature::kSizePercentile);
  };
  EXPECT_TRUE(std::isnan(percentile(5)));
  for (const std::int64_t lines : {1, 10, 10, 1'000})
    history.Add(Made("x", kThen, {Changed("f", lines, 0)}));
  EXPECT_EQ(percentile(0), 0.0);
  EXPECT_EQ(percentile(10), 0.5);
  EXPECT_EQ(percentile(100), 0.75);
  EXPECT_EQ(percentile(1'000'000'000'000), 1.0);
}

TEST(History, ServicesAreConfiguredOrFoundByTheirFiles) {
  History history(std::vector<ServicePath>{{"services/pay", "payments"}});
  history.Add(Made("x", kThen, {Added("web/package.json", 1), Added("web/api/go.mod", 1)}));
  const auto services = [&](std::vector<FileChange> files) {
    return Value(history.Look(Made("x", kThen, std::move(files))), Feature::kServices);
  };
  EXPECT_EQ(services({Changed("README", 1, 0), Changed("lib/a", 1, 0)}), 1);
  EXPECT_EQ(services({Changed("web/a/b.js", 1, 0), Changed("web/api/c.go", 1, 0)}), 2);
  EXPECT_EQ(services({Changed("services/pay/a", 1, 0), Changed("services/payments", 1, 0)}), 2);
  history.Add(Made("x", kThen, {Deleted("web/api/go.mod", 1)}));
  EXPECT_EQ(services({Changed("web/a/b.js", 1, 0), Changed("web/api/c.go", 1, 0)}), 1);
}

TEST(History, ConfiguredServicesAreNoPartOfASnapshot) {
  const std::vector<ServicePath> configured{{"services/pay", "payments"}};
  History with(configured);
  History without;
  const Commit commit =
      Made("x", kThen, {Added("web/package.json", 1), Added("services/pay/a", 1)});
  with.Add(commit);
  without.Add(commit);
  EXPECT_TRUE(with.Snapshot() == without.Snapshot());
  const std::vector<FileChange> files{Changed("web/a", 1, 0), Changed("services/pay/a", 1, 0),
                                      Changed("services/b", 1, 0)};
  const auto restored = History::Restore(without.Snapshot(), configured);
  ASSERT_TRUE(restored.ok());
  EXPECT_EQ(restored->CountServices(files), 3U);
  EXPECT_EQ(without.CountServices(files), 2U);
}

TEST(FolderOf, IsAFolderBelowTheTop) {
  EXPECT_EQ(FolderOf("./services//checkout/").value_or(""), "services/checkout");
  for (const char* bad : {"", ".", "/", "/services", "../other", "a/../../b"})
    EXPECT_FALSE(FolderOf(bad).ok()) << bad;
}

TEST(History, TakesCommitsWithoutFilesAndTimesOfAnyKind) {
  History history;
  for (const std::int64_t time_s : {std::int64_t{0}, std::int64_t{4'102'444'800}, kThen,
                                    std::int64_t{-1} << 62U, std::int64_t{1} << 62U}) {
    const auto row = history.Add(Made("x", time_s, {Changed("f", 1, 1)}));
    EXPECT_GE(Value(row, Feature::kAge), 0);
    EXPECT_GE(Value(row, Feature::kRexp), 0);
    history.Add(Made("", time_s, {}));
  }
  EXPECT_EQ(history.commits(), 10U);
}

// ---- Laws, over made-up histories.

std::vector<Commit> AnyHistory() {
  const auto path = [] {
    return fmt::format("d{}/f{}", *rc::gen::inRange(0, 3), *rc::gen::inRange(0, 4));
  };
  std::vector<Commit> commits;
  const int count = *rc::gen::inRange(1, 25);
  for (int i = 0; i < count; ++i) {
    std::vector<FileChange> files;
    std::set<std::string> used;  // git names a file once
    for (int left = *rc::gen::inRange(0, 5); left > 0; --left) {
      const int added = *rc::gen::inRange(0, 50);
      FileChange change = Changed(path(), added, *rc::gen::inRange(0, 9));
      const int kind = *rc::gen::inRange(0, 6);
      if (kind == 0) change = Added(path(), added);
      if (kind == 1) change = Deleted(path(), added);
      if (kind == 2) change = Renamed(path(), path());
      if (kind == 3) change = Added(fmt::format("d{}/go.mod", *rc::gen::inRange(0, 3)), 1);
      if (change.path == change.old_path || !used.insert(change.path).second) continue;
      if (change.new_mode != 0) change.new_id = MadeId(*rc::gen::inRange<std::uint64_t>(0, 99));
      files.push_back(std::move(change));
    }
    commits.push_back(Made(fmt::format("p{}", *rc::gen::inRange(0, 4)),
                           kThen + *rc::gen::inRange(-900, 900) * kDay, std::move(files)));
  }
  return commits;
}

// NaN is equal to itself here.
bool SameBits(const FeatureRow& a, const FeatureRow& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

RC_GTEST_PROP(History, GoesOnFromASnapshotAsIfNothingHadBeen, ()) {
  const auto commits = AnyHistory();
  const auto stop = *rc::gen::inRange<std::size_t>(0, commits.size() + 1);
  History whole;
  History part;
  for (std::size_t i = 0; i < stop; ++i) {
    whole.Add(commits[i]);
    part.Add(commits[i]);
  }
  auto restored = History::Restore(part.Snapshot());
  RC_ASSERT(restored.ok());
  RC_ASSERT(restored->Snapshot() == part.Snapshot());
  for (std::size_t i = stop; i < commits.size(); ++i)
    RC_ASSERT(SameBits(whole.Add(commits[i]), restored->Add(commits[i])));
  RC_ASSERT(whole.Snapshot() == restored->Snapshot());
}

RC_GTEST_PROP(History, LookingChangesNothingAndSeesWhatAddSees, ()) {
  History history;
  for (const Commit& commit : AnyHistory()) {
    const std::string before = history.Snapshot();
    const FeatureRow seen = history.Look(commit);
    RC_ASSERT(history.Snapshot() == before);
    RC_ASSERT(SameBits(seen, history.Add(commit)));
  }
}

// No feature knows what comes later: a history that ends earlier gives the same rows.
RC_GTEST_PROP(History, NeverSeesALaterCommit, ()) {
  const auto commits = AnyHistory();
  std::vector<FeatureRow> rows;
  History whole;
  for (const Commit& commit : commits) rows.push_back(whole.Add(commit));
  const auto end = *rc::gen::inRange<std::size_t>(0, commits.size() + 1);
  History cut;
  for (std::size_t i = 0; i < end; ++i) RC_ASSERT(SameBits(cut.Add(commits[i]), rows[i]));
}

RC_GTEST_PROP(History, RowsKeepTheirRanges, ()) {
  History history;
  for (const Commit& commit : AnyHistory()) {
    const FeatureRow row = history.Add(commit);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool delta = kChangeFeatures[i].name.ends_with("_delta");
      RC_ASSERT(std::isnan(row[i]) || delta || row[i] >= 0.0);
      if (kChangeFeatures[i].scale == FeatureScale::kFlag)
        RC_ASSERT(row[i] == 0.0 || row[i] == 1.0);
    }
    for (const Feature share :
         {Feature::kOwnership, Feature::kAuthorOwnership, Feature::kSizePercentile})
      RC_ASSERT(std::isnan(At(row, share)) || At(row, share) <= 1.0);
    RC_ASSERT(At(row, Feature::kRexp) <= At(row, Feature::kExp));
    RC_ASSERT(At(row, Feature::kSexp) <= At(row, Feature::kExp));
    RC_ASSERT(At(row, Feature::kNs) <= At(row, Feature::kNd));
    RC_ASSERT(At(row, Feature::kNd) <= At(row, Feature::kNf));
  }
}

TEST(History, RefusesADamagedSnapshot) {
  History history;
  history.Add(Made("x", kThen, {Added("a/b", 3), Added("c", 2)}));
  const std::string good = history.Snapshot();
  ASSERT_TRUE(History::Restore(good).ok());
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(History::Restore(good.substr(0, size)).error().code, ErrorCode::kDataLoss) << size;
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_FALSE(History::Restore(bad).ok()) << at;
  }
  EXPECT_FALSE(History::Restore(good + "x").ok());
}

TEST(Features, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const FeatureSpec& feature : kChangeFeatures) {
    EXPECT_TRUE(names.insert(feature.name).second) << feature.name;
    EXPECT_FALSE(feature.phrase.empty()) << feature.name;
    EXPECT_EQ(feature.scale == FeatureScale::kCyclic, feature.period > 0) << feature.name;
  }
  // The names that users rely on stand where the code fills them.
  const auto name = [](Feature feature) {
    return kChangeFeatures[static_cast<std::size_t>(feature)].name;
  };
  EXPECT_EQ(name(Feature::kNs), "ns");
  EXPECT_EQ(name(Feature::kSexp), "sexp");
  EXPECT_EQ(name(Feature::kFilesConfig), "files_config");
  EXPECT_EQ(name(Feature::kComplexityDelta), "complexity_delta");
  EXPECT_EQ(name(Feature::kServices), "services");
  EXPECT_EQ(name(Feature::kCoChangeMissing), "co_change_missing");
  EXPECT_EQ(name(Feature::kHour), "hour");
  EXPECT_EQ(name(Feature::kWeekday), "weekday");
  EXPECT_EQ(name(Feature::kSizePercentile), "size_percentile");
}

// ---- Deployments.

TEST(Squash, IsTheNetUnionOfTheFiles) {
  FileChange first = Changed("a", 5, 1);
  first.old_id = MadeId(1);
  first.new_id = MadeId(2);
  FileChange back = Changed("a", 1, 5);
  back.old_id = MadeId(2);
  back.new_id = MadeId(1);
  const Commit net = Squash(
      {Made("x", kThen, {first, Added("temporary", 3), Added("kept", 2)}),
       Made("y", kThen + 1, {Renamed("kept", "b"), Renamed("r0", "r1")}),
       Made("z", kThen + 2,
            {back, Deleted("temporary", 3), Renamed("r1", "r2"), Changed("b", 4, 0)}, "last")});
  EXPECT_EQ(net.message, "last");
  ASSERT_EQ(net.files.size(), 2U);
  EXPECT_EQ(net.files[0].path, "b");
  EXPECT_EQ(net.files[0].status, FileStatus::kAdded);
  EXPECT_EQ(net.files[0].added, 6);
  EXPECT_EQ(net.files[1].status, FileStatus::kRenamed);
  EXPECT_EQ(net.files[1].old_path, "r0");
  EXPECT_EQ(net.files[1].path, "r2");
}

const LearnContents kLearnNothing = [](const Commit&, History*) { return Status(); };

TEST(FoldRange, OfOneCommitIsThatCommit) {
  History history;
  history.Add(Made("x", kThen, {Added("a", 5), Added("b", 5)}));
  const Commit commit = Made("y", kThen + kDay, {Changed("a", 3, 1)}, "fix a bug");
  const FeatureRow alone = history.Look(commit);
  const auto row = FoldRange({commit}, &history, kLearnNothing);
  ASSERT_TRUE(row.ok()) << row.error().message;
  EXPECT_TRUE(SameBits(row->features, alone));
  EXPECT_EQ(row->commits, 1);
  EXPECT_EQ(row->authors, 1);
  EXPECT_EQ(history.commits(), 2U);
}

TEST(FoldRange, LooksAtFilesFromBeforeTheRangeAndAtAuthorsOneByOne) {
  History history;
  history.Add(Made("x", kThen, {Added("a", 5)}));
  const auto row = FoldRange({Made("x", kThen + kDay, {Changed("a", 3, 1)}, "fix a bug"),
                              Made("y", kThen + 2 * kDay, {Changed("a", 2, 0), Added("b", 9)})},
                             &history, kLearnNothing);
  ASSERT_TRUE(row.ok()) << row.error().message;
  EXPECT_EQ(Value(row->features, Feature::kNf), 2);
  EXPECT_EQ(Value(row->features, Feature::kLa), 14);
  EXPECT_EQ(Value(row->features, Feature::kNdev), 1) << "y came within the range";
  EXPECT_EQ(Value(row->features, Feature::kFix), 1);
  EXPECT_EQ(Value(row->features, Feature::kExp), 0.5);
  EXPECT_EQ(row->commits, 2);
  EXPECT_EQ(row->authors, 2);
  EXPECT_EQ(FoldRange({}, &history, kLearnNothing).error().code, ErrorCode::kNoData);
}

}  // namespace
}  // namespace auspex::change
