#pragma once

#include <functional>
#include <string>

#include "auspex/base/result.h"
#include "auspex/change/git/blame.h"
#include "auspex/change/git/repository.h"
#include "auspex/change/labels.h"

namespace auspex::change::git {

// FOLDER/labels/REPOSITORY, for TraceOptions::cache_folder; empty where FOLDER is, or where the
// clone is shallow: what lies before its depth may come.
[[nodiscard]] std::string LabelCacheFolder(const Repository& repository, const std::string& folder);

// Fills in what becomes of the commits in `book`, which has all of `tip`'s history: reverts and
// named origins by what is written, all other fixes by Tracer. `options.pass_through` is set here:
// the book's mechanical commits, and those in the file .git-blame-ignore-revs at `tip`. Errors: of
// Tracer.
Result<TraceReport> MineLabels(const Repository& repository, const CommitId& tip,
                               TraceOptions options, LabelBook* book);

}  // namespace auspex::change::git
