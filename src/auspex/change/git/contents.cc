#include "auspex/change/git/contents.h"

#include "auspex/change/content.h"
#include "auspex/change/line_counts.h"

namespace auspex::change::git {

Result<std::optional<std::string>> Contents::Read(const ObjectId& id) {
  if (!blobs_) {
    AUSPEX_TRY(blobs_, repository_->Blobs());
  }
  AUSPEX_TRY(Blob blob, blobs_->Read(id));
  ++read_;
  if (blob.state == BlobState::kTooLarge) ++too_large_;
  if (blob.state != BlobState::kRead) return std::optional<std::string>();
  return std::optional(std::move(blob.bytes));
}

Status Contents::LearnLines(const Commit& commit, History* history) {
  for (const ObjectId& id : history->UnknownContents(commit)) {
    AUSPEX_TRY(const auto content, Read(id));
    if (content) history->Learn(id, LinesIn(*content));
  }
  return {};
}

Status Contents::AddTo(const Commit& commit, FeatureRow* row) {
  ContentDelta delta;
  for (const FileChange& change : commit.files) {
    if (!WorthReading(change)) continue;
    AUSPEX_TRY(const auto before, Read(change.old_id));
    AUSPEX_TRY(const auto after, Read(change.new_id));
    if (before && after) delta.Add(change, *before, *after);
  }
  delta.Fill(row);
  return {};
}

}  // namespace auspex::change::git
