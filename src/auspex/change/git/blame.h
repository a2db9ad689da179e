#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "auspex/change/git/repository.h"
#include "auspex/change/labels.h"

namespace auspex::change::git {

struct TraceOptions {
  // Where what was traced is kept, by the fix's id, so that another run traces only new fixes, and
  // the index of the history (graph_index.h). Made where it is not there. Empty: nothing is kept.
  std::string cache_folder = {};
  // Blame passes through these to who wrote a line before. What is in the cache stays as it was
  // traced, though the list grows.
  std::vector<CommitId> pass_through = {};
  std::size_t workers = 0;    // 0: one a core, at most 8
  Duration limit_each = 60s;  // of the blame of one file
  Duration limit = 6h;        // of all
  // Called now and then from any worker, never by two at once.
  std::function<void(std::size_t done, std::size_t all)> progress = {};
};

// What tracing cost and left out.
struct TraceReport {
  std::size_t fixes = 0;  // asked for
  std::size_t from_cache = 0;
  std::size_t nothing = 0;       // none of their lines is traced: see szz.h
  std::size_t files = 0;         // blamed
  std::size_t files_failed = 0;  // git could not, or took longer than limit_each
  bool indexed = false;          // by a commit-graph
  std::string first_failure = {};
  std::string cache_failure = {};  // why nothing is kept although it was asked for
};

struct TracedFix {
  Fix fix;
  std::vector<Blame> blames;  // by origin
};

// Traces fixes: what each replaced, by `git diff-tree -p -U0 -w -M` with the histogram algorithm
// (Nugroho, Hata and Matsumoto, "How different are different diff algorithms in Git?", EMSE 2020),
// LinesToTrace, and `git blame -w -M` of those lines in the commit before the fix. In parallel; a
// file that cannot be blamed is counted, its fix not kept. Nothing of the repository is executed
// (repository.h). Answers in the order of `fixes`. Errors: kUnavailable (git cannot be started, or
// `limit` is over: what was traced so far is in the
// cache), kPermissionDenied (the folder for temporary files).
class Tracer {
 public:
  Tracer(const Repository& repository, TraceOptions options)
      : repository_(repository), options_(std::move(options)) {}
  Result<std::vector<TracedFix>> Trace(std::span<const Fix> fixes);
  [[nodiscard]] const TraceReport& report() const { return report_; }

 private:
  const Repository& repository_;
  TraceOptions options_;
  TraceReport report_;
};

// The lines that each commit wrote, of what `git blame --incremental` says. Lines from beyond the
// boundary of a shallow clone are left out. Error: kInvalidArgument for what is no such output.
Result<std::vector<Blame>> ParseBlame(std::string_view output);

}  // namespace auspex::change::git
