#include "auspex/risk/change_risk.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "auspex/base/printable.h"
#include "auspex/change/dependencies/delta.h"
#include "auspex/change/deployment.h"
#include "auspex/change/file_kind.h"
#include "auspex/change/git/contents.h"
#include "auspex/change/git/history_cache.h"
#include "auspex/model/metrics.h"

namespace auspex::risk {
namespace {

using change::Commit;
using change::DeploymentRow;
using change::Feature;
using change::FeatureRow;
using change::FileChange;
using change::History;
using change::git::Repository;

constexpr std::size_t kMostCommits = 10;        // told
constexpr std::int64_t kLargestRange = 20'000;  // commits that are read as one change
constexpr std::size_t kMostReasons = 12;
constexpr std::size_t kMostNamed = 3;  // files in a sentence
constexpr std::size_t kMostDependencies = 20;
constexpr std::size_t kMostSubject = 80;
// A change that adds fewer lines is not asked for tests.
constexpr double kLinesWorthATest = 20.0;

std::string SubjectOf(const Commit& commit) {
  return Printable(std::string_view(commit.message).substr(0, commit.message.find('\n')),
                   kMostSubject);
}

// What is read of the repository, and what can be asked of it again with a part left out.
class Reading {
 public:
  // `repository` outlives it.
  static Result<Reading> Of(const Repository& repository, const change::git::Range& range,
                            const ChangeQuestion& question) {
    Reading reading(repository);
    AUSPEX_TRY(reading.folders_, FoldersOf(question));
    reading.service_ = question.service;
    reading.services_ = change::Services(question.services);
    reading.before_ = History(question.services);
    if (range.base) {
      AUSPEX_TRY(reading.before_,
                 HistoryAt(
                     repository, *range.base, change::git::HistoryCache(question.cache),
                     [&](std::int64_t done, std::int64_t all) {
                       if (question.progress)
                         question.progress("reading the history", "commits",
                                           static_cast<std::size_t>(done),
                                           static_cast<std::size_t>(all));
                     },
                     question.services));
    }
    AUSPEX_TRY(auto log, repository.Log({.tip = range.tip, .known = range.known}));
    while (true) {
      AUSPEX_TRY(auto commit, log.Next());
      if (!commit) break;
      const auto deployed = [&](const FileChange& file) { return reading.IsDeployed(file); };
      if (reading.folders_.empty() ||
          std::any_of(commit->files.begin(), commit->files.end(), deployed))
        reading.commits_.push_back(*std::move(commit));
    }
    if (reading.commits_.empty() && !reading.folders_.empty())
      return Fail(ErrorCode::kNoData, "{}: nothing of service {} changes; it lies below {}",
                  range.text, question.service, fmt::join(reading.folders_, " and "));
    return reading;
  }

  [[nodiscard]] const std::vector<Commit>& commits() const { return commits_; }
  [[nodiscard]] change::git::Contents& contents() { return contents_; }

  // Of those commits that `keep` keeps, with the files that it keeps and are deployed. How many
  // services they touch is told by all of their files. kNoData: none is left.
  template <typename Keep>
  Result<DeploymentRow> Fold(Keep keep) {
    std::vector<Commit> kept;
    std::vector<FileChange> touched;
    for (std::size_t i = 0; i < commits_.size(); ++i) {
      Commit commit = commits_[i];
      std::erase_if(commit.files,
                    [&](const FileChange& file) { return !IsDeployed(file) || !keep(i, file); });
      if (commit.files.empty() && !commits_[i].files.empty()) continue;
      kept.push_back(std::move(commit));
      if (!folders_.empty())
        touched.insert(touched.end(), commits_[i].files.begin(), commits_[i].files.end());
    }
    History history = before_;
    AUSPEX_TRY(DeploymentRow row,
               FoldRange(kept, &history, [this](const Commit& commit, History* told) {
                 return contents_.LearnLines(commit, told);
               }));
    if (!folders_.empty())
      At(row.features, Feature::kServices) = static_cast<double>(before_.CountServices(touched));
    return row;
  }

 private:
  explicit Reading(const Repository& repository) : contents_(repository) {}

  // Of the service that is deployed; none: all of the repository is.
  static Result<std::vector<std::string>> FoldersOf(const ChangeQuestion& question) {
    std::vector<std::string> folders;
    if (question.service.empty()) return folders;
    for (const change::ServicePath& one : question.services) {
      if (one.service == question.service) folders.push_back(one.path);
    }
    if (folders.empty() && !question.services.empty())
      return Fail(ErrorCode::kInvalidArgument,
                  "none of the folders of services is one of '{}'; name its own too",
                  question.service);
    return folders;
  }
  // Also what was taken out of its folders; not what belongs to a service within them.
  [[nodiscard]] bool IsDeployed(const FileChange& file) const {
    return folders_.empty() || services_.Of(file.path) == service_ ||
           (!file.old_path.empty() && services_.Of(file.old_path) == service_);
  }

  change::git::Contents contents_;
  std::vector<std::string> folders_;
  std::string service_;
  change::Services services_;  // as configured, without workspaces
  History before_;
  std::vector<Commit> commits_;
};

Result<change::DependencyDelta> DependenciesOf(const Commit& net, Reading* reading) {
  std::vector<change::FileVersions> files;
  for (const FileChange& file : net.files) {
    if (file.binary || !change::DependencyFormatOf(file.path)) continue;
    change::FileVersions versions{.path = file.path, .before = {}, .after = {}};
    if (!file.old_id.null()) {
      AUSPEX_TRY(versions.before, reading->contents().Read(file.old_id));
    }
    if (!file.new_id.null()) {
      AUSPEX_TRY(versions.after, reading->contents().Read(file.new_id));
    }
    files.push_back(std::move(versions));
  }
  return CompareDependencies(files);
}

std::vector<std::string> AuthorsOf(const std::vector<Commit>& commits) {
  std::vector<std::string> authors;
  for (const Commit& commit : commits) {
    if (authors.size() == kMostListed) break;
    if (commit.author_email.empty() || commit.author_email.size() > kMostText) continue;
    if (std::find(authors.begin(), authors.end(), commit.author_email) == authors.end())
      authors.push_back(commit.author_email);
  }
  return authors;
}

double HourOfWeek(const ChangeQuestion& question) {
  const double minutes = static_cast<double>(MicrosSinceEpoch(question.now)) / 60e6 +
                         static_cast<double>(question.zone_min);
  // 1970-01-01 was a Thursday; the week begins on Monday.
  return std::fmod(minutes / 60.0 + 72.0, 168.0);
}

model::Table TableOf(const std::vector<FeatureRow>& rows) {
  model::Table table;
  for (const FeatureSpec& spec : change::kChangeFeatures) table.columns.emplace_back(spec.name);
  for (const FeatureRow& row : rows)
    table.values.insert(table.values.end(), row.begin(), row.end());
  return table;
}

// How far above the usual commit of the repository, in log-odds; within what a chance can tell.
Result<double> ChangeLogOdds(const model::Model& model, const FeatureRow& row) {
  AUSPEX_TRY(const auto explained, model.Explain(TableOf({row}), 0));
  const auto log_odds = [](double chance) {
    return model::LogOdds(std::clamp(chance, 1e-9, 1.0 - 1e-9));
  };
  return log_odds(explained[0].chance) - log_odds(explained[0].usual);
}

// Of the change and its dependencies.
void Describe(const DeploymentRow& row, const change::DependencyDelta& dependencies, Known* known) {
  for (std::size_t i = 0; i < change::kFeatureCount; ++i)
    known->insert_or_assign(std::string(change::kChangeFeatures[i].name), row.features[i]);
  const std::vector<double> moved = DependencyFeatures(dependencies);
  for (std::size_t i = 0; i < moved.size(); ++i)
    known->insert_or_assign(std::string(change::kDependencyFeatures[i].name), moved[i]);
  known->insert_or_assign("commits", row.commits);
  known->insert_or_assign("authors", row.authors);
  std::erase_if(*known, [](const auto& one) { return !std::isfinite(one.second); });
}

// The same deployment had a person done something: what is left of it, or with another row.
class Alternatives {
 public:
  Alternatives(const model::Model& model, const Known& known, Reading* reading)
      : model_(model), known_(known), reading_(reading) {}

  Status Add(const std::string& action, const FeatureRow& row) {
    Known known = known_;
    AUSPEX_TRY(known["change_log_odds"], ChangeLogOdds(model_, row));
    found_.push_back({action, std::move(known)});
    return {};
  }
  // Where nothing would be left there is nothing to deploy.
  Status AddRest(const std::string& action, const Result<DeploymentRow>& rest) {
    if (!rest.ok() && rest.error().code == ErrorCode::kNoData) return {};
    if (!rest.ok()) return Failure{rest.error()};
    Known known = known_;
    AUSPEX_TRY(const change::DependencyDelta dependencies, DependenciesOf(rest->net, reading_));
    Describe(*rest, dependencies, &known);
    AUSPEX_TRY(known["change_log_odds"], ChangeLogOdds(model_, rest->features));
    found_.push_back({action, std::move(known)});
    return {};
  }
  [[nodiscard]] std::vector<Alternative> Take() { return std::move(found_); }

 private:
  const model::Model& model_;
  const Known& known_;
  Reading* reading_;
  std::vector<Alternative> found_;
};

Status AddSplits(const std::vector<double>& chances, Reading* reading, Alternatives* alternatives) {
  const std::vector<Commit>& commits = reading->commits();
  if (commits.size() > 1) {
    const auto riskiest = static_cast<std::size_t>(
        std::max_element(chances.begin(), chances.end()) - chances.begin());
    const Commit& commit = commits[riskiest];
    AUSPEX_TRY(alternatives->AddRest(
        fmt::format("leave {} \"{}\" to a deployment of its own", commit.id.text().substr(0, 10),
                    SubjectOf(commit)),
        reading->Fold([riskiest](std::size_t i, const FileChange&) { return i != riskiest; })));
  }
  const std::size_t half = commits.size() / 2;
  if (commits.size() < 4) return {};
  return alternatives->AddRest(
      fmt::format("deploy the first {} of its {} commits, and the rest later", half,
                  commits.size()),
      reading->Fold([half](std::size_t i, const FileChange&) { return i < half; }));
}

Result<std::vector<Alternative>> AlternativesOf(const model::Model& model, const DeploymentRow& row,
                                                const Known& known,
                                                const std::vector<double>& chances,
                                                Reading* reading) {
  Alternatives alternatives(model, known, reading);
  if (At(row.features, Feature::kFilesMigration) > 0.0) {
    AUSPEX_TRY(alternatives.AddRest(
        std::string(kMigrationAlone), reading->Fold([](std::size_t, const FileChange& file) {
          return change::KindOf(file.path) != change::FileKind::kMigration;
        })));
  }
  AUSPEX_TRY(AddSplits(chances, reading, &alternatives));
  if (At(row.features, Feature::kFilesTest) == 0.0 &&
      At(row.features, Feature::kLa) >= kLinesWorthATest) {
    FeatureRow tested = row.features;
    At(tested, Feature::kFilesTest) = 1.0;
    AUSPEX_TRY(alternatives.Add("add a test of what it changes", tested));
  }
  if (!row.missing_files.empty()) {
    std::vector<std::string> files;
    for (std::size_t i = 0; i < std::min(row.missing_files.size(), kMostNamed); ++i)
      files.push_back(Printable(row.missing_files[i], kMostSubject));
    FeatureRow whole = row.features;
    At(whole, Feature::kCoChangeMissing) = 0.0;
    AUSPEX_TRY(alternatives.Add(fmt::format("look whether {} should change too, as it usually does",
                                            fmt::join(files, ", ")),
                                whole));
  }
  return alternatives.Take();
}

std::vector<CommitRisk> RiskiestOf(const std::vector<Commit>& commits,
                                   const std::vector<double>& chances) {
  std::vector<CommitRisk> risks;
  risks.reserve(commits.size());
  for (std::size_t i = 0; i < commits.size(); ++i)
    risks.push_back({commits[i].id.text(), SubjectOf(commits[i]), chances[i]});
  std::stable_sort(risks.begin(), risks.end(), [](const CommitRisk& a, const CommitRisk& b) {
    return a.p_mended > b.p_mended;
  });
  if (risks.size() > kMostCommits) risks.resize(kMostCommits);
  return risks;
}

// change_log_odds, its parts and what would lower it.
Status Judge(const model::Model& model, const DeploymentRow& row, Reading* reading,
             ChangeRisk* risk) {
  AUSPEX_TRY(const auto explained, model.Explain(TableOf({row.features}), kMostReasons));
  Known& known = risk->facts.known;
  AUSPEX_TRY(known["change_log_odds"], ChangeLogOdds(model, row.features));
  for (const model::Reason& reason : explained[0].reasons) {
    if (!std::isfinite(reason.value)) continue;  // nothing that a person could check
    risk->facts.reasons.push_back({reason.feature, reason.value, reason.contribution, reason.text});
  }
  AUSPEX_TRY(const std::vector<double> chances, model.Chances(TableOf(row.each)));
  risk->commits = RiskiestOf(reading->commits(), chances);
  AUSPEX_TRY(risk->facts.alternatives, AlternativesOf(model, row, known, chances, reading));
  return {};
}

std::vector<std::string> NotesOf(const Repository& repository,
                                 const change::DependencyDelta& dependencies) {
  std::vector<std::string> notes;
  if (repository.facts().shallow)
    notes.emplace_back(
        "this is a shallow clone: what happened before its depth counts as never having happened; "
        "`git fetch --unshallow` completes it");
  if (repository.facts().partial)
    notes.emplace_back("this is a partial clone: contents that it lacks are not fetched");
  // What breaks most often first.
  std::vector<change::DependencyChange> changes = dependencies.changes;
  const auto weight = [](const change::DependencyChange& one) {
    return (one.step == change::VersionStep::kMajor ? 4 : 0) + (one.downgrade ? 2 : 0) +
           (one.pre_release || one.unpinned ? 1 : 0);
  };
  std::stable_sort(changes.begin(), changes.end(),
                   [&weight](const auto& a, const auto& b) { return weight(a) > weight(b); });
  for (std::size_t i = 0; i < std::min(kMostDependencies, changes.size()); ++i)
    notes.push_back("dependency: " + InWords(changes[i]));
  if (changes.size() > kMostDependencies)
    notes.push_back(
        fmt::format("{} dependencies change besides", changes.size() - kMostDependencies));
  notes.insert(notes.end(), dependencies.unreadable.begin(), dependencies.unreadable.end());
  return notes;
}

// Commits of what serves that the new version lacks.
Result<std::string> Undone(const Repository& repository, const change::git::Range& range) {
  std::int64_t commits = 0;
  for (const change::CommitId& known : range.known) {
    AUSPEX_TRY(const std::int64_t more,
               repository.CountCommits({.tip = known, .known = {range.tip}}));
    commits += more;
  }
  if (commits == 0) return std::string();
  return fmt::format(
      "{} commit{} of {} {} not in it: deployed as it is, it takes them out again, which is not "
      "looked at",
      commits, commits == 1 ? "" : "s", range.text.substr(0, range.text.find("..")),
      commits == 1 ? "is" : "are");
}

// A folder that was mistyped must not look like one in which nothing changes.
Status CheckFolders(const Repository& repository, const change::git::Range& range,
                    const ChangeQuestion& question) {
  if (question.service.empty()) return {};
  for (const change::ServicePath& one : question.services) {
    if (one.service != question.service) continue;
    if (repository.HasFolder(range.tip, one.path) ||
        (range.base && repository.HasFolder(*range.base, one.path)))
      continue;
    return Fail(ErrorCode::kInvalidArgument,
                "{}: there is no folder '{}' of service {}, neither now nor before", range.text,
                one.path, one.service);
  }
  return {};
}

}  // namespace

Result<ChangeRisk> LookAtChange(const ChangeQuestion& question) {
  AUSPEX_TRY(const Repository repository, Repository::Open(question.repository));
  AUSPEX_TRY(const change::git::Range range,
             repository.ResolveRange(question.range, question.service));
  if (range.commits > kLargestRange)
    return Fail(ErrorCode::kInvalidArgument,
                "{}: {} commits are no deployment; name a range of at most {}", range.text,
                range.commits, kLargestRange);
  AUSPEX_TRY(CheckFolders(repository, range, question));
  ChangeRisk risk;
  risk.chosen = range.chosen;
  risk.facts.range = range.text;
  risk.facts.head = range.tip.text();
  RepositoryModel learned{nullptr, "there is no past to learn from"};
  if (range.base) {
    AUSPEX_TRY(learned, LearnRepository(repository, *range.base, question.services, question.cache,
                                        question.progress));
  }
  AUSPEX_TRY(const std::string undone, Undone(repository, range));
  risk.facts.model = undone.empty() ? learned.says : fmt::format("{}; {}", undone, learned.says);
  AUSPEX_TRY(Reading reading, Reading::Of(repository, range, question));
  AUSPEX_TRY(DeploymentRow row, reading.Fold([](std::size_t, const FileChange&) { return true; }));
  AUSPEX_TRY(reading.contents().AddTo(row.net, &row.features));
  AUSPEX_TRY(const change::DependencyDelta dependencies, DependenciesOf(row.net, &reading));
  risk.facts.commits = reading.commits().size();
  risk.facts.authors = AuthorsOf(reading.commits());
  Known& known = risk.facts.known;
  Describe(row, dependencies, &known);
  known["hour_of_week"] = HourOfWeek(question);
  risk.notes = NotesOf(repository, dependencies);
  risk.notes.insert(risk.notes.end(), learned.notes.begin(), learned.notes.end());
  risk.shallow = repository.facts().shallow;
  if (learned.model != nullptr) AUSPEX_TRY(Judge(*learned.model, row, &reading, &risk));
  return risk;
}

}  // namespace auspex::risk
