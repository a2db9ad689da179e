#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auspex/base/fd.h"
#include "auspex/base/result.h"
#include "auspex/change/labels.h"

namespace auspex::change::git {

// What was traced of fixes, by their ids: text, one fix a line ("FIX ORIGIN:LINES …"), appended as
// it comes, so that a run that is cut off loses nothing. A line that does not read so is passed
// over, and its fix traced again. The name holds the version of the rules: other rules, another
// file. Several processes may append at once. Not thread-safe.
class TraceCache {
 public:
  // Errors: kPermissionDenied, kUnavailable (the folder cannot be made or written).
  static Result<TraceCache> Open(const std::string& folder);
  // None is kept.
  TraceCache() = default;

  [[nodiscard]] std::optional<std::vector<Blame>> Find(const CommitId& fix) const;
  // A line that cannot be written is not kept; the answer does not depend on it.
  void Add(const CommitId& fix, const std::vector<Blame>& blames);

 private:
  void Load(std::string_view text);
  std::unordered_map<CommitId, std::vector<Blame>> known_;
  Fd file_;
};

}  // namespace auspex::change::git
