#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auspex/base/result.h"
#include "auspex/change/change.h"
#include "auspex/change/features.h"
#include "auspex/change/git/repository.h"
#include "auspex/change/history.h"

namespace auspex::change::git {

// Contents of files for the fold, by one `git cat-file` that is started with the first question.
// `repository` outlives it. Not thread-safe.
class Contents {
 public:
  explicit Contents(const Repository& repository) : repository_(&repository) {}

  // Nothing where it is missing or too large. Error: kUnavailable.
  Result<std::optional<std::string>> Read(const ObjectId& id);
  // Tells `history` the lines of what it does not know of this commit.
  Status LearnLines(const Commit& commit, History* history);
  // Fills the features that need contents (content.h).
  Status AddTo(const Commit& commit, FeatureRow* row);

  [[nodiscard]] std::int64_t read() const { return read_; }
  [[nodiscard]] std::int64_t too_large() const { return too_large_; }

 private:
  const Repository* repository_;
  std::optional<BlobReader> blobs_;
  std::int64_t read_ = 0;
  std::int64_t too_large_ = 0;
};

}  // namespace auspex::change::git
