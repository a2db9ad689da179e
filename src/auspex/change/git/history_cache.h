#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/change/git/repository.h"
#include "auspex/change/history.h"

namespace auspex::change::git {

// Keeps folded histories outside of repositories, so that only what is new is read the next time:
// FOLDER/history/REPOSITORY/COMMIT.v1, four of a repository at most, the least recently used goes.
// A repository is known by the path of its git directory; a snapshot is used only where its commit
// is an ancestor, so one of another repository at the same path is of no use and does no harm.
// Shallow clones are not kept: what lies before their depth may come. A damaged snapshot is passed
// over. Several processes may use one folder.
class HistoryCache {
 public:
  // $XDG_CACHE_HOME/auspex, else $HOME/.cache/auspex; empty where neither is set: nothing is kept.
  static std::string DefaultFolder();
  explicit HistoryCache(std::string folder) : folder_(std::move(folder)) {}

  struct Kept {
    History history;
    CommitId commit;  // the history holds it and what it comes from
  };
  // The nearest to `tip` among it and its ancestors.
  [[nodiscard]] std::optional<Kept> Find(const Repository& repository, const CommitId& tip,
                                         const std::vector<ServicePath>& services = {}) const;
  // Error: kPermissionDenied (the folder cannot be written); nobody need end for it.
  [[nodiscard]] Status Keep(const Repository& repository, const CommitId& tip,
                            const History& history) const;

 private:
  [[nodiscard]] std::string FolderOf(const Repository& repository) const;
  std::string folder_;
};

// How far a fold has come, in commits.
using OnFold = std::function<void(std::int64_t done, std::int64_t all)>;

// The history of `tip` and what it comes from, from the cache as far as it goes; what was read is
// kept there. Where two lines of change run side by side, their commits stand in the order in which
// they became known, so features may differ a little from those of a fold at once. Errors: of Log.
Result<History> HistoryAt(const Repository& repository, const CommitId& tip,
                          const HistoryCache& cache, const OnFold& on_fold,
                          const std::vector<ServicePath>& services = {});

}  // namespace auspex::change::git
