#include "auspex/risk/repository_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include "auspex/base/sha256.h"
#include "auspex/change/features.h"
#include "auspex/change/git/fold_log.h"
#include "auspex/change/git/history_cache.h"
#include "auspex/change/git/mine_labels.h"
#include "auspex/change/labels.h"
#include "auspex/model/register_learners.h"
#include "auspex/training/training.h"

namespace auspex::risk {
namespace {

namespace fs = std::filesystem;
using change::CommitId;
using change::git::Repository;

constexpr std::uint64_t kSeed = 1;

struct Mined {
  CommitId id;
  std::int64_t at_s = 0;
  change::FeatureRow row;
};

struct Past {
  std::deque<Mined> newest;  // at most kMostRows
  change::LabelBook book;
};

Result<Past> ReadPast(const Repository& repository, const CommitId& until,
                      const std::vector<change::ServicePath>& services, const std::string& cache,
                      const Progress& progress) {
  Past past;
  change::History history(services);
  std::size_t done = 0;
  AUSPEX_TRY(const std::int64_t all, repository.CountCommits({.tip = until}));
  const auto take = [&](const change::Commit& commit, const change::FeatureRow& row) -> Status {
    past.book.Add(commit);
    past.newest.push_back({commit.id, commit.commit_time_s, row});
    if (past.newest.size() > kMostRows) past.newest.pop_front();
    if (progress) progress("reading the history", "commits", ++done, static_cast<std::size_t>(all));
    return {};
  };
  AUSPEX_TRY(FoldLog(repository, {.query = {.tip = until}}, history, take));
  // Only saves time: a cache that cannot be written is found out below.
  static_cast<void>(change::git::HistoryCache(cache).Keep(repository, until, history));
  return past;
}

// What became of the commits, and what of that could not be found out.
Result<std::vector<std::string>> Label(const Repository& repository, const CommitId& until,
                                       const std::string& cache, const Progress& progress,
                                       change::LabelBook* book) {
  change::git::TraceOptions options{.cache_folder = LabelCacheFolder(repository, cache)};
  if (progress)
    options.progress = [&progress](std::size_t done, std::size_t all) {
      progress("tracing what fixes mended", "fixes", done, all);
    };
  AUSPEX_TRY(const auto report, MineLabels(repository, until, std::move(options), book));
  std::vector<std::string> notes;
  if (report.files_failed > 0)
    notes.push_back(
        fmt::format("{} of {} files of fixes could not be traced, so too few commits "
                    "count as mended: {}",
                    report.files_failed, report.files + report.files_failed, report.first_failure));
  if (!report.cache_failure.empty()) notes.push_back(report.cache_failure);
  return notes;
}

// When the history ends: the median of its last commits, so that no single clock that was set wrong
// decides what is recent, or makes what is young look old enough to be known as clean.
std::int64_t EndOf(const Past& past) {
  std::vector<std::int64_t> last;
  for (auto one = past.newest.rbegin(); one != past.newest.rend() && last.size() < 11; ++one)
    last.push_back(one->at_s);
  const auto middle = last.begin() + static_cast<std::ptrdiff_t>(last.size() / 2);
  std::nth_element(last.begin(), middle, last.end());
  return *middle;
}

training::Dataset DatasetOf(const Past& past) {
  training::Dataset data;
  for (const FeatureSpec& spec : change::kChangeFeatures)
    data.table.columns.emplace_back(spec.name);
  data.group_names = {"repository"};
  const std::int64_t end = EndOf(past);
  for (const Mined& mined : past.newest) {
    const auto label = past.book.LabelOf(mined.id);
    if (!label) continue;
    data.table.values.insert(data.table.values.end(), mined.row.begin(), mined.row.end());
    data.failed.push_back(label->bug ? 1.0 : 0.0);
    const std::int64_t at_s = std::min(mined.at_s, end);
    data.time.push_back(static_cast<double>(at_s));
    data.known_at.push_back(static_cast<double>(std::max(label->known_at_s, at_s)));
    data.group.push_back(0);
  }
  data.order.resize(data.rows());
  std::iota(data.order.begin(), data.order.end(), std::size_t{0});
  std::stable_sort(data.order.begin(), data.order.end(),
                   [&data](std::size_t a, std::size_t b) { return data.time[a] < data.time[b]; });
  return data;
}

training::TrainOptions OptionsFor(const training::Dataset& data, const Progress& progress) {
  training::TrainOptions options;
  options.roles.label = "label_bug";
  options.roles.time = "commit time";
  options.roles.features = data.table.columns;
  options.seed = kSeed;
  for (const FeatureSpec& spec : change::kChangeFeatures)
    options.known.push_back(model::FeatureOf(spec));
  if (progress)
    options.progress = [&progress](std::size_t done, std::size_t all) {
      progress("learning", "fits", done, all);
    };
  return options;
}

// What a reader may hold against the model's AUC.
std::string SingleFeature(const training::ModelRecord& record) {
  for (const FeatureSpec& spec : change::kChangeFeatures) {
    if (spec.name != record.single_column) continue;
    std::string phrase(spec.phrase);
    if (const std::size_t place = phrase.find("{}"); place != std::string::npos)
      phrase.replace(place, 2, "…");
    return fmt::format(" (the best single feature alone, {}, \"{}\": {:.2f})", spec.name, phrase,
                       record.single_auc);
  }
  return "";
}

std::string HowGood(const training::ModelRecord& record) {
  if (!std::isfinite(record.later.auc))
    return "too few later commits tell how well it tells those from others";
  return fmt::format("on later commits it tells those from others with AUC {:.2f}{}",
                     record.later.auc, SingleFeature(record));
}

std::string Says(const training::ModelRecord& record) {
  return fmt::format(
      "learned from {} commits of this repository, {:.0f} % of which had to be mended later; {}",
      record.rows,
      100.0 * static_cast<double>(record.failures) /
          static_cast<double>(std::max<std::size_t>(1, record.rows)),
      HowGood(record));
}

// Raised with each change of how labels are found or rows are made of them.
constexpr int kRules = 1;

// FOLDER/model/REPOSITORY.vFEATURES.RULES/COMMIT: an artefact for each commit until which was
// learned. A shallow clone's are not kept: what lies before its depth may come. REPOSITORY is told
// by its git directory and the folders of its services.
class KeptModels {
 public:
  KeptModels(const std::string& cache, const Repository& repository,
             const std::vector<change::ServicePath>& services) {
    if (cache.empty() || repository.facts().shallow) return;
    std::vector<std::string> folders;
    folders.reserve(services.size());
    for (const change::ServicePath& one : services)
      folders.push_back('\0' + one.service + '\0' + one.path);
    std::sort(folders.begin(), folders.end());
    std::string told = repository.facts().git_dir;
    for (const std::string& folder : folders) told += folder;
    folder_ = fs::path(cache) / "model" /
              fmt::format("{}.v{}.{}", ToHex(HashSha256(told)).substr(0, 32),
                          change::History::kVersion, kRules);
  }

  [[nodiscard]] std::optional<training::Artefact> Find(
      const CommitId& until, const model::LearnerRegistry& learners) const {
    if (folder_.empty()) return std::nullopt;
    auto artefact = training::LoadArtefact((folder_ / until.text()).string(), learners);
    if (!artefact.ok()) return std::nullopt;  // not there, damaged, or of another format
    std::error_code ignored;
    fs::last_write_time(folder_ / until.text(), fs::file_time_type::clock::now(), ignored);
    return *std::move(artefact);
  }

  [[nodiscard]] Status Keep(const training::Artefact& artefact, const CommitId& until) const {
    if (folder_.empty()) return {};
    std::error_code failed;
    fs::create_directories(folder_, failed);
    AUSPEX_TRY(SaveArtefact(artefact, (folder_ / until.text()).string()));
    DropOldest();
    return {};
  }

 private:
  void DropOldest() const {
    std::error_code ignored;
    std::vector<std::pair<fs::file_time_type, fs::path>> kept;
    for (fs::directory_iterator one(folder_, ignored), end; !ignored && one != end;
         one.increment(ignored))
      kept.emplace_back(fs::last_write_time(one->path(), ignored), one->path());
    std::sort(kept.begin(), kept.end());
    for (std::size_t i = 0; i + kKeptModels < kept.size(); ++i)
      fs::remove_all(kept[i].second, ignored);
  }

  fs::path folder_;
};

// The commit until which is learned (header).
Result<CommitId> Anchor(const Repository& repository, const CommitId& until) {
  AUSPEX_TRY(const std::int64_t commits, repository.CountCommits({.tip = until}));
  std::int64_t step = 1;
  while (step < kLongestStep && 2 * step <= commits / 20) step *= 2;
  const std::int64_t back = commits % step;
  if (back == 0) return until;
  AUSPEX_TRY(std::string hex, repository.Ask({"rev-list", "--no-merges", "--max-count=1",
                                              fmt::format("--skip={}", back), until.text()}));
  while (!hex.empty() && hex.back() == '\n') hex.pop_back();
  return CommitId::FromHex(hex);
}

}  // namespace

Result<RepositoryModel> LearnRepository(const Repository& repository, const CommitId& until,
                                        const std::vector<change::ServicePath>& services,
                                        const std::string& cache, const Progress& progress) {
  model::LearnerRegistry learners;
  AUSPEX_TRY(RegisterLearners(learners));
  AUSPEX_TRY(const CommitId anchor, Anchor(repository, until));
  const KeptModels kept(cache, repository, services);
  if (const auto found = kept.Find(anchor, learners))
    return RepositoryModel{found->model, Says(found->record), found->record.notes};
  AUSPEX_TRY(Past past, ReadPast(repository, anchor, services, cache, progress));
  if (past.newest.empty()) return RepositoryModel{nullptr, "there is no past to learn from"};
  AUSPEX_TRY(std::vector<std::string> notes,
             Label(repository, anchor, cache, progress, &past.book));
  const training::Dataset data = DatasetOf(past);
  const auto artefact = training::Train(data, OptionsFor(data, progress), learners);
  // Too little, or commits of one moment alone.
  if (!artefact.ok() && (artefact.error().code == ErrorCode::kNoData ||
                         artefact.error().code == ErrorCode::kInvalidArgument))
    return RepositoryModel{
        nullptr,
        fmt::format("how likely such commits have to be mended is not known yet: of {} commits too "
                    "few are older than the {} days that their fixes may take ({})",
                    data.rows(), past.book.wait_s() / change::LabelBook::kDay,
                    artefact.error().message),
        std::move(notes)};
  if (!artefact.ok()) return Failure{artefact.error()};
  notes.insert(notes.end(), artefact->record.notes.begin(), artefact->record.notes.end());
  if (const Status written = kept.Keep(*artefact, anchor); !written.ok())
    notes.push_back(written.error().message + "; the next call learns all of it again");
  return RepositoryModel{artefact->model, Says(artefact->record), std::move(notes)};
}

}  // namespace auspex::risk
