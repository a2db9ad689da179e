#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/base/subprocess.h"
#include "auspex/change/change.h"
#include "auspex/change/git/log_parser.h"

namespace auspex::change::git {

// What a repository is, found as it was opened.
struct RepositoryFacts {
  std::string git_dir;  // absolute
  std::string branch;   // "main"; empty: HEAD is detached
  std::optional<CommitId> head;
  bool bare = false;
  bool shallow = false;  // history ends at a depth: what is older is not known
  bool partial = false;  // file contents are left with a server, which we never ask
  bool sha256 = false;
};

struct LogQuery {
  CommitId tip;
  std::vector<CommitId> known = {};  // these and what they come from are left out
};

// Commits without merges, oldest first: parents before children, else by commit date. Each against
// its parent, renames found by git's own likeness (50 %). One `git log` in one pass.
class LogReader {
 public:
  // The next commit; nullopt at the end. Errors: kUnavailable (git failed, with what it said: an
  // object is damaged, or left with a server), kInvalidArgument (as LogParser).
  Result<std::optional<Commit>> Next();

 private:
  friend class Repository;
  LogReader(Subprocess git, bool partial) : git_(std::move(git)), partial_(partial) {}
  Subprocess git_;
  LogParser parser_;
  bool partial_ = false;
  bool over_ = false;
};

enum class BlobState {
  kRead,
  kMissing,   // not in this repository; of a partial clone, left with its server
  kTooLarge,  // more than the reader's bound; its size is told
  kNoBlob,    // another kind of object: a submodule's commit
};

struct Blob {
  BlobState state = BlobState::kMissing;
  std::int64_t size_bytes = 0;
  std::string bytes;  // empty unless kRead
};

// Contents of files by one long-lived `git cat-file --batch`. Not thread-safe; one a thread.
class BlobReader {
 public:
  static constexpr std::int64_t kBytesMost = std::int64_t{8} << 20U;

  // A null id is an empty file. Error: kUnavailable (git ended, or no answer in a minute).
  Result<Blob> Read(const ObjectId& id);

 private:
  friend class Repository;
  explicit BlobReader(Subprocess git) : git_(std::move(git)) {}
  Result<std::string> ReadLine();
  Status ReadContent(std::int64_t size_bytes, std::string* into);
  Status Fill();

  Subprocess git_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

// A change: what `tip` has and `base` has not. Without a base: all of tip's history.
struct Range {
  std::optional<CommitId> base = {};  // the best common ancestor of the two that were named
  CommitId tip = {};
  std::vector<CommitId> known = {};  // what is not in the range, with all it comes from
  std::int64_t commits = 0;          // without merges; may be 0 where all are merges
  std::string text = {};             // as it was asked for, or chosen: "origin/main..HEAD"
  std::string chosen = {};           // why, where nobody asked for one; else empty
};

// Reads a repository by git's plumbing (docs/decisions/0023). Whatever the repository holds,
// nothing of it is run: no hooks, filters, textconv, external diffs, fsmonitor, pagers or signature
// programs, no fetching of what a partial clone lacks; replacements, grafts and a work tree's
// attributes are passed over, and neither the user's nor the system's configuration is read. What
// git does read, attributes in the git directory itself, can at most make it count a file as
// binary. It may
// change while it is read: what was resolved to an id stays. Thread-safe.
class Repository {
 public:
  // `path`: the top of a work tree, a folder in it, or a bare repository. Errors: kUnavailable (no
  // git, one too old, or it failed), kInvalidArgument (no repository), kNotFound (no such folder).
  static Result<Repository> Open(const std::string& path);

  [[nodiscard]] const RepositoryFacts& facts() const { return facts_; }
  [[nodiscard]] const std::string& path() const { return path_; }  // as it was given

  // The commit that a revision names ("main~3", "v1.2"). Errors: kInvalidArgument (there is none),
  // kNoData (HEAD of a repository without any commit).
  [[nodiscard]] Result<CommitId> Resolve(std::string_view revision) const;
  // "A..B", "A.." and "..B" (the other is HEAD), one commit "A" (against its first parent), or
  // nothing: the current branch against its upstream, else since the last tag, else the last
  // commit; the first of these that is not empty. Errors: kNoData (nothing lies between them),
  // kInvalidArgument (no such revision; B comes before A; no common history).
  // Where the repository has several services, tags of `service` (S/…, S-…, S@…) come before those
  // of others. A tag on HEAD itself is passed over for the one before it.
  [[nodiscard]] Result<Range> ResolveRange(std::string_view text,
                                           std::string_view service = {}) const;
  // Whether the commit has a folder at this path, "services/checkout".
  [[nodiscard]] bool HasFolder(const CommitId& commit, const std::string& path) const;
  [[nodiscard]] Result<bool> IsAncestor(const CommitId& older, const CommitId& newer) const;
  [[nodiscard]] Result<std::int64_t> CountCommits(const LogQuery& query) const;  // without merges

  [[nodiscard]] Result<LogReader> Log(const LogQuery& query) const;
  [[nodiscard]] Result<BlobReader> Blobs() const;

  // For other readers of the same repository: `git` with `arguments`, hardened as above, not yet
  // started. Pass revisions as ids, and paths behind "--".
  [[nodiscard]] SubprocessOptions Git(std::vector<std::string> arguments) const;
  // Its output where it exits 0. Error: kUnavailable with what it said.
  [[nodiscard]] Result<std::string> Ask(std::vector<std::string> arguments) const;

 private:
  Repository() = default;
  [[nodiscard]] Status LearnFacts();
  [[nodiscard]] Result<Range> RangeBetween(std::string_view older, std::string_view newer) const;
  [[nodiscard]] Result<Range> LastCommit(std::string_view revision) const;
  [[nodiscard]] Result<Range> ChooseRange(std::string_view service) const;
  [[nodiscard]] Result<std::string> LastTag(std::string_view service) const;  // empty: none

  std::string path_;
  RepositoryFacts facts_;
};

}  // namespace auspex::change::git
