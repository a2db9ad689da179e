// szz REPOSITORY [--cache FOLDER] [--workers N] [--pairs] [--oracle PHRASE]
//
// Finds the fixes of a repository, traces them, and prints what it cost. --pairs: each fix with
// whom it blames. --oracle: fixes whose message names the commit that they mend (the rules of
// fixes.h, and PHRASE, as "Follow-up to") are traced as if it did not, and how far tracing finds
// the same commit is counted: what developers wrote is the truth here (Rosa et al., "Evaluating SZZ
// implementations through a developer-informed oracle", ICSE 2021).
// Not part of `make bench`: its figures depend on the repository. docs/labels.md has some.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "auspex/change/git/blame.h"
#include "auspex/change/git/repository.h"
#include "auspex/change/labels.h"

namespace {

using namespace auspex;          // NOLINT(google-build-using-namespace): a program of one file
using namespace auspex::change;  // NOLINT(google-build-using-namespace)

struct Options {
  std::string repository;
  git::TraceOptions trace;
  bool pairs = false;
  bool oracle = false;
  std::string phrase;
};

double CpuSeconds() {
  double seconds = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    for (const auto& time : {usage.ru_utime, usage.ru_stime}) {
      seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    }
  }
  return seconds;
}

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Known {
  std::string subject;
  std::int64_t at_s = 0;
  std::int64_t lines = 0;
};

// Precision and recall over all pairs, for three ways to choose among whom tracing blames.
struct Tally {
  std::size_t fixes = 0, blamed = 0, right = 0, named = 0, hit = 0;
  void Count(const std::vector<CommitId>& chosen, const std::vector<CommitId>& truth) {
    ++fixes;
    blamed += chosen.size();
    named += truth.size();
    std::size_t found = 0;
    for (const auto& id : chosen)
      found += static_cast<std::size_t>(std::count(truth.begin(), truth.end(), id));
    right += found;
    hit += found > 0 ? 1U : 0U;
  }
  void Print(std::string_view name) const {
    fmt::print("{:<22} fixes {:5}  blamed {:5}  precision {:.3f}  recall {:.3f}\n", name, fixes,
               blamed, blamed == 0 ? 0.0 : static_cast<double>(right) / static_cast<double>(blamed),
               named == 0 ? 0.0 : static_cast<double>(right) / static_cast<double>(named));
  }
};

std::string NamedBehind(std::string_view message, std::string_view phrase) {
  const auto at = phrase.empty() ? std::string_view::npos : message.find(phrase);
  if (at == std::string_view::npos) return {};
  auto rest = message.substr(at + phrase.size());
  rest = rest.substr(std::min(rest.find_first_not_of(" :"), rest.size()));
  const auto end = std::min(rest.find_first_not_of("0123456789abcdef"), rest.size());
  return end >= 7 && end <= 40 ? std::string(rest.substr(0, end)) : std::string();
}

int Fail(const Error& error) {
  fmt::print(stderr, "szz: {}\n", error.message);
  return 3;
}

int Run(Options options) {
  auto repository = git::Repository::Open(options.repository);
  if (!repository.ok()) return Fail(repository.error());
  const auto tip = repository->Resolve("HEAD");
  if (!tip.ok()) return Fail(tip.error());
  auto log = repository->Log({.tip = *tip});
  if (!log.ok()) return Fail(log.error());
  LabelBook book;
  std::unordered_map<CommitId, Known> known;
  std::vector<std::pair<CommitId, std::string>> phrases;
  std::size_t commits = 0;
  for (;;) {
    const auto commit = log->Next();
    if (!commit.ok()) return Fail(commit.error());
    if (!*commit) break;
    ++commits;
    book.Add(**commit);
    auto& entry = known[(*commit)->id];
    entry.subject =
        (*commit)->message.substr(0, std::min((*commit)->message.find('\n'), std::size_t{100}));
    entry.at_s = (*commit)->commit_time_s;
    for (const auto& file : (*commit)->files) entry.lines += file.added + file.deleted;
    if (auto named = NamedBehind((*commit)->message, options.phrase); !named.empty()) {
      phrases.emplace_back((*commit)->id, std::move(named));
    }
  }
  const double log_cpu = CpuSeconds();
  auto fixes = book.Fixes();
  std::size_t by[5] = {};
  std::size_t named = 0;
  for (const auto& fix : fixes) {
    ++by[static_cast<std::size_t>(fix.evidence)];
    named += fix.traced() ? 0U : 1U;
  }
  fmt::print(
      "{} commits, {} fixes: {} by words, {} by issue, {} that name an origin, {} reverts; {} "
      "resolved by name\n",
      commits, fixes.size(), by[1], by[2], by[3], by[4], named);
  std::unordered_map<CommitId, std::string> phrase_of(phrases.begin(), phrases.end());
  std::vector<Fix> traced;
  for (const auto& fix : fixes) {
    if (!options.oracle ? fix.traced()
                        : fix.evidence != FixEvidence::kRevert &&
                              (!fix.traced() || phrase_of.contains(fix.id))) {
      traced.push_back(fix);
    }
  }
  const double start = WallSeconds();
  options.trace.pass_through = book.Mechanical();
  git::Tracer tracer(*repository, options.trace);
  const auto answers = tracer.Trace(traced);
  if (!answers.ok()) return Fail(answers.error());
  const auto& report = tracer.report();
  fmt::print(
      "{} fixes traced in {:.1f} s, {:.1f} s of CPU (log: {:.1f}); {} from the cache, {} with "
      "nothing to trace, "
      "{} files blamed, {} failed{}{}\n",
      report.fixes, WallSeconds() - start, CpuSeconds() - log_cpu, log_cpu, report.from_cache,
      report.nothing, report.files, report.files_failed, report.files_failed > 0 ? ": " : "",
      report.first_failure);
  for (const auto& [fix, blames] : *answers) {
    const auto origin = book.AddBlame(fix, blames);
    if (!options.pairs || !origin) continue;
    fmt::print("PAIR\t{}\t{}\t{}\t{}\t{}\n", fix.id.text().substr(0, 10),
               origin->text().substr(0, 10), (fix.at_s - known[*origin].at_s) / 86'400,
               known[fix.id].subject, known[*origin].subject);
  }
  if (!options.oracle) {
    for (const auto& fix : fixes) {
      if (!fix.traced()) book.AddNamed(fix);
    }
  }
  fmt::print("{} commits blamed ({:.1f} %); wait {} days\n", book.bugs(),
             100.0 * static_cast<double>(book.bugs()) / static_cast<double>(commits),
             book.wait_s() / 86'400);
  if (options.oracle) {
    Tally all;
    Tally latest;
    Tally most;
    Tally found_all;
    std::vector<std::string> ids;
    for (const auto& [id, entry] : known) ids.push_back(id.text());
    std::sort(ids.begin(), ids.end());
    for (const auto& [fix, blames] : *answers) {
      auto truth = fix.named;
      if (const auto phrase = phrase_of.find(fix.id); phrase != phrase_of.end()) {
        const auto at = std::lower_bound(ids.begin(), ids.end(), phrase->second);
        if (at != ids.end() && at->starts_with(phrase->second))
          truth.push_back(*CommitId::FromHex(*at));
      }
      if (truth.empty()) continue;
      std::vector<CommitId> candidates;
      const Blame* newest = nullptr;
      const Blame* largest = nullptr;
      for (const auto& blame : blames) {
        const auto origin = known.find(blame.origin);
        if (origin == known.end()) continue;
        candidates.push_back(blame.origin);
        if (newest == nullptr || origin->second.at_s > known[newest->origin].at_s) newest = &blame;
        if (largest == nullptr || blame.lines > largest->lines) largest = &blame;
      }
      all.Count(candidates, truth);
      if (!candidates.empty()) found_all.Count(candidates, truth);
      latest.Count(newest == nullptr ? std::vector<CommitId>() : std::vector{newest->origin},
                   truth);
      most.Count(largest == nullptr ? std::vector<CommitId>() : std::vector{largest->origin},
                 truth);
    }
    all.Print("all that are blamed");
    found_all.Print("... where any is");
    latest.Print("the latest");
    most.Print("most lines");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::string next = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--cache")
      options.trace.cache_folder = next, ++i;
    else if (word == "--workers")
      options.trace.workers = std::stoul(next), ++i;
    else if (word == "--pairs")
      options.pairs = true;
    else if (word == "--oracle")
      options.oracle = true, options.phrase = next, ++i;
    else
      options.repository = word;
  }
  if (options.repository.empty()) {
    fmt::print(
        stderr,
        "usage: szz REPOSITORY [--cache FOLDER] [--workers N] [--pairs] [--oracle PHRASE]\n");
    return 2;
  }
  return Run(std::move(options));
}
