#include "auspex/change/history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "auspex/change/file_kind.h"
#include "auspex/change/fixes.h"
#include "auspex/change/message.h"

namespace auspex::change {
namespace {

constexpr double kDayS = 86'400.0;
constexpr std::uint32_t kRecentS = 30U * 86'400U;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <typename T>
void SortUnique(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

double Count(std::size_t count) { return static_cast<double>(count); }

// Seconds from `then` to `now`, 0 where the clocks run backwards.
std::uint32_t Since(std::uint32_t then, std::uint32_t now) { return now > then ? now - then : 0; }

double Entropy(const Commit& commit) {
  double all = 0.0;
  for (const FileChange& change : commit.files)
    all += static_cast<double>(change.added + change.deleted);
  double entropy = 0.0;
  for (const FileChange& change : commit.files) {
    const double p = static_cast<double>(change.added + change.deleted) / all;
    if (p > 0.0) entropy -= p * std::log2(p);  // false for the NaN of 0 / 0
  }
  return entropy;
}

Feature FeatureOf(FileKind kind) {
  switch (kind) {
    case FileKind::kGenerated:
      return Feature::kFilesGenerated;
    case FileKind::kDependency:
      return Feature::kFilesDependency;
    case FileKind::kMigration:
      return Feature::kFilesMigration;
    case FileKind::kTest:
      return Feature::kFilesTest;
    case FileKind::kDocs:
      return Feature::kFilesDocs;
    case FileKind::kInfrastructure:
      return Feature::kFilesInfrastructure;
    case FileKind::kConfig:
      return Feature::kFilesConfig;
    case FileKind::kSource:
      break;
  }
  return Feature::kCount;
}

void FillMessage(const Commit& commit, FeatureRow& row) {
  At(row, Feature::kFix) = IsFix(commit.message) ? 1.0 : 0.0;
  At(row, Feature::kRevert) = IsRevert(commit.message) ? 1.0 : 0.0;
  At(row, Feature::kCherryPick) = IsCherryPick(commit.message) ? 1.0 : 0.0;
  At(row, Feature::kReviewers) = ReviewersIn(commit.message);
}

void FillTime(const Commit& commit, FeatureRow& row) {
  constexpr std::int64_t kWeekS = 7LL * 86'400;
  constexpr std::int64_t kMondayS = 4LL * 86'400;  // 1970-01-05
  // Cut to a week first: no made-up time overflows the sum.
  const std::int64_t local =
      commit.author_time_s % kWeekS + 60LL * commit.author_zone_min - kMondayS;
  const std::int64_t in_week = (local % kWeekS + kWeekS) % kWeekS;
  const std::int64_t day = in_week / 86'400;
  const std::int64_t hour = in_week % 86'400 / 3'600;
  At(row, Feature::kWeekday) = static_cast<double>(day);
  At(row, Feature::kHour) = static_cast<double>(hour);
}

std::int64_t SizeOf(const Commit& commit) {
  std::int64_t size = 0;
  for (const FileChange& change : commit.files) size += change.added + change.deleted;
  return size;
}

}  // namespace

// The commit's files in its order, kNoFile for a new one; and what several features need.
struct History::Touched {
  std::vector<std::uint32_t> files;
  std::vector<std::uint32_t> known;  // those that are not new, ascending, each once
  std::vector<std::string_view> subsystems;
  std::uint32_t author = kNoText;
  std::uint32_t time = 0;
};

History::History(std::vector<ServicePath> services) : services_(std::move(services)) {}

History::Touched History::Find(const Commit& commit) const {
  Touched touched;
  touched.files.reserve(commit.files.size());
  for (const FileChange& change : commit.files) {
    const std::uint32_t file = files_.Find(change);
    touched.files.push_back(file);
    if (file != kNoFile) touched.known.push_back(file);
    touched.subsystems.push_back(SubsystemOf(change.path));
  }
  SortUnique(touched.known);
  SortUnique(touched.subsystems);
  touched.author = people_.Find(commit.author_email, commit.author_name);
  touched.time = Stored(commit.author_time_s);
  return touched;
}

std::int64_t History::LinesBefore(const FileChange& change, std::uint32_t file) const {
  if (change.binary || change.old_id.null()) return 0;
  if (const auto lines = line_counts_.Find(change.old_id)) return *lines;
  return file == kNoFile ? 0 : std::max<std::int64_t>(0, files_.At(file).lines);
}

std::vector<ObjectId> History::UnknownContents(const Commit& commit) const {
  std::vector<ObjectId> unknown;
  for (const FileChange& change : commit.files) {
    if (!change.binary && !change.submodule() && !change.old_id.null() &&
        !line_counts_.Find(change.old_id))
      unknown.push_back(change.old_id);
  }
  SortUnique(unknown);
  return unknown;
}

void History::Learn(const ObjectId& content, std::uint32_t lines) {
  line_counts_.Set(content, lines);
}

void History::FillSize(const Commit& commit, const Touched& touched, FeatureRow& row) const {
  std::vector<std::string_view> directories;
  std::int64_t added = 0;
  std::int64_t deleted = 0;
  std::int64_t lines = 0;
  for (std::size_t i = 0; i < commit.files.size(); ++i) {
    const FileChange& change = commit.files[i];
    directories.push_back(DirectoryOf(change.path));
    added += change.added;
    deleted += change.deleted;
    lines += LinesBefore(change, touched.files[i]);
  }
  SortUnique(directories);
  At(row, Feature::kNs) = Count(touched.subsystems.size());
  At(row, Feature::kNd) = Count(directories.size());
  At(row, Feature::kNf) = Count(commit.files.size()) + static_cast<double>(commit.files_omitted);
  At(row, Feature::kEntropy) = Entropy(commit);
  At(row, Feature::kLa) = static_cast<double>(added);
  At(row, Feature::kLd) = static_cast<double>(deleted);
  At(row, Feature::kLt) = static_cast<double>(lines);
  At(row, Feature::kSizePercentile) = sizes_.Percentile(added + deleted);
}

std::size_t History::CountServices(const std::vector<FileChange>& files) const {
  std::vector<std::string_view> services;
  services.reserve(files.size());
  for (const FileChange& change : files) services.push_back(services_.Of(change.path));
  SortUnique(services);
  return services.size();
}

void History::FillFiles(const Commit& commit, const Touched& touched, FeatureRow& row) const {
  for (const FileChange& change : commit.files) {
    const Feature kind = FeatureOf(KindOf(change.path));
    if (kind != Feature::kCount) ++At(row, kind);
    if (IsPublicInterface(change.path)) ++At(row, Feature::kFilesInterface);
    if (change.status == FileStatus::kAdded) ++At(row, Feature::kFilesAdded);
    if (change.status == FileStatus::kDeleted) ++At(row, Feature::kFilesDeleted);
    if (change.binary) ++At(row, Feature::kFilesBinary);
  }
  At(row, Feature::kServices) = Count(CountServices(commit.files));
  At(row, Feature::kCoChangeMissing) = Count(files_.UsuallyTogetherWith(touched.known).size());
}

// A new file counts no days.
double History::MeanAge(const Touched& touched) const {
  double age_s = 0.0;
  for (const std::uint32_t file : touched.files) {
    if (file != kNoFile) age_s += Since(files_.At(file).last_change_s, touched.time);
  }
  return touched.files.empty() ? 0.0 : age_s / kDayS / Count(touched.files.size());
}

void History::FillPast(const Touched& touched, FeatureRow& row) const {
  At(row, Feature::kAge) = MeanAge(touched);
  std::vector<std::uint32_t> authors;
  std::vector<std::uint32_t> recent_authors;
  std::vector<std::uint32_t> last_changes;
  std::uint32_t least_s = std::numeric_limits<std::uint32_t>::max();
  double main_share = 0.0;
  double own_share = 0.0;
  for (const std::uint32_t number : touched.known) {
    const FileState& file = files_.At(number);
    const std::uint32_t since_s = Since(file.last_change_s, touched.time);
    least_s = std::min(least_s, since_s);
    last_changes.push_back(file.last_change);
    At(row, Feature::kChurnBefore) += static_cast<double>(file.churn);
    At(row, Feature::kChangesBefore) += file.changes;
    std::uint32_t most = 0;
    for (const FileAuthor& one : file.authors) {
      authors.push_back(one.author);
      if (Since(one.last_s, touched.time) <= kRecentS) recent_authors.push_back(one.author);
      most = std::max(most, one.changes);
      if (one.author != touched.author) continue;
      At(row, Feature::kAuthorFileChanges) += one.changes;
      own_share += static_cast<double>(one.changes) / file.changes;
    }
    main_share += static_cast<double>(most) / file.changes;
  }
  SortUnique(authors);
  SortUnique(recent_authors);
  SortUnique(last_changes);
  const double known = Count(touched.known.size());
  At(row, Feature::kNdev) = Count(authors.size());
  At(row, Feature::kAuthors30d) = Count(recent_authors.size());
  At(row, Feature::kNuc) = Count(last_changes.size());
  At(row, Feature::kOwnership) = known > 0.0 ? main_share / known : kNaN;
  At(row, Feature::kAuthorOwnership) = known > 0.0 ? own_share / known : kNaN;
  At(row, Feature::kDaysSinceFileChange) = known > 0.0 ? least_s / kDayS : kNaN;
}

void History::FillAuthor(const Commit& commit, const Touched& touched, FeatureRow& row) const {
  const std::size_t changes = people_.Changes(touched.author);
  At(row, Feature::kDaysSinceAuthorChange) = kNaN;
  if (changes == 0) return;
  std::vector<std::uint32_t> subsystems;
  for (const std::string_view name : touched.subsystems) {
    const std::uint32_t subsystem = subsystems_.Find(name);
    if (subsystem != kNoText) subsystems.push_back(subsystem);
  }
  At(row, Feature::kExp) = Count(changes);
  At(row, Feature::kRexp) = people_.RecentChanges(touched.author, commit.author_time_s);
  At(row, Feature::kSexp) = Count(people_.ChangesTo(touched.author, subsystems));
  At(row, Feature::kDaysSinceAuthorChange) =
      Since(people_.LastChange(touched.author), touched.time) / kDayS;
}

FeatureRow History::RowOf(const Commit& commit, const Touched& touched) const {
  FeatureRow row(kFeatureCount, 0.0);
  FillSize(commit, touched, row);
  FillFiles(commit, touched, row);
  FillPast(touched, row);
  FillAuthor(commit, touched, row);
  FillMessage(commit, row);
  FillTime(commit, row);
  for (const Feature content :
       {Feature::kComplexityDelta, Feature::kCyclomaticDelta, Feature::kInterfaceDelta})
    At(row, content) = kNaN;
  return row;
}

void History::UpdateFile(const FileChange& change, std::uint32_t file, std::uint32_t author,
                         std::uint32_t time) {
  const std::int64_t before = LinesBefore(change, file);
  FileState& state = files_.At(file);
  state.last_change = commits_;
  state.last_change_s = time;
  ++state.changes;
  state.churn += static_cast<std::uint64_t>(change.added + change.deleted);
  state.there = change.status != FileStatus::kDeleted;
  state.lines =
      change.binary ? 0 : std::max<std::int64_t>(0, before + change.added - change.deleted);
  if (!change.binary && !change.new_id.null()) {
    constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
    line_counts_.Set(change.new_id, static_cast<std::uint32_t>(std::min(state.lines, kMost)));
  }
  const auto known = std::find_if(state.authors.begin(), state.authors.end(),
                                  [author](const FileAuthor& one) { return one.author == author; });
  if (known != state.authors.end()) {
    ++known->changes;
    known->last_s = std::max(known->last_s, time);
  } else if (state.authors.size() < Files::kAuthorsMost) {
    state.authors.push_back({author, 1, time});
  }
}

void History::Update(const Commit& commit, const Touched& touched) {
  const std::uint32_t author = people_.FindOrAdd(commit.author_email, commit.author_name);
  std::vector<std::uint32_t> together;
  for (std::size_t i = 0; i < commit.files.size(); ++i) {
    const std::uint32_t file = files_.Take(commit.files[i], touched.files[i]);
    UpdateFile(commit.files[i], file, author, touched.time);
    services_.Update(commit.files[i]);
    together.push_back(file);
  }
  SortUnique(together);
  files_.AddTogether(together);
  std::vector<std::uint32_t> subsystems;
  for (const std::string_view name : touched.subsystems)
    subsystems.push_back(subsystems_.FindOrAdd(name));
  people_.Add(author, commit.author_time_s, subsystems);
  sizes_.Add(SizeOf(commit));
  ++commits_;
}

FeatureRow History::Look(const Commit& commit) const { return RowOf(commit, Find(commit)); }

FeatureRow History::Add(const Commit& commit) {
  const Touched touched = Find(commit);
  FeatureRow row = RowOf(commit, touched);
  Update(commit, touched);
  return row;
}

std::vector<std::string> History::MissingCoChanges(const Commit& commit, std::size_t most) const {
  std::vector<std::string> paths;
  for (const std::uint32_t file : files_.UsuallyTogetherWith(Find(commit).known)) {
    if (paths.size() == most) break;
    paths.emplace_back(files_.PathOf(file));
  }
  return paths;
}

}  // namespace auspex::change
