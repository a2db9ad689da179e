#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/change/change.h"
#include "auspex/change/features.h"
#include "auspex/change/files.h"
#include "auspex/change/line_counts.h"
#include "auspex/change/people.h"
#include "auspex/change/services.h"
#include "auspex/change/size_ranks.h"
#include "auspex/change/text_table.h"

namespace auspex::change {

// Folds a repository's commits, oldest first, into the features of each. A row is worked out from
// the commits added before it and the commit itself, never from a later one. "Earlier" and "before"
// mean: added earlier, so in the order of Repository::Log. Times are the authors'; a difference
// that their clocks make negative counts as 0. Kamei's 14:
//
//   ns, nd    different top directories, and directories, of the files' paths (after the commit;
//             files at the top are in one of their own)
//   nf        files; a renamed one is one
//   entropy   -sum p log2 p over the files, p = the file's share of all added and deleted lines;
//             not divided by log2 nf (the paper's own example: lines 30, 20, 10 give 1.46)
//   la, ld    lines added and deleted, as `git --numstat` counts them; binary files have none
//   lt        lines of the files before the commit, summed (the paper divides by nf when it
//             normalises; so may whoever reads the table)
//   fix       fixes.h
//   ndev      different authors of earlier commits to the files
//   age       mean over the files of the days since each was last changed; a new file counts 0
//             days (the paper is silent; Commit Guru and the JIT data of ISSTA 2021 do so)
//   nuc       different commits among the last ones to each file ("unique changes": three files, of
//             which two were last changed in one commit, give 2)
//   exp       the author's earlier commits
//   rexp      the same, each weighing 1/(n + 1), n whole years (of 365 days) since it
//   sexp      those of them that touched at least one of these top directories
//
// An author is an e-mail address. Files are followed through renames (files.h). Lines before the
// commit come from the file's earlier content by its id, where an earlier commit made it or Learn
// told; else from what earlier commits added and deleted at the path, which is off where a merge
// joined two lines of change.
//
// Ours:
//   files_…           files of a kind (file_kind.h); added, deleted, binary
//   complexity_delta, cyclomatic_delta, interface_delta    content.h fills them, else NaN
//   services          services or build modules touched (services.h); 0 without files
//   churn_before      lines added and deleted in the files before
//   changes_before    earlier commits to the files, summed over them
//   authors_30d       people who changed the files in the 30 days before
//   co_change_missing files that usually change with these and did not (files.h)
//   ownership         the share of a file's earlier commits that its main author made, mean over
//                     the files that are not new (Bird et al., "Don't touch my code!", FSE 2011);
//                     NaN where all are new
//   author_ownership  the same of this commit's author
//   author_file_changes  this author's earlier commits to the files, summed over them
//   reviewers, revert, cherry_pick    message.h
//   days_since_file_change    the least over the files; NaN where all are new
//   days_since_author_change  NaN for an author's first commit
//   hour, weekday     in the author's zone: 0 to 23; 0 is Monday
//   size_percentile   share of the earlier commits that changed fewer lines (size_ranks.h); NaN for
//                     the first
//
// State grows with files, authors and contents, not with commits: see the parts' headers; a
// repository of a million commits and 400'000 paths takes about 250 MB. Copyable. Not thread-safe.
class History {
 public:
  // `services`: configured folders.
  explicit History(std::vector<ServicePath> services = {});

  // Contents before this commit whose number of lines is not known yet: read them and Learn, for an
  // exact lt.
  [[nodiscard]] std::vector<ObjectId> UnknownContents(const Commit& commit) const;
  void Learn(const ObjectId& content, std::uint32_t lines);

  // The features of a commit that comes next.
  [[nodiscard]] FeatureRow Look(const Commit& commit) const;
  // The same, and the commit is history from then on.
  FeatureRow Add(const Commit& commit);

  // Of files that usually change with the commit's: their paths (at most `most`).
  [[nodiscard]] std::vector<std::string> MissingCoChanges(const Commit& commit,
                                                          std::size_t most) const;
  // Of a change, as the feature `services` counts them.
  [[nodiscard]] std::size_t CountServices(const std::vector<FileChange>& files) const;
  [[nodiscard]] std::uint32_t commits() const { return commits_; }

  // All of the state but the configured folders as bytes, and back. Equal states give equal bytes.
  // Error of Restore:
  // kDataLoss (damaged, of another machine, or of another version of the features): compute anew.
  [[nodiscard]] std::string Snapshot() const;
  static Result<History> Restore(std::string_view snapshot, std::vector<ServicePath> services = {});
  // Raised with each change of what the fold keeps or how it counts.
  static constexpr std::uint32_t kVersion = 1;

 private:
  struct Touched;  // the commit's files, found
  [[nodiscard]] Touched Find(const Commit& commit) const;
  [[nodiscard]] std::int64_t LinesBefore(const FileChange& change, std::uint32_t file) const;
  void FillSize(const Commit& commit, const Touched& touched, FeatureRow& row) const;
  void FillFiles(const Commit& commit, const Touched& touched, FeatureRow& row) const;
  [[nodiscard]] double MeanAge(const Touched& touched) const;
  void FillPast(const Touched& touched, FeatureRow& row) const;
  void FillAuthor(const Commit& commit, const Touched& touched, FeatureRow& row) const;
  [[nodiscard]] FeatureRow RowOf(const Commit& commit, const Touched& touched) const;
  void Update(const Commit& commit, const Touched& touched);
  void UpdateFile(const FileChange& change, std::uint32_t file, std::uint32_t author,
                  std::uint32_t time);

  std::uint32_t commits_ = 0;
  Files files_;
  People people_;
  TextTable subsystems_;
  LineCounts line_counts_;
  SizeRanks sizes_;
  Services services_;
};

}  // namespace auspex::change
