#include "auspex/change/git/read_range.h"

#include <optional>
#include <utility>
#include <vector>

#include "auspex/change/git/contents.h"

namespace auspex::change::git {

Result<DeploymentRow> ReadRange(const Repository& repository, const Range& range,
                                const HistoryCache& cache, const OnFold& on_fold) {
  if (range.commits > kRangeCommitsMost)
    return Fail(ErrorCode::kInvalidArgument,
                "{}: {} holds {} commits; a change that is deployed has at most {}: name a nearer "
                "start",
                repository.path(), range.text, range.commits, kRangeCommitsMost);
  History history;
  if (range.base) {
    AUSPEX_TRY(history, HistoryAt(repository, *range.base, cache, on_fold));
  }
  AUSPEX_TRY(LogReader log, repository.Log({.tip = range.tip, .known = range.known}));
  std::vector<Commit> commits;
  while (true) {
    AUSPEX_TRY(std::optional<Commit> commit, log.Next());
    if (!commit) break;
    commits.push_back(*std::move(commit));
  }
  Contents contents(repository);
  AUSPEX_TRY(DeploymentRow row,
             FoldRange(commits, &history, [&](const Commit& commit, History* before) {
               return contents.LearnLines(commit, before);
             }));
  AUSPEX_TRY(contents.AddTo(row.net, &row.features));
  return row;
}

}  // namespace auspex::change::git
