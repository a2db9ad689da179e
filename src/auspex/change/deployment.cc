#include "auspex/change/deployment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace auspex::change {
namespace {

constexpr std::size_t kMissingFilesMost = 10;

// Puts `next` behind `file`, a change of the same file.
void Chain(const FileChange& next, FileChange* file) {
  const bool was_there = file->old_mode != 0;
  const bool is_there = next.new_mode != 0;
  const std::string first = file->status == FileStatus::kRenamed ? file->old_path : file->path;
  file->path = next.path;
  file->new_mode = next.new_mode;
  file->new_id = next.new_id;
  file->added += next.added;
  file->deleted += next.deleted;
  file->binary = file->binary || next.binary;
  file->old_path.clear();
  if (!is_there) {
    file->status = FileStatus::kDeleted;
    file->path = first;  // what is gone is the name that was there before
  } else if (!was_there) {
    file->status = FileStatus::kAdded;
  } else if (first != file->path) {
    file->status = FileStatus::kRenamed;
    file->old_path = first;
  } else {
    file->status = FileStatus::kModified;
  }
}

bool Nothing(const FileChange& file) {
  const bool never = file.old_mode == 0 && file.new_mode == 0;
  const bool same = file.old_mode == file.new_mode && file.old_id == file.new_id;
  return never || (same && file.status != FileStatus::kRenamed);
}

double Mean(const std::vector<FeatureRow>& rows, Feature feature) {
  double sum = 0.0;
  double known = 0.0;
  for (const FeatureRow& row : rows) {
    if (std::isnan(At(row, feature))) continue;
    sum += At(row, feature);
    known += 1.0;
  }
  return known > 0.0 ? sum / known : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Commit Squash(const std::vector<Commit>& commits) {
  Commit net = commits.back();
  net.files.clear();
  net.files_omitted = 0;
  std::vector<FileChange> files;
  std::map<std::string, std::size_t> at;  // by present name
  for (const Commit& commit : commits) {
    net.files_omitted += commit.files_omitted;
    std::vector<std::pair<std::string, std::size_t>> named;
    for (const FileChange& change : commit.files) {
      const bool renamed = change.status == FileStatus::kRenamed;
      const auto known = at.find(renamed ? change.old_path : change.path);
      std::size_t index = files.size();
      if (known == at.end()) {
        files.push_back(change);
      } else {
        index = known->second;
        Chain(change, &files[index]);
        if (renamed) at.erase(known);
      }
      named.emplace_back(change.path, index);
    }
    // After all of them were found: files may swap their names.
    for (auto& [path, index] : named) at[std::move(path)] = index;
  }
  std::copy_if(files.begin(), files.end(), std::back_inserter(net.files),
               [](const FileChange& file) { return !Nothing(file); });
  return net;
}

Result<DeploymentRow> FoldRange(const std::vector<Commit>& commits, History* history,
                                const LearnContents& learn) {
  if (commits.empty())
    return Fail(ErrorCode::kNoData, "the range has no commit of its own, only merges");
  constexpr std::array<Feature, 7> kMeans = {Feature::kExp,
                                             Feature::kRexp,
                                             Feature::kSexp,
                                             Feature::kAuthorOwnership,
                                             Feature::kAuthorFileChanges,
                                             Feature::kDaysSinceAuthorChange,
                                             Feature::kReviewers};
  constexpr std::array<Feature, 3> kAny = {Feature::kFix, Feature::kRevert, Feature::kCherryPick};
  DeploymentRow row;
  row.net = Squash(commits);
  AUSPEX_TRY(learn(row.net, history));
  row.features = history->Look(row.net);
  row.missing_files = history->MissingCoChanges(row.net, kMissingFilesMost);
  std::set<std::string_view> authors;
  for (const Commit& commit : commits) {
    AUSPEX_TRY(learn(commit, history));
    row.each.push_back(history->Add(commit));
    authors.insert(commit.author_email.empty() ? commit.author_name : commit.author_email);
  }
  for (const Feature feature : kMeans) At(row.features, feature) = Mean(row.each, feature);
  for (const Feature feature : kAny) {
    const bool any = std::any_of(row.each.begin(), row.each.end(),
                                 [feature](const auto& one) { return At(one, feature) > 0.0; });
    At(row.features, feature) = any ? 1.0 : 0.0;
  }
  row.commits = static_cast<double>(commits.size());
  row.authors = static_cast<double>(authors.size());
  return row;
}

}  // namespace auspex::change
