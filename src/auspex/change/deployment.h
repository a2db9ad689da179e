#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/change/change.h"
#include "auspex/change/features.h"
#include "auspex/change/history.h"

namespace auspex::change {

// The commits of a range as the one change that is deployed: its files are the net union, so one
// that was added and deleted again, or changed and changed back, is not in it; a chain of renames
// is one rename. Lines added and deleted are summed over the commits: what was written and taken
// back was work too. Author, time and message are the last commit's. `commits`: oldest first, at
// least one.
[[nodiscard]] Commit Squash(const std::vector<Commit>& commits);

// Of a deployment: a row of kChangeFeatures, and kRangeFeatures.
struct DeploymentRow {
  FeatureRow features;
  double commits = 0, authors = 0;
  Commit net;                              // Squash
  std::vector<FeatureRow> each;            // of its commits, as `mine` gives them
  std::vector<std::string> missing_files;  // that usually change with these: co_change_missing
};

// Called before a commit's features are worked out: may tell the history what it asks for
// (History::UnknownContents).
using LearnContents = std::function<Status(const Commit&, History*)>;

// Folds a range onto the history of all that comes before it; the history holds the range then.
//
// Features of size, files and past are those of the net change against the history before the
// range. Of the authors' (exp, rexp, sexp, author_ownership, author_file_changes,
// days_since_author_change) and `reviewers` it is the mean over the commits, each at its turn; fix,
// revert and cherry_pick are 1 where a commit is one; what contents tell (content.h) is left to be
// filled in. Errors: kNoData (no commit but merges), those of `learn`.
Result<DeploymentRow> FoldRange(const std::vector<Commit>& commits, History* history,
                                const LearnContents& learn);

}  // namespace auspex::change
