#include "auspex/change/git/mine_labels.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "auspex/change/git/repository.h"
#include "tests/change/scratch_repository.h"

namespace auspex::change::git {
namespace {

namespace fs = std::filesystem;

// A scratch repository with a clock of days, whose labels are asked for by commit.
class Labelled {
 public:
  std::string Commit(const std::string& message, int day) {
    scratch_.As("a@example.com", fmt::format("{} +0000", 1'600'000'000 + day * 86'400));
    return scratch_.Commit(message);
  }
  void Write(const std::string& file, const std::string& content) { scratch_.Write(file, content); }
  ScratchRepository& scratch() { return scratch_; }

  // Commits that are blamed, with the day from which that is known.
  std::map<std::string, std::int64_t> Bugs(TraceOptions options = {}) {
    return BugsIn(scratch_.path(), std::move(options));
  }
  std::map<std::string, std::int64_t> BugsIn(const std::string& path, TraceOptions options = {}) {
    auto repository = Repository::Open(path);
    EXPECT_TRUE(repository.ok());
    const auto tip = repository->Resolve("HEAD");
    EXPECT_TRUE(tip.ok());
    auto log = repository->Log({.tip = *tip});
    EXPECT_TRUE(log.ok());
    LabelBook book;
    std::vector<CommitId> ids;
    for (;;) {
      const auto commit = log->Next();
      EXPECT_TRUE(commit.ok());
      if (!commit.ok() || !*commit) break;
      book.Add(**commit);
      ids.push_back((*commit)->id);
    }
    const auto mined = MineLabels(*repository, *tip, std::move(options), &book);
    EXPECT_TRUE(mined.ok()) << (mined.ok() ? "" : mined.error().message);
    if (mined.ok()) report = *mined;
    std::map<std::string, std::int64_t> bugs;
    for (const auto& id : ids) {
      const auto label = book.LabelOf(id);
      if (label && label->bug) bugs[id.text()] = (label->known_at_s - 1'600'000'000) / 86'400;
    }
    return bugs;
  }

  TraceReport report;

 private:
  ScratchRepository scratch_;
};

using Bugs = std::map<std::string, std::int64_t>;

TEST(MineLabels, BlamesWhoWroteTheLineThatAFixReplaces) {
  Labelled repo;
  repo.Write("a.c", "int f(int x) {\n  return x;\n}\n");
  repo.Commit("first", 0);
  repo.Write("a.c", "int f(int x) {\n  return x / 0;\n}\n");
  const auto bug = repo.Commit("halve x", 1);
  repo.Write("a.c", "int f(int x) {\n  return x / 0;\n}\nint g;\n");
  repo.Commit("add g", 2);
  repo.Write("a.c", "int f(int x) {\n  return x / 2;\n}\nint g;\n");
  repo.Commit("fix division", 5);
  EXPECT_EQ(repo.Bugs(), (Bugs{{bug, 5}}));
  EXPECT_EQ(repo.report.files, 1U);
  EXPECT_EQ(repo.report.files_failed, 0U);
}

TEST(MineLabels, LooksThroughLayoutMovesAndRenames) {
  Labelled repo;
  repo.Write("a.c", "one();\ntwo();\nthree();\nfour();\nfive();\nsix();\n");
  repo.Commit("first", 0);
  repo.Write("a.c", "one();\ntwo(1, 2);\nthree();\nfour();\nfive();\nsix();\n");
  const auto bug = repo.Commit("pass numbers", 1);
  repo.Write("a.c", "one();\n    two(1,  2);\nthree();\nfour();\nfive();\nsix();\n");
  repo.Commit("indent", 2);
  repo.scratch().Git({"mv", "a.c", "b.c"});
  repo.Commit("rename", 3);
  repo.Write("b.c",
             "// What it does.\none();\n    two(1, 3);\nthree();\nfour();\nfive();\nsix();\n");
  repo.Commit("Fix wrong number", 6);
  EXPECT_EQ(repo.Bugs(), (Bugs{{bug, 6}}));
}

TEST(MineLabels, LooksThroughMechanicalCommits) {
  Labelled repo;
  const auto write = [&](const std::string& name, const std::string& value) {
    for (int i = 0; i < 6; ++i) {
      std::string text;
      for (int k = 0; k < 20; ++k) text += fmt::format("{}({}, {}{});\n", name, i, value, k);
      repo.Write(fmt::format("f{}.c", i), text);
    }
  };
  write("old_name", "1");
  const auto bug = repo.Commit("first", 0);
  write("new_name", "1");
  repo.Commit("rename old_name", 1);
  repo.Write("f0.c", "new_name(0, 999);\n");
  repo.Commit("fix numbers", 4);
  EXPECT_EQ(repo.Bugs(), (Bugs{{bug, 4}}));
}

TEST(MineLabels, LooksThroughWhatTheMaintainersIgnore) {
  Labelled repo;
  repo.Write("a.c", "call_it(first, second);\n");
  const auto bug = repo.Commit("first", 0);
  repo.Write("a.c", "call_it(first, SECOND);\n");
  const auto style = repo.Commit("style", 1);
  repo.Write(".git-blame-ignore-revs", "# style\n" + style + " # shouting\nnonsense\n");
  repo.Commit("ignore it", 2);
  repo.Write("a.c", "call_it(first, third);\n");
  repo.Commit("fix argument", 4);
  EXPECT_EQ(repo.Bugs(), (Bugs{{bug, 4}}));
}

TEST(MineLabels, TakesRevertsAndNamedOriginsAtTheirWord) {
  Labelled repo;
  repo.Write("a.c", "one();\n");
  repo.Commit("first", 0);
  repo.Write("a.c", "one();\ntwo();\n");
  const auto reverted = repo.Commit("add two", 1);
  repo.Write("b.c", "b();\n");
  const auto named = repo.Commit("add b", 2);
  repo.Write("a.c", "one();\n");
  repo.Commit("Revert \"add two\"\n\nThis reverts commit " + reverted + ".", 3);
  // It adds a line: nothing could be traced.
  repo.Write("b.c", "check();\nb();\n");
  repo.Commit("b: check first\n\nFixes: " + named.substr(0, 12) + " (\"add b\")", 7);
  EXPECT_EQ(repo.Bugs(), (Bugs{{reverted, 3}, {named, 7}}));
  EXPECT_EQ(repo.report.fixes, 0U);
}

TEST(MineLabels, PassesThroughMerges) {
  Labelled repo;
  repo.Write("a.c", "one();\n");
  repo.Commit("first", 0);
  repo.scratch().Git({"checkout", "-q", "-b", "topic"});
  repo.Write("b.c", "wrong();\n");
  const auto bug = repo.Commit("add b", 1);
  repo.scratch().Git({"checkout", "-q", "main"});
  repo.Write("a.c", "one();\ntwo();\n");
  repo.Commit("add two", 2);
  repo.scratch().Git({"merge", "-q", "--no-ff", "-m", "merge topic to fix it", "topic"});
  repo.Write("b.c", "right();\n");
  repo.Commit("fix b", 5);
  EXPECT_EQ(repo.Bugs(), (Bugs{{bug, 5}}));
}

TEST(MineLabels, KnowsPathsWithOddBytes) {
  Labelled repo;
  const std::string path = "a \"b\"\n\t\xff.c";
  repo.Write(path, "one();\nwrong();\n");
  const auto bug = repo.Commit("first", 0);
  repo.Write(path, "one();\nright();\n");
  repo.Commit("fix it", 5);
  EXPECT_EQ(repo.Bugs(), (Bugs{{bug, 5}}));
  EXPECT_EQ(repo.report.files_failed, 0U);
}

class Folder {
 public:
  Folder() {
    std::string path = "/tmp/auspex-labels-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = path;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

TEST(MineLabels, TracesOnlyNewFixesTheSecondTime) {
  const Folder cache;
  Labelled repo;
  repo.Write("a.c", "one();\nwrong();\n");
  const auto bug = repo.Commit("first", 0);
  repo.Write("a.c", "one();\nright();\n");
  repo.Commit("fix it", 5);
  EXPECT_EQ(repo.Bugs({.cache_folder = cache.path()}), (Bugs{{bug, 5}}));
  EXPECT_EQ(repo.report.from_cache, 0U);
  EXPECT_TRUE(repo.report.indexed);
  repo.Write("a.c", "none();\nright();\n");
  repo.Commit("fix that too", 9);
  EXPECT_EQ(repo.Bugs({.cache_folder = cache.path()}), (Bugs{{bug, 5}}));
  EXPECT_EQ(repo.report.from_cache, 1U);
  EXPECT_EQ(repo.report.files, 1U);
  // A damaged cache costs time, no label.
  std::ofstream(cache.path() + "/szz-1.txt", std::ios::trunc) << "nonsense\n"
                                                              << bug << " 12:x .\n"
                                                              << bug;
  EXPECT_EQ(repo.Bugs({.cache_folder = cache.path()}), (Bugs{{bug, 5}}));
  EXPECT_EQ(repo.report.from_cache, 0U);
  EXPECT_EQ(repo.Bugs({.cache_folder = cache.path()}), (Bugs{{bug, 5}}));
  EXPECT_EQ(repo.report.from_cache, 2U);
}

TEST(MineLabels, GivesTheSameLabelsWhateverItsWorkers) {
  const Folder cache;
  Labelled repo;
  for (int i = 0; i < 80; ++i) {
    std::string text;
    for (int k = 0; k < 12; ++k) text += fmt::format("f{}({});\n", k, i % (k + 2));
    repo.Write("a.c", text);
    repo.Commit(i % 3 == 2 ? "fix it" : "work", i);
  }
  const auto plain = repo.Bugs({.workers = 1});
  EXPECT_FALSE(plain.empty());
  EXPECT_EQ(repo.Bugs({.cache_folder = cache.path(), .workers = 3}), plain);
  EXPECT_TRUE(repo.report.indexed);
}

// A hostile repository: its configuration, attributes and hooks name programs, none of which runs.
TEST(MineLabels, RunsNothingOfTheRepository) {
  Labelled repo;
  const std::string mark = repo.scratch().path() + "/ran";
  const std::string program = repo.scratch().path() + "/program.sh";
  repo.Write("a.c", "one();\nwrong();\n");
  const auto bug = repo.Commit("first", 0);
  repo.Write(".gitattributes", "*.c diff=evil filter=evil\n");
  repo.Write("a.c", "one();\nright();\n");
  repo.Commit("fix it", 5);
  repo.Write("program.sh", "#!/bin/sh\ntouch '" + mark + "'\n");
  fs::permissions(program, fs::perms::owner_all);
  for (const std::string key :
       {"diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.smudge",
        "filter.evil.clean", "core.fsmonitor", "core.pager", "pager.blame", "pager.diff-tree",
        "gpg.program", "core.sshCommand"}) {
    repo.scratch().Git({"config", key, program});
  }
  repo.scratch().Git({"config", "core.hooksPath", repo.scratch().path()});
  repo.scratch().Git({"config", "diff.noprefix", "true"});
  repo.scratch().Git({"config", "blame.ignoreRevsFile", "/nonexistent"});
  repo.scratch().Git({"config", "color.ui", "always"});
  EXPECT_EQ(repo.Bugs(), (Bugs{{bug, 5}}));
  EXPECT_FALSE(fs::exists(mark));
}

// Objects in a folder whose name has a line's end cannot be borrowed: questions go to the
// repository itself, with its configuration and the attributes in its git directory.
TEST(MineLabels, RunsNothingOfOneThatCannotBeBorrowedFrom) {
  Labelled repo;
  const std::string mark = repo.scratch().path() + "/ran";
  const std::string program = repo.scratch().path() + "/program.sh";
  repo.Write("a.c", "one();\nwrong();\n");
  const auto bug = repo.Commit("first", 0);
  repo.Write("a.c", "one();\nright();\n");
  repo.Commit("fix it", 5);
  repo.Write("program.sh", "#!/bin/sh\ntouch '" + mark + "'\ncat \"$1\"\n");
  fs::permissions(program, fs::perms::owner_all);
  repo.scratch().Git({"config", "diff.evil.textconv", program});
  repo.Write(".git/info/attributes", "*.c diff=evil\n");
  const std::string copy = repo.scratch().path() + "/copy";
  fs::create_directories(copy + "/.git");
  fs::copy(repo.scratch().path() + "/.git", copy + "/.git/c\nd", fs::copy_options::recursive);
  fs::copy_file(repo.scratch().path() + "/.git/HEAD", copy + "/.git/HEAD");
  std::ofstream(copy + "/.git/commondir") << "c\nd";
  EXPECT_EQ(repo.BugsIn(copy), (Bugs{{bug, 5}}));
  EXPECT_FALSE(repo.report.indexed);
  EXPECT_FALSE(fs::exists(mark));
}

TEST(MineLabels, OfAShallowCloneBlamesNobodyBeyondItsDepth) {
  Labelled repo;
  repo.Write("a.c", "one();\nwrong();\n");
  repo.Commit("first", 0);
  repo.Write("b.c", "b();\n");
  repo.Commit("add b", 1);
  repo.Write("a.c", "one();\nright();\n");
  repo.Commit("fix it", 5);
  const Folder clone;
  repo.scratch().Git(
      {"clone", "-q", "--depth=2", "file://" + repo.scratch().path(), clone.path() + "/c"});
  const auto repository = Repository::Open(clone.path() + "/c");
  ASSERT_TRUE(repository.ok());
  ASSERT_TRUE(repository->facts().shallow);
  EXPECT_EQ(LabelCacheFolder(*repository, "/cache"), "");
  const Fix fix{
      *repository->Resolve("HEAD"), *repository->Resolve("HEAD~1"), 0, FixEvidence::kWords, {}};
  Tracer tracer(*repository, {});
  const auto traced = tracer.Trace({&fix, 1});
  ASSERT_TRUE(traced.ok());
  EXPECT_TRUE((*traced)[0].blames.empty());
}

TEST(MineLabels, PassesOverSubmodules) {
  Labelled repo;
  const auto point = [&](char commit) {
    repo.scratch().Git({"update-index", "--add", "--cacheinfo",
                        "160000," + std::string(40, commit) + ",vendor/lib"});
    repo.scratch().Git({"commit", "-q", "--amend", "--no-edit"});
  };
  repo.Write("a.c", "int a = f(1);\n");
  repo.Commit("first", 0);
  point('1');
  repo.Write("a.c", "int a = f(2);\n");
  repo.Commit("Fix crash in f", 5);
  point('2');
  EXPECT_EQ(repo.Bugs().size(), 1U);
  EXPECT_EQ(repo.report.files, 1U);
  EXPECT_EQ(repo.report.files_failed, 0U) << repo.report.first_failure;
}

TEST(MineLabels, CountsWhatCannotBeBlamed) {
  Labelled repo;
  repo.Write("a.c", "one();\nwrong();\n");
  const auto bug = repo.Commit("first", 0);
  repo.Write("a.c", "one();\nright();\n");
  repo.Commit("fix it", 5);
  const Folder cache;
  EXPECT_EQ(repo.Bugs({.cache_folder = cache.path(), .limit_each = Duration(1)}), Bugs());
  EXPECT_EQ(repo.report.files_failed, 1U);
  EXPECT_FALSE(repo.report.first_failure.empty());
  // It was not kept as an answer.
  EXPECT_EQ(repo.Bugs({.cache_folder = cache.path()}), (Bugs{{bug, 5}}));
}

}  // namespace
}  // namespace auspex::change::git
