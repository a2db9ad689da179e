#include "auspex/change/git/fold_log.h"

#include <optional>

#include "auspex/change/content.h"
#include "auspex/change/line_counts.h"

namespace auspex::change::git {
namespace {

// Contents, from one `git cat-file` that is started with the first.
class Contents {
 public:
  Contents(const Repository& repository, FoldCount* count)
      : repository_(&repository), count_(count) {}

  // Nothing where it is missing or too large.
  Result<std::optional<std::string>> Read(const ObjectId& id) {
    if (!blobs_) {
      AUSPEX_TRY(blobs_, repository_->Blobs());
    }
    AUSPEX_TRY(Blob blob, blobs_->Read(id));
    ++count_->contents_read;
    if (blob.state == BlobState::kTooLarge) ++count_->contents_too_large;
    if (blob.state != BlobState::kRead) return std::optional<std::string>();
    return std::optional(std::move(blob.bytes));
  }

 private:
  const Repository* repository_;
  FoldCount* count_;
  std::optional<BlobReader> blobs_;
};

Status LearnLines(const Commit& commit, Contents& contents, History& history) {
  for (const ObjectId& id : history.UnknownContents(commit)) {
    AUSPEX_TRY(const auto content, contents.Read(id));
    if (content) history.Learn(id, LinesIn(*content));
  }
  return {};
}

Status AddContent(const Commit& commit, Contents& contents, FeatureRow* row) {
  ContentDelta delta;
  for (const FileChange& change : commit.files) {
    if (!WorthReading(change)) continue;
    AUSPEX_TRY(const auto before, contents.Read(change.old_id));
    AUSPEX_TRY(const auto after, contents.Read(change.new_id));
    if (before && after) delta.Add(change, *before, *after);
  }
  delta.Fill(row);
  return {};
}

}  // namespace

Result<FoldCount> FoldLog(const Repository& repository, const FoldOptions& options,
                          History& history, const FoldVisitor& visit) {
  FoldCount count;
  Contents contents(repository, &count);
  AUSPEX_TRY(LogReader log, repository.Log(options.query));
  while (true) {
    AUSPEX_TRY(const std::optional<Commit> commit, log.Next());
    if (!commit) return count;
    AUSPEX_TRY(LearnLines(*commit, contents, history));
    FeatureRow row = history.Add(*commit);
    if (options.content) {
      AUSPEX_TRY(AddContent(*commit, contents, &row));
    }
    ++count.commits;
    AUSPEX_TRY(visit(*commit, row));
  }
}

}  // namespace auspex::change::git
