#pragma once

#include <cstdint>
#include <functional>

#include "auspex/base/result.h"
#include "auspex/change/features.h"
#include "auspex/change/git/repository.h"
#include "auspex/change/history.h"

namespace auspex::change::git {

// Called with each commit and its features, in order. An error ends the fold.
using FoldVisitor = std::function<Status(const Commit&, const FeatureRow&)>;

struct FoldOptions {
  LogQuery query;
  // Also the features that need the contents of files (content.h). Reads every content that the
  // commits made: several times as long.
  bool content = false;
};

// What was folded.
struct FoldCount {
  std::int64_t commits = 0;
  std::int64_t contents_read = 0;
  std::int64_t contents_too_large = 0;  // over BlobReader::kBytesMost, passed over
};

// Adds the commits of a log to `history`. The number of lines of a content that only a merge made
// is read from the repository, so lt is exact.
Result<FoldCount> FoldLog(const Repository& repository, const FoldOptions& options,
                          History& history, const FoldVisitor& visit);

}  // namespace auspex::change::git
