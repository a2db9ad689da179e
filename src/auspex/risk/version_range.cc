#include "auspex/risk/version_range.h"

#include <fmt/format.h>

#include <string_view>

#include "auspex/base/ids.h"
#include "auspex/base/printable.h"

namespace auspex::risk {
namespace {

using change::git::Repository;

constexpr std::size_t kFewestDigits = 7;  // of a commit's id
constexpr std::string_view kTags = "refs/tags/";

bool IsCommit(const std::string& version, const Repository& repository) {
  if (version.size() < kFewestDigits ||
      version.find_first_not_of("0123456789abcdef") != std::string::npos)
    return false;
  const auto commit = repository.Resolve(version);
  return commit.ok() && commit->text().starts_with(version);
}

}  // namespace

Result<std::string> RevisionOf(const Repository& repository, const std::string& service,
                               const std::string& version, const std::atomic<bool>* stop) {
  AUSPEX_TRY(CheckName("version", version));  // nothing that git takes for more than a name
  // As people tag releases: of a service of several first.
  for (const std::string& name :
       {fmt::format("{}/{}", service, version), fmt::format("{}/v{}", service, version),
        fmt::format("{}-{}", service, version), fmt::format("{}-v{}", service, version),
        fmt::format("{}@{}", service, version), version, fmt::format("v{}", version)}) {
    if (stop != nullptr && *stop) return Fail(ErrorCode::kUnavailable, "the daemon ends");
    std::string tag = fmt::format("{}{}", kTags, name);
    if (repository.Resolve(tag).ok()) return tag;
  }
  if (IsCommit(version, repository)) return version;
  return Fail(ErrorCode::kNotFound, "{} has no tag or commit of version {}", repository.path(),
              version);
}

Result<std::string> RangeOf(const Repository& repository, const VersionQuestion& question) {
  AUSPEX_TRY(const std::string newer,
             RevisionOf(repository, question.service, question.newer, question.stop));
  AUSPEX_TRY(const std::string older,
             RevisionOf(repository, question.service, question.older, question.stop));
  AUSPEX_TRY(const change::CommitId newer_id, repository.Resolve(newer));
  AUSPEX_TRY(const change::CommitId older_id, repository.Resolve(older));
  AUSPEX_TRY(const bool back, repository.IsAncestor(newer_id, older_id));
  if (back && newer_id != older_id) {
    AUSPEX_TRY(const std::int64_t commits,
               repository.CountCommits({.tip = older_id, .known = {newer_id}}));
    return Fail(ErrorCode::kConflict, "from {} to {}: {} commits are taken out again", older, newer,
                commits);
  }
  return fmt::format("{}..{}", older, newer);
}

std::string AsPeopleSay(std::string range) {
  for (std::size_t at = range.find(kTags); at != std::string::npos; at = range.find(kTags, at))
    range.erase(at, kTags.size());
  return range;
}

ChangeFacts FactsWithout(const Error& why) {
  const std::string text = AsPeopleSay(why.message);
  ChangeFacts facts;
  switch (why.code) {
    case ErrorCode::kNoData:
      facts.model = fmt::format("nothing changes: {}", text);
      break;
    case ErrorCode::kConflict:
      facts.model = fmt::format("it goes back: {}, which is not looked at", text);
      break;
    default:
      facts.model = fmt::format("what it changes is not known: {}", text);
  }
  facts.model = Printable(facts.model, kMostText);
  return facts;
}

}  // namespace auspex::risk
