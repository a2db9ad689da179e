#include "auspex/change/git/repository.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/change/scratch_repository.h"

namespace auspex::change::git {
namespace {

Repository Opened(const std::string& path) {
  auto repository = Repository::Open(path);
  if (!repository.ok()) throw std::runtime_error(repository.error().message);
  return *std::move(repository);
}

std::vector<Commit> AllOf(const Repository& repository, const LogQuery& query) {
  auto log = repository.Log(query);
  if (!log.ok()) throw std::runtime_error(log.error().message);
  std::vector<Commit> commits;
  while (true) {
    auto next = log->Next();
    if (!next.ok()) throw std::runtime_error(next.error().message);
    if (!*next) return commits;
    commits.push_back(**std::move(next));
  }
}

std::vector<Commit> AllOf(const Repository& repository) {
  return AllOf(repository, {.tip = repository.Resolve("HEAD").value()});
}

TEST(Repository, SaysWhatIsNoRepository) {
  EXPECT_EQ(Repository::Open("/no/such/folder").error().code, ErrorCode::kNotFound);
  const auto plain = Repository::Open("/usr");
  ASSERT_FALSE(plain.ok());
  EXPECT_EQ(plain.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(plain.error().message.find("not a git repository"), std::string::npos);
}

TEST(Repository, SaysThatABranchHasNoCommitYet) {
  const ScratchRepository scratch;
  const Repository repository = Opened(scratch.path());
  EXPECT_FALSE(repository.facts().head);
  EXPECT_EQ(repository.facts().branch, "main");
  EXPECT_EQ(repository.Resolve("HEAD").error().code, ErrorCode::kNoData);
  EXPECT_EQ(repository.ResolveRange("").error().code, ErrorCode::kNoData);
}

TEST(Repository, ReadsOldestFirstWithoutMergesAndFollowsRenames) {
  ScratchRepository scratch;
  scratch.As("a@x", "1600000000 +0200");
  scratch.Write("a.txt", "1\n2\n3\n4\n5\n");
  const std::string first = scratch.Commit("first");
  scratch.Git({"checkout", "-q", "-b", "side"});
  scratch.As("b@x", "1600000100 +0000");
  scratch.Write("side.txt", "s\n");
  scratch.Commit("side");
  scratch.Git({"checkout", "-q", "main"});
  scratch.As("a@x", "1600000200 +0000");
  scratch.Git({"mv", "a.txt", "b.txt"});
  scratch.Write("b.txt", "1\n2\n3\n4\n5\n6\n");
  scratch.Commit("renamed");
  scratch.Git({"merge", "-q", "--no-edit", "side"});
  const auto commits = AllOf(Opened(scratch.path()));
  ASSERT_EQ(commits.size(), 3U);
  EXPECT_EQ(commits[0].id.text(), first);
  EXPECT_EQ(commits[0].author_zone_min, 120);
  EXPECT_EQ(commits[1].message, "side\n");
  ASSERT_EQ(commits[2].files.size(), 1U);
  EXPECT_EQ(commits[2].files[0].status, FileStatus::kRenamed);
  EXPECT_EQ(commits[2].files[0].old_path, "a.txt");
  EXPECT_EQ(commits[2].files[0].added, 1);
}

TEST(Repository, ReadsOnlyWhatIsNotKnown) {
  ScratchRepository scratch;
  scratch.Commit("one");
  const Repository before = Opened(scratch.path());
  const CommitId known = before.Resolve("HEAD").value();
  // The repository changes while it is open.
  scratch.Commit("two");
  scratch.Commit("three");
  const CommitId tip = before.Resolve("HEAD").value();
  EXPECT_EQ(AllOf(before, {.tip = tip, .known = {known}}).size(), 2U);
  EXPECT_EQ(before.CountCommits({.tip = tip, .known = {known}}).value(), 2);
  EXPECT_EQ(AllOf(before, {.tip = known}).size(), 1U);
  EXPECT_TRUE(before.IsAncestor(known, tip).value());
  EXPECT_FALSE(before.IsAncestor(tip, known).value());
}

TEST(Repository, ReadsNamesZonesAndTimesThatAreNoUsualOnes) {
  ScratchRepository scratch;
  scratch.As("", "@0 +0000");
  scratch.Write("new\nline", "x\n");
  scratch.Write("\xff\xfe.txt", "x\n");
  scratch.Write("bin", std::string("\0\1\2", 3));
  scratch.Commit("in 1970");
  scratch.As("A@x", "@4102444800 -1130");
  scratch.Commit("in 2100");
  const auto commits = AllOf(Opened(scratch.path()));
  ASSERT_EQ(commits.size(), 2U);
  EXPECT_EQ(commits[0].author_time_s, 0);
  EXPECT_EQ(commits[0].author_email, "");
  ASSERT_EQ(commits[0].files.size(), 3U);
  EXPECT_TRUE(commits[0].files[0].binary);
  EXPECT_EQ(commits[0].files[1].path, "new\nline");
  EXPECT_EQ(commits[0].files[2].path, "\xff\xfe.txt");
  EXPECT_EQ(commits[1].author_time_s, 4102444800);
  EXPECT_EQ(commits[1].author_zone_min, -690);
  EXPECT_TRUE(commits[1].files.empty());
}

TEST(Repository, ReadsSubmodulesWithoutThem) {
  ScratchRepository scratch;
  const std::string commit = scratch.Commit("one");
  scratch.Git({"update-index", "--add", "--cacheinfo", "160000," + commit + ",lib/sub"});
  scratch.Git({"commit", "-q", "-m", "a submodule"});
  const Repository repository = Opened(scratch.path());
  const auto commits = AllOf(repository);
  ASSERT_EQ(commits.size(), 2U);
  ASSERT_EQ(commits[1].files.size(), 1U);
  EXPECT_TRUE(commits[1].files[0].submodule());
  auto blobs = repository.Blobs();
  ASSERT_TRUE(blobs.ok());
  const ObjectId absent = ObjectId::FromHex(std::string(40, 'a')).value();
  EXPECT_EQ(blobs->Read(absent).value().state, BlobState::kMissing);
  EXPECT_EQ(blobs->Read(commits[1].files[0].new_id).value().state, BlobState::kNoBlob);
}

TEST(Repository, ReadsContentsAndLeavesGiantsOut) {
  ScratchRepository scratch;
  scratch.Write("a", "hello\n");
  scratch.Write("giant", std::string(BlobReader::kBytesMost + 1, 'g'));
  scratch.Write("z", "");
  scratch.Commit("one");
  const Repository repository = Opened(scratch.path());
  const auto commits = AllOf(repository);
  auto blobs = repository.Blobs();
  ASSERT_TRUE(blobs.ok());
  const auto& files = commits.at(0).files;
  ASSERT_EQ(files.size(), 3U);
  const auto giant = blobs->Read(files[1].new_id);
  ASSERT_TRUE(giant.ok());
  EXPECT_EQ(giant->state, BlobState::kTooLarge);
  EXPECT_EQ(giant->size_bytes, BlobReader::kBytesMost + 1);
  // The reader is in step after what it dropped.
  EXPECT_EQ(blobs->Read(files[0].new_id).value().bytes, "hello\n");
  EXPECT_EQ(blobs->Read(files[2].new_id).value().bytes, "");
  EXPECT_EQ(blobs->Read(files[2].old_id).value().state, BlobState::kRead);
}

TEST(Repository, KnowsBareShallowPartialAndSha256) {
  ScratchRepository scratch;
  scratch.Write("a", "1\n");
  scratch.Commit("one");
  scratch.Write("a", "2\n");
  scratch.Commit("two");
  const std::string url = "file://" + scratch.path();
  scratch.Git({"clone", "-q", "--bare", url, scratch.path() + "/bare.git"});
  scratch.Git({"clone", "-q", "--depth", "1", url, scratch.path() + "/shallow"});
  scratch.Git({"config", "uploadpack.allowFilter", "true"});
  scratch.Git({"clone", "-q", "--bare", "--filter=blob:none", url, scratch.path() + "/partial"});

  const Repository bare = Opened(scratch.path() + "/bare.git");
  EXPECT_TRUE(bare.facts().bare);
  EXPECT_EQ(AllOf(bare).size(), 2U);
  const Repository shallow = Opened(scratch.path() + "/shallow");
  EXPECT_TRUE(shallow.facts().shallow);
  EXPECT_EQ(AllOf(shallow).size(), 1U);
  EXPECT_EQ(shallow.ResolveRange("HEAD~1..HEAD").error().code, ErrorCode::kInvalidArgument);

  const Repository partial = Opened(scratch.path() + "/partial");
  EXPECT_TRUE(partial.facts().partial);
  auto log = partial.Log({.tip = partial.Resolve("HEAD").value()});
  ASSERT_TRUE(log.ok());
  const auto next = log->Next();
  ASSERT_FALSE(next.ok()) << "it was fetched, or it is not partial";
  EXPECT_EQ(next.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(next.error().message.find("partial clone"), std::string::npos) << next.error().message;

  ScratchRepository modern({"--object-format=sha256"});
  modern.Write("a", "1\n");
  const std::string id = modern.Commit("one");
  const Repository sha256 = Opened(modern.path());
  EXPECT_TRUE(sha256.facts().sha256);
  EXPECT_EQ(AllOf(sha256).at(0).id.text(), id);
  EXPECT_EQ(id.size(), 64U);
}

TEST(Repository, ResolvesRangesAndSaysWhatIsWrongWithOthers) {
  ScratchRepository scratch;
  const std::string one = scratch.Commit("one");
  scratch.Git({"tag", "v1"});
  scratch.Commit("two");
  const std::string three = scratch.Commit("three");
  scratch.Git({"checkout", "-q", "--orphan", "other"});
  scratch.Commit("unrelated");
  scratch.Git({"checkout", "-q", "main"});
  const Repository repository = Opened(scratch.path());

  const auto range = repository.ResolveRange("v1..HEAD");
  ASSERT_TRUE(range.ok()) << range.error().message;
  EXPECT_EQ(range->base->text(), one);
  EXPECT_EQ(range->tip.text(), three);
  EXPECT_EQ(range->commits, 2);
  const auto chosen = repository.ResolveRange("");
  ASSERT_TRUE(chosen.ok()) << chosen.error().message;
  EXPECT_EQ(chosen->text, "v1..HEAD");
  EXPECT_EQ(chosen->chosen, "since the last tag");
  const auto single = repository.ResolveRange("v1");
  ASSERT_TRUE(single.ok()) << single.error().message;
  EXPECT_FALSE(single->base);
  EXPECT_EQ(single->commits, 1);

  struct Case {
    const char* text;
    ErrorCode code;
    const char* says;
  };
  for (const Case& bad : {Case{"HEAD..HEAD", ErrorCode::kNoData, "empty"},
                          Case{"HEAD..v1", ErrorCode::kInvalidArgument, "reversed"},
                          Case{"v1..other", ErrorCode::kInvalidArgument, "no common history"},
                          Case{"v1...HEAD", ErrorCode::kInvalidArgument, "two dots"},
                          Case{"v9..HEAD", ErrorCode::kInvalidArgument, "'v9' names no commit"},
                          Case{"--output=x", ErrorCode::kInvalidArgument, "names no commit"}}) {
    const auto refused = repository.ResolveRange(bad.text);
    ASSERT_FALSE(refused.ok()) << bad.text;
    EXPECT_EQ(refused.error().code, bad.code) << bad.text;
    EXPECT_NE(refused.error().message.find(bad.says), std::string::npos) << refused.error().message;
  }
}

TEST(Repository, ChoosesTheLastTagBehindAndOfTheService) {
  const ScratchRepository scratch;
  const auto commit = [&](const char* tag) {
    scratch.Commit(*tag != 0 ? tag : "untagged");
    if (*tag != 0) scratch.Git({"tag", tag});
  };
  for (const char* tag : {"cart/v1", "v7", "shop-2.0", "search/v3", ""}) commit(tag);
  const auto chosen = [&](const char* service) {
    const auto range = Opened(scratch.path()).ResolveRange("", service);
    return range.ok() ? range->text : range.error().message;
  };
  EXPECT_EQ(chosen(""), "search/v3..HEAD");
  EXPECT_EQ(chosen("shop"), "shop-2.0..HEAD");
  EXPECT_EQ(chosen("cart"), "cart/v1..HEAD");
  EXPECT_EQ(chosen("pay"), "search/v3..HEAD");  // it has none of its own
  EXPECT_EQ(chosen("*"), "search/v3..HEAD");
  // A release job stands on the tag itself.
  scratch.Git({"checkout", "-q", "search/v3"});
  EXPECT_EQ(chosen(""), "shop-2.0..HEAD");
  scratch.Git({"checkout", "-q", "cart/v1"});
  EXPECT_EQ(chosen("cart"), "HEAD");
}

TEST(Repository, PrefersTheUpstreamToTheTag) {
  ScratchRepository scratch;
  scratch.Commit("one");
  scratch.Git({"tag", "v1"});
  scratch.Commit("two");
  scratch.Git({"branch", "released"});
  scratch.Git({"branch", "-q", "--set-upstream-to=released"});
  const Repository repository = Opened(scratch.path());
  EXPECT_EQ(repository.ResolveRange("").value().text, "v1..HEAD");  // nothing beyond the upstream
  scratch.Commit("three");
  const auto range = repository.ResolveRange("");
  ASSERT_TRUE(range.ok()) << range.error().message;
  EXPECT_EQ(range->text, "released..HEAD");
  EXPECT_EQ(range->commits, 1);
}

// Every way that is known to make git run something for a repository's sake leaves a marker.
TEST(Repository, RunsNothingThatAHostileRepositoryWants) {
  ScratchRepository scratch;
  const std::string marker = scratch.path() + "/marker";
  scratch.Write("a.txt", "1\n");
  scratch.Commit("one");
  scratch.Write("a.txt", "2\n");
  scratch.Write(".gitattributes", "* diff=evil filter=evil merge=evil\n");
  scratch.Commit("two");
  const std::string touch = "touch " + marker + "; cat";
  scratch.Write(".git/evil", "#!/bin/sh\ntouch " + marker + "\ncat \"$@\"\n");
  scratch.Write(".git/info/attributes", "* diff=evil filter=evil\n");
  for (const char* hook : {"post-checkout", "reference-transaction", "post-index-change",
                           "fsmonitor-watchman", "pre-auto-gc"})
    scratch.Write(std::string(".git/hooks/") + hook, "#!/bin/sh\ntouch " + marker + "\n");
  scratch.Git({"config", "core.worktree", "/usr"});
  const std::string evil = scratch.path() + "/.git/evil";
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path() + "/.git/hooks"))
    std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_all);
  std::filesystem::permissions(evil, std::filesystem::perms::owner_all);
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"core.fsmonitor", evil},
           {"core.pager", touch},
           {"core.hooksPath", scratch.path() + "/.git/hooks"},
           {"core.sshCommand", touch},
           {"core.askPass", evil},
           {"core.alternateRefsCommand", touch},
           {"core.gitProxy", evil},
           {"pager.log", touch},
           {"diff.external", evil},
           {"diff.evil.command", evil},
           {"diff.evil.textconv", evil},
           {"filter.evil.clean", evil},
           {"filter.evil.smudge", evil},
           {"filter.evil.process", evil},
           {"filter.evil.required", "true"},
           {"log.showSignature", "true"},
           {"gpg.program", evil},
           {"gpg.ssh.program", evil},
           {"alias.log", "!touch " + marker},
           {"alias.rev-parse", "!touch " + marker},
           {"diff.orderFile", "/no/such/file"},
           {"diff.renames", "false"},
           {"log.showRoot", "false"},
           {"diff.noprefix", "true"},
           {"trailer.x.command", touch},
           {"protocol.allow", "always"},
           {"protocol.ext.allow", "always"},
           {"extensions.partialClone", "evil"},
           {"remote.evil.promisor", "true"},
           {"remote.evil.url", "ext::sh -c 'touch " + marker + "'"},
           {"remote.evil.uploadpack", evil},
           {"uploadpack.packObjectsHook", evil}})
    scratch.Git({"config", key, value});
  std::filesystem::remove(marker);  // the settings above were made by git itself

  const Repository repository = Opened(scratch.path());
  const auto commits = AllOf(repository);
  ASSERT_EQ(commits.size(), 2U);
  EXPECT_EQ(commits[0].files.at(0).added, 1) << "the first commit's files are hidden";
  EXPECT_TRUE(repository.ResolveRange("HEAD~1..HEAD").ok());
  EXPECT_TRUE(repository.ResolveRange("").ok());
  auto blobs = repository.Blobs();
  ASSERT_TRUE(blobs.ok());
  EXPECT_EQ(blobs->Read(commits[0].files[0].new_id).value().bytes, "1\n");
  // An object that its "server" would have to send.
  EXPECT_EQ(blobs->Read(ObjectId::FromHex(std::string(40, 'b')).value()).value().state,
            BlobState::kMissing);
  EXPECT_FALSE(std::filesystem::exists(marker)) << "the repository ran something";
}

// The test above is worth something: a git that is not hardened falls for it.
TEST(Repository, AHostileRepositoryDoesRunThingsInPlainGit) {
  ScratchRepository scratch;
  scratch.Write("a.txt", "1\n");
  scratch.Commit("one");
  const std::string marker = scratch.path() + "/marker";
  scratch.Git({"config", "core.fsmonitor", "touch " + marker + "; false"});
  scratch.Git({"status"});
  EXPECT_TRUE(std::filesystem::exists(marker));
}

}  // namespace
}  // namespace auspex::change::git
