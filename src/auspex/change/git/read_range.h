#pragma once

#include <cstdint>

#include "auspex/base/result.h"
#include "auspex/change/deployment.h"
#include "auspex/change/git/history_cache.h"
#include "auspex/change/git/repository.h"

namespace auspex::change::git {

// The largest range that is read as one change.
constexpr std::int64_t kRangeCommitsMost = 50'000;

// A range of a repository as one change: the history before it from the cache, as far as it goes,
// then its own commits; also the features that need the contents of files.
// Errors: kNoData (no commit but merges), kInvalidArgument (more than kRangeCommitsMost), of Log.
Result<DeploymentRow> ReadRange(const Repository& repository, const Range& range,
                                const HistoryCache& cache, const OnFold& on_fold);

}  // namespace auspex::change::git
