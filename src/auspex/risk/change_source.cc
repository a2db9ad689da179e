#include "auspex/risk/change_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "auspex/base/subprocess.h"
#include "auspex/change/git/repository.h"

namespace auspex::risk {
namespace {

using change::git::Repository;

constexpr std::size_t kLastDeployments = 50;  // among which one that was promoted is looked for
constexpr std::int64_t kAnswerBytes = std::int64_t{16} << 20;
constexpr int kNice = 10;  // decisions come first

// As people tag releases: of a service of several first.
Result<std::string> RevisionOf(const Repository& repository, const std::string& service,
                               const std::string& version) {
  for (const std::string& name :
       {service + "/" + version, service + "/v" + version, service + "-" + version,
        service + "-v" + version, service + "@" + version, version, "v" + version}) {
    if (repository.Resolve(name).ok()) return name;
  }
  return Fail(ErrorCode::kNotFound, "{} has no tag or commit of version {}", repository.path(),
              version);
}

// Only the first line of what a program said of its failure.
std::string FirstLine(std::string_view text) {
  return std::string(text.substr(0, std::min(text.find('\n'), kMostText / 2)));
}

ChangeFacts NotKnown(std::string_view why) {
  ChangeFacts facts;
  facts.model = fmt::format("what it changes is not known: {}", why);
  return facts;
}

}  // namespace

ChangeSource::ChangeSource(Dependencies dependencies, std::vector<CodeSource> sources)
    : deps_(std::move(dependencies)), sources_(std::move(sources)) {
  std::set<std::string> repositories;
  {
    const MutexLock lock(mutex_);
    for (const CodeSource& source : sources_) {
      if (repositories.insert(source.repository).second)
        jobs_.push_back(std::make_shared<Job>(Job{.source = source, .ask = {}}));
    }
  }
  thread_ = std::thread([this] { Run(); });
}

ChangeSource::~ChangeSource() {
  stopping_ = true;
  {
    const MutexLock lock(mutex_);
    jobs_.clear();
  }
  wake_.notify_all();
  ready_.notify_all();
  thread_.join();
}

ChangeFacts ChangeSource::Look(const Ask& ask, Duration patience) {
  const auto source = std::find_if(sources_.begin(), sources_.end(), [&](const CodeSource& one) {
    return one.service == ask.service;
  });
  if (source == sources_.end()) return {};
  MutexLock lock(mutex_);
  if (waiting_ == kMostWaiting)
    return NotKnown(
        "the clones are being read for other deployments; `deploy --repo` reads one too");
  const auto job = std::make_shared<Job>(Job{.source = *source, .ask = ask});
  jobs_.push_back(job);
  wake_.notify_one();
  ++waiting_;
  ready_.wait_for(lock.native(), patience,
                  [&]() AUSPEX_REQUIRES(mutex_) { return job->done || stopping_; });
  --waiting_;
  if (job->done) return job->facts;
  std::erase(jobs_, job);  // where it has not begun
  return NotKnown(
      fmt::format("{} is still being read; the next deployment will know", source->repository));
}

void ChangeSource::Run() {
  while (true) {
    std::shared_ptr<Job> job;
    {
      MutexLock lock(mutex_);
      wake_.wait(lock.native(),
                 [this]() AUSPEX_REQUIRES(mutex_) { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = jobs_.front();
      jobs_.pop_front();
    }
    Result<ChangeFacts> facts = Read(*job);
    if (stopping_) return;
    if (!facts.ok())
      deps_.log->Warn("change_not_known", {{"service", job->source.service},
                                           {"repository", job->source.repository},
                                           {"version", job->ask.version},
                                           {"why", facts.error().message}});
    const MutexLock lock(mutex_);
    job->facts = facts.ok() ? *std::move(facts) : NotKnown(facts.error().message);
    job->done = true;
    ready_.notify_all();
  }
}

Result<ChangeFacts> ChangeSource::Read(const Job& job) {
  const bool for_later = job.ask.version.empty();
  std::string range;
  if (!for_later) {
    AUSPEX_TRY(range, RangeOf(job));
  }
  const MonotonicTime begun = deps_.clock->Now();
  AUSPEX_TRY(const SubprocessOutput answer, RunSubprocess({.argv = CommandFor(job.source, range),
                                                           .env = deps_.env,
                                                           .limit = kLimit,
                                                           .output_bytes_most = kAnswerBytes,
                                                           .nice = kNice,
                                                           .stop = &stopping_}));
  if (!answer.end.good())
    return Fail(ErrorCode::kUnavailable, "{}",
                FirstLine(answer.errors.empty() ? ToText(answer.end) : answer.errors));
  if (for_later) {
    deps_.log->Info("repository_read", {{"repository", job.source.repository},
                                        {"seconds", Seconds(deps_.clock->Now() - begun)}});
    return ChangeFacts();
  }
  const auto json = nlohmann::json::parse(answer.output, nullptr, false);
  if (!json.is_object() || !json.contains("change"))
    return Fail(ErrorCode::kDataLoss, "{} gave no answer", deps_.program.front());
  return ChangeFactsFromJson(json["change"].dump());
}

Result<std::string> ChangeSource::RangeOf(const Job& job) const {
  AUSPEX_TRY(const Repository repository, Repository::Open(job.source.repository));
  const std::string& service = job.ask.service;
  AUSPEX_TRY(const std::string newer, RevisionOf(repository, service, job.ask.version));
  AUSPEX_TRY(const std::string baseline, BaselineOf(job.ask));
  AUSPEX_TRY(const std::string older, RevisionOf(repository, service, baseline));
  return fmt::format("{}..{}", older, newer);
}

Result<std::string> ChangeSource::BaselineOf(const Ask& ask) const {
  if (!ask.baseline_version.empty()) return ask.baseline_version;
  AUSPEX_TRY(const auto rows,
             deps_.ledger->Deployments(
                 {.service = ask.service, .ended = true, .limit = kLastDeployments}));
  for (const storage::DeploymentRow& row : rows) {
    const auto body = nlohmann::json::parse(row.body, nullptr, false);
    if (body.is_object() && body.value("decision", "") == "promote" &&
        body.value("version", "") != "")
      return body["version"].get<std::string>();
  }
  return Fail(ErrorCode::kNotFound,
              "no deployment of {} was promoted yet, and none said which version serves; say it "
              "with --baseline-version",
              ask.service);
}

std::vector<std::string> ChangeSource::CommandFor(const CodeSource& source,
                                                  const std::string& range) const {
  std::vector<std::string> command = deps_.program;
  command.emplace_back("--json");
  for (const CodeSource& one : sources_) {
    if (one.repository != source.repository || one.path.empty()) continue;
    command.emplace_back("--path");
    command.push_back(fmt::format("{}={}", one.service, one.path));
  }
  if (!source.path.empty() && !range.empty()) {
    command.emplace_back("--service");
    command.push_back(source.service);
  }
  command.emplace_back("--");
  command.push_back(source.repository);
  if (!range.empty()) command.push_back(range);
  return command;
}

}  // namespace auspex::risk
