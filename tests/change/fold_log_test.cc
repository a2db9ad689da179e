#include "auspex/change/git/fold_log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include "auspex/change/git/history_cache.h"
#include "tests/change/scratch_repository.h"

namespace auspex::change::git {
namespace {

const OnFold kNobody = [](std::int64_t, std::int64_t) {};

Repository Opened(const std::string& path) {
  auto repository = Repository::Open(path);
  if (!repository.ok()) throw std::runtime_error(repository.error().message);
  return *std::move(repository);
}

struct Folded {
  FoldCount count;
  std::map<std::string, FeatureRow> rows;  // by message
};

Folded FoldAll(const Repository& repository, bool content) {
  History history;
  Folded folded;
  const auto count = FoldLog(repository, {{repository.Resolve("HEAD").value()}, content}, history,
                             [&](const Commit& commit, const FeatureRow& row) -> Status {
                               folded.rows[commit.message] = row;
                               return {};
                             });
  if (!count.ok()) throw std::runtime_error(count.error().message);
  folded.count = *count;
  return folded;
}

// Both sides of a merge change the file; only the merge knows its lines.
void MakeMerge(ScratchRepository* scratch) {
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += std::to_string(i) + "\n";
  scratch->As("a@x", "1600000000 +0000");
  scratch->Write("f.go", lines);
  scratch->Commit("first");
  scratch->Git({"checkout", "-q", "-b", "side"});
  scratch->As("b@x", "1600000100 +0000");
  scratch->Write("f.go", "a\nb\nc\n" + lines);
  scratch->Commit("side");
  scratch->Git({"checkout", "-q", "main"});
  scratch->As("a@x", "1600000200 +0000");
  scratch->Write("f.go", lines + "y\nz\n");
  scratch->Commit("main");
  scratch->Git({"merge", "-q", "--no-edit", "side"});
  scratch->As("c@x", "1600000300 +0000");
  scratch->Write("f.go", "func Open() {\n\tif a {\n\t}\n}\n");
  scratch->Commit("last");
}

TEST(FoldLog, KnowsTheLinesOfWhatAMergeMade) {
  ScratchRepository scratch;
  MakeMerge(&scratch);
  const Folded folded = FoldAll(Opened(scratch.path()), false);
  EXPECT_EQ(folded.count.commits, 4);
  EXPECT_EQ(folded.count.contents_read, 1);
  EXPECT_EQ(At(folded.rows.at("side\n"), Feature::kLt), 20);
  EXPECT_EQ(At(folded.rows.at("main\n"), Feature::kLt), 20);
  EXPECT_EQ(At(folded.rows.at("last\n"), Feature::kLt), 25);
  EXPECT_EQ(At(folded.rows.at("last\n"), Feature::kNdev), 2);
  EXPECT_TRUE(std::isnan(At(folded.rows.at("last\n"), Feature::kComplexityDelta)));
}

TEST(FoldLog, ReadsContentsWhereAsked) {
  ScratchRepository scratch;
  MakeMerge(&scratch);
  const Folded folded = FoldAll(Opened(scratch.path()), true);
  const FeatureRow& last = folded.rows.at("last\n");
  EXPECT_EQ(At(last, Feature::kComplexityDelta), 2);
  EXPECT_EQ(At(last, Feature::kCyclomaticDelta), 1);
  EXPECT_EQ(At(last, Feature::kInterfaceDelta), 1);
}

TEST(FoldLog, EndsWithTheVisitorsError) {
  ScratchRepository scratch;
  scratch.Commit("one");
  const Repository repository = Opened(scratch.path());
  History history;
  const auto count = FoldLog(repository, {{repository.Resolve("HEAD").value()}}, history,
                             [](const Commit&, const FeatureRow&) -> Status {
                               return Fail(ErrorCode::kPermissionDenied, "enough");
                             });
  ASSERT_FALSE(count.ok());
  EXPECT_EQ(count.error().message, "enough");
}

class Cached : public testing::Test {
 protected:
  [[nodiscard]] HistoryCache Cache() const { return HistoryCache(scratch_.path() + "/.git/cache"); }
  [[nodiscard]] std::string CacheFolder() const { return scratch_.path() + "/.git/cache"; }
  std::size_t Files() const {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(CacheFolder()))
      files += entry.is_regular_file() ? 1U : 0U;
    return files;
  }
  std::string HistoryOf(const std::string& revision, std::int64_t* read = nullptr) {
    const Repository repository = Opened(scratch_.path());
    std::int64_t folded = 0;
    const auto history = HistoryAt(repository, repository.Resolve(revision).value(), Cache(),
                                   [&](std::int64_t, std::int64_t) { ++folded; });
    if (!history.ok()) throw std::runtime_error(history.error().message);
    if (read != nullptr) *read = folded;
    return history->Snapshot();
  }
  ScratchRepository scratch_;
};

TEST_F(Cached, HistoryGoesOnWhereItEnded) {
  for (int i = 0; i < 5; ++i) {
    scratch_.Write("f", std::to_string(i));
    scratch_.Commit("commit");
  }
  std::int64_t read = 0;
  HistoryOf("HEAD~2", &read);
  EXPECT_EQ(read, 3);
  const std::string on = HistoryOf("HEAD", &read);
  EXPECT_EQ(read, 2) << "only what is new is read";
  HistoryOf("HEAD", &read);
  EXPECT_EQ(read, 0);
  HistoryOf("HEAD~4", &read);
  EXPECT_EQ(read, 1) << "a snapshot of what comes later is of no use";
  std::filesystem::remove_all(CacheFolder());
  EXPECT_TRUE(HistoryOf("HEAD") == on) << "at once or in two parts";
}

TEST_F(Cached, KeepsFourAndPassesOverDamage) {
  for (int i = 0; i < 7; ++i) {
    scratch_.Commit("commit");
    HistoryOf("HEAD");
  }
  EXPECT_EQ(Files(), 4U);
  const std::string good = HistoryOf("HEAD");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(CacheFolder()))
    if (entry.is_regular_file()) std::ofstream(entry.path()) << "damaged";
  std::int64_t read = 0;
  EXPECT_TRUE(HistoryOf("HEAD", &read) == good);
  EXPECT_EQ(read, 7);
}

TEST_F(Cached, NothingIsKeptWhereThatCannotBe) {
  scratch_.Commit("commit");
  const Repository repository = Opened(scratch_.path());
  const CommitId head = repository.Resolve("HEAD").value();
  EXPECT_TRUE(HistoryAt(repository, head, HistoryCache(""), kNobody).ok());
  EXPECT_TRUE(HistoryAt(repository, head, HistoryCache("/proc/nothing"), kNobody).ok());
  EXPECT_EQ(HistoryCache("/proc/nothing").Keep(repository, head, History()).error().code,
            ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace auspex::change::git
