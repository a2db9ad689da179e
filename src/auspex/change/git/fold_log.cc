#include "auspex/change/git/fold_log.h"

#include <optional>

#include "auspex/change/git/contents.h"

namespace auspex::change::git {

Result<FoldCount> FoldLog(const Repository& repository, const FoldOptions& options,
                          History& history, const FoldVisitor& visit) {
  FoldCount count;
  Contents contents(repository);
  AUSPEX_TRY(LogReader log, repository.Log(options.query));
  while (true) {
    AUSPEX_TRY(const std::optional<Commit> commit, log.Next());
    if (!commit) break;
    AUSPEX_TRY(contents.LearnLines(*commit, &history));
    FeatureRow row = history.Add(*commit);
    if (options.content) {
      AUSPEX_TRY(contents.AddTo(*commit, &row));
    }
    ++count.commits;
    AUSPEX_TRY(visit(*commit, row));
  }
  count.contents_read = contents.read();
  count.contents_too_large = contents.too_large();
  return count;
}

}  // namespace auspex::change::git
