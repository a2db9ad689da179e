#include "auspex/risk/change_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "auspex/base/printable.h"
#include "auspex/base/subprocess.h"
#include "auspex/change/git/repository.h"
#include "auspex/risk/version_range.h"

namespace auspex::risk {
namespace {

using change::git::Repository;

constexpr std::size_t kLastDeployments = 200;  // among which one that was promoted is looked for
constexpr std::int64_t kAnswerBytes = std::int64_t{16} << 20;
// An hour of its progress and what it says at the end.
constexpr std::size_t kErrorBytes = std::size_t{1} << 20;
constexpr int kNice = 10;          // decisions come first
constexpr int kOomScoreAdj = 800;  // and so they do where memory runs out
// `auspex risk` answers so where nothing lies in a range (exit codes: docs/configuration.md).
constexpr int kNothingThere = 4;

// What it said last of itself; before that stands its progress.
std::string LastWords(const SubprocessOutput& answer) {
  constexpr std::string_view kName = "auspex risk: ";
  if (answer.end.signal != 0)
    return fmt::format("the process that read it was ended by {}", ToText(answer.end));
  const std::size_t begin = answer.errors.rfind(kName);
  if (begin == std::string::npos) return ToText(answer.end);
  const std::size_t from = begin + kName.size();
  return answer.errors.substr(from, answer.errors.find('\n', from) - from);
}

ChangeFacts NotKnown(const std::string& why) {
  return FactsWithout({ErrorCode::kUnavailable, why});
}

std::string TextIn(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

ChangeSource::ChangeSource(Dependencies dependencies, std::vector<CodeSource> sources)
    : deps_(std::move(dependencies)), sources_(std::move(sources)) {
  {
    const MutexLock lock(mutex_);
    ReadAhead();
  }
  thread_ = std::thread([this] { Run(); });
}

ChangeSource::~ChangeSource() {
  Stop();
  thread_.join();
}

void ChangeSource::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  ready_.notify_all();
}

void ChangeSource::ReadAhead() {
  std::set<std::string> repositories;
  ahead_.clear();
  for (const CodeSource& source : sources_) {
    if (repositories.insert(source.repository).second)
      ahead_.push_back(std::make_shared<Job>(
          Job{.source = source,
              .ask = {.service = source.service, .version = {}, .baseline_version = {}}}));
  }
}

ChangeFacts ChangeSource::Look(const Ask& ask, Duration patience) {
  const auto source = std::find_if(sources_.begin(), sources_.end(), [&](const CodeSource& one) {
    return one.service == ask.service;
  });
  if (source == sources_.end()) return {};
  if (ask.version.empty()) return NotKnown("no version is named");
  MutexLock lock(mutex_);
  if (waiting_ == kMostWaiting)
    return NotKnown(
        "the clones are being read for other deployments; `deploy --repo` reads one too");
  const auto job = std::make_shared<Job>(Job{.source = *source, .ask = ask});
  asked_.push_back(job);
  wake_.notify_one();
  ++waiting_;
  ready_.wait_for(lock.native(), patience,
                  [&]() AUSPEX_REQUIRES(mutex_) { return job->done || stopping_; });
  --waiting_;
  if (job->done) return job->facts;
  if (asked_.size() > kMostQueued) std::erase(asked_, job);
  return NotKnown(job->begun
                      ? source->repository + " is still being read; the next deployment will know"
                      : std::string("it waits behind other reading of the clones; the next "
                                    "deployment will know"));
}

// Null: the end.
std::shared_ptr<ChangeSource::Job> ChangeSource::Next() {
  MutexLock lock(mutex_);
  while (true) {
    const bool woken =
        wake_.wait_for(lock.native(), kReadAheadEvery, [this]() AUSPEX_REQUIRES(mutex_) {
          return stopping_ || !asked_.empty() || !ahead_.empty();
        });
    if (stopping_) return nullptr;
    if (!woken) ReadAhead();
    auto& jobs = asked_.empty() ? ahead_ : asked_;
    if (jobs.empty()) continue;
    std::shared_ptr<Job> job = jobs.front();
    jobs.pop_front();
    job->begun = true;
    return job;
  }
}

void ChangeSource::Run() {
  while (const std::shared_ptr<Job> job = Next()) {
    ChangeFacts facts = FactsFor(*job);
    const MutexLock lock(mutex_);
    job->facts = std::move(facts);
    job->done = true;
    ready_.notify_all();
  }
}

ChangeFacts ChangeSource::FactsFor(const Job& job) {
  Result<ChangeFacts> facts = Read(job);
  if (facts.ok()) return *std::move(facts);
  const Error& why = facts.error();
  if (why.code != ErrorCode::kNoData && why.code != ErrorCode::kConflict && !stopping_)
    deps_.log->Warn("change_not_known", {{"service", job.source.service},
                                         {"repository", job.source.repository},
                                         {"version", job.ask.version},
                                         {"why", Printable(why.message, kMostText)}});
  return FactsWithout(why);
}

// kNoData: nothing lies in the range.
Result<ChangeFacts> ChangeSource::Read(const Job& job) {
  AUSPEX_TRY(const std::string range, RangeFor(job));
  const MonotonicTime begun = deps_.clock->Now();
  AUSPEX_TRY(const SubprocessOutput answer, RunSubprocess({.argv = CommandFor(job.source, range),
                                                           .env = deps_.env,
                                                           .limit = kLimit,
                                                           .output_bytes_most = kAnswerBytes,
                                                           .error_bytes_kept = kErrorBytes,
                                                           .nice = kNice,
                                                           .oom_score_adj = kOomScoreAdj,
                                                           .stop = &stopping_}));
  if (answer.end == SubprocessEnd{kNothingThere, 0})
    return Fail(ErrorCode::kNoData, "{}", LastWords(answer));
  if (!answer.end.good()) return Fail(ErrorCode::kUnavailable, "{}", LastWords(answer));
  const auto json = nlohmann::json::parse(answer.output, nullptr, false);
  if (!json.is_object() || !json.contains("change"))
    return Fail(ErrorCode::kDataLoss, "{} gave no answer", deps_.program.front());
  deps_.log->Info("repository_read", {{"repository", job.source.repository},
                                      {"range", AsPeopleSay(range)},
                                      {"seconds", Seconds(deps_.clock->Now() - begun)}});
  AUSPEX_TRY(ChangeFacts facts, ChangeFactsFromJson(json["change"].dump()));
  facts.range = AsPeopleSay(std::move(facts.range));
  return facts;
}

// "OLDER..NEWER". To read ahead: the last commit of the version that serves, as the next range
// begins there; where that is not known, what `auspex risk` chooses (empty).
Result<std::string> ChangeSource::RangeFor(const Job& job) const {
  AUSPEX_TRY(const Repository repository, Repository::Open(job.source.repository));
  const std::string& service = job.ask.service;
  const Result<std::string> baseline = BaselineOf(job.ask);
  if (job.ask.version.empty()) {
    if (!baseline.ok()) return std::string();
    const auto serving = RevisionOf(repository, service, *baseline, &stopping_);
    return serving.ok() ? fmt::format("{0}~1..{0}", *serving) : std::string();
  }
  if (!baseline.ok()) {
    // A version that is none is told before what else is not known.
    AUSPEX_TRY(RevisionOf(repository, service, job.ask.version, &stopping_));
    return Failure{baseline.error()};
  }
  return RangeOf(
      repository,
      {.service = service, .older = *baseline, .newer = job.ask.version, .stop = &stopping_});
}

Result<std::string> ChangeSource::BaselineOf(const Ask& ask) const {
  if (!ask.baseline_version.empty()) return ask.baseline_version;
  AUSPEX_TRY(const auto rows,
             deps_.ledger->Deployments(
                 {.service = ask.service, .ended = true, .limit = kLastDeployments}));
  for (const storage::DeploymentRow& row : rows) {
    const auto body = nlohmann::json::parse(row.body, nullptr, false);
    if (!body.is_object() || TextIn(body, "decision") != "promote") continue;
    if (std::string version = TextIn(body, "version"); !version.empty()) return version;
  }
  return Fail(ErrorCode::kNotFound,
              "none of the last deployments of {} was promoted, and this one did not say which "
              "version serves; say it with --baseline-version",
              ask.service);
}

std::vector<std::string> ChangeSource::CommandFor(const CodeSource& source,
                                                  const std::string& range) const {
  std::vector<std::string> command = deps_.program;
  command.emplace_back("--json");
  bool lies_apart = false;
  for (const CodeSource& one : sources_) {
    if (one.repository != source.repository || one.path.empty()) continue;
    command.emplace_back("--path");
    command.push_back(fmt::format("{}={}", one.service, one.path));
    lies_apart = lies_apart || one.service == source.service;
  }
  if (lies_apart) {
    command.emplace_back("--service");
    command.push_back(source.service);
  }
  command.emplace_back("--");
  command.push_back(source.repository);
  if (!range.empty()) command.push_back(range);
  return command;
}

}  // namespace auspex::risk
