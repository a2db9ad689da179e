#include "auspex/change/labels.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>

#include "auspex/change/szz.h"

namespace auspex::change {
namespace {

// A revert that quotes a subject means a commit of the last weeks, even in a large repository.
constexpr std::size_t kMostSubjectsBack = 20'000;

std::uint64_t HashOf(std::string_view subject) {
  return std::hash<std::string_view>{}(subject) | 1U;  // 0 is none
}

bool IsMechanical(const Commit& commit) {
  std::int64_t files = 0;
  std::int64_t lines = 0;
  for (const auto& file : commit.files) {
    if (file.binary || file.submodule()) continue;
    if (file.added != file.deleted) return false;
    files += file.added > 0 ? 1 : 0;
    lines += file.added;
  }
  return files >= kMechanicalFiles && lines >= kMechanicalLines && commit.files_omitted == 0;
}

}  // namespace

void LabelBook::Add(const Commit& commit) {
  const std::string_view message = commit.message;
  Entry entry;
  entry.id = commit.id;
  entry.at_s = commit.commit_time_s;
  entry.subject = HashOf(message.substr(0, message.find('\n')));
  for (const auto& file : commit.files) entry.lines += file.added;
  entry.mechanical = IsMechanical(commit);
  entry.files = static_cast<std::int64_t>(commit.files.size()) + commit.files_omitted;
  entries_.push_back(entry);
  by_id_.clear();
  wait_s_.reset();
  if (commit.parents.size() != 1) return;  // a root mends nothing
  const auto said = ReadFixMessage(message);
  if (said.evidence == FixEvidence::kNone) return;
  Candidate candidate{entries_.size() - 1, commit.parents[0], said.evidence, {}, 0};
  const auto& names = said.evidence == FixEvidence::kRevert ? said.reverts : said.origins;
  for (const auto name : names) candidate.names.emplace_back(name);
  if (!said.reverted_subject.empty()) candidate.subject = HashOf(said.reverted_subject);
  candidates_.push_back(std::move(candidate));
}

std::vector<Fix> LabelBook::Fixes() const {
  std::vector<Fix> fixes;
  for (const auto& candidate : candidates_) {
    const auto& entry = entries_[candidate.entry];
    Fix fix{entry.id, candidate.parent, entry.at_s, candidate.evidence, {}};
    for (const auto& name : candidate.names) {
      if (const auto found = FindAbbreviated(name, candidate.entry)) {
        fix.named.push_back(entries_[*found].id);
      }
    }
    if (candidate.subject != 0) {
      if (const auto found = FindSubject(candidate.subject, candidate.entry)) {
        fix.named.push_back(entries_[*found].id);
      }
    }
    // A revert of something that is not here takes back no lines that a bug wrote.
    if (fix.named.empty() && fix.evidence == FixEvidence::kRevert) continue;
    fixes.push_back(std::move(fix));
  }
  return fixes;
}

std::vector<CommitId> LabelBook::Mechanical() const {
  std::vector<CommitId> ids;
  for (const auto& entry : entries_) {
    if (entry.mechanical) ids.push_back(entry.id);
  }
  return ids;
}

std::optional<CommitId> LabelBook::AddBlame(const Fix& fix, const std::vector<Blame>& blames) {
  const auto mending = Find(fix.id);
  if (!mending) return std::nullopt;
  std::optional<std::size_t> latest;
  for (const auto& blame : blames) {
    const auto found = Find(blame.origin);
    if (!found || *found >= *mending) continue;
    const auto& entry = entries_[*found];
    if (entry.at_s > fix.at_s || entry.mechanical) continue;
    if (entry.files > kMostBlamedFiles || entry.lines > kMostBlamedLines) continue;
    if (!latest || *found > *latest) latest = found;
  }
  if (!latest) return std::nullopt;
  Mark(*latest, fix.at_s);
  return entries_[*latest].id;
}

void LabelBook::AddNamed(const Fix& fix) {
  for (const auto& id : fix.named) {
    if (const auto found = Find(id)) Mark(*found, fix.at_s);
  }
}

void LabelBook::Mark(std::size_t entry, std::int64_t at_s) {
  // Clocks of two machines: a fix cannot tell before there is anything to tell of.
  at_s = std::max(at_s, entries_[entry].at_s);
  const auto [first, added] = first_fix_.try_emplace(entry, at_s);
  if (!added) first->second = std::min(first->second, at_s);
  wait_s_.reset();
}

std::int64_t LabelBook::wait_s() const {
  if (wait_s_) return *wait_s_;
  std::vector<std::int64_t> waits;
  for (const auto& [entry, at_s] : first_fix_) {
    if (entry < entries_.size() / 2) waits.push_back(at_s - entries_[entry].at_s);
  }
  std::int64_t wait = kUsualWait;
  if (waits.size() >= kLeastBugs) {
    const auto at =
        static_cast<std::ptrdiff_t>(kWaitQuantile * static_cast<double>(waits.size() - 1));
    std::nth_element(waits.begin(), waits.begin() + at, waits.end());
    wait = std::clamp(waits[static_cast<std::size_t>(at)], kLeastWait, kMostWait);
  }
  wait_s_ = wait;
  return wait;
}

std::optional<Label> LabelBook::LabelOf(const CommitId& id) const {
  const auto found = Find(id);
  if (!found) return std::nullopt;
  const auto fix = first_fix_.find(*found);
  if (fix != first_fix_.end()) return Label{true, fix->second};
  return Label{false, entries_[*found].at_s + wait_s()};
}

void LabelBook::SortIds() const {
  by_id_.resize(entries_.size());
  for (std::size_t i = 0; i < by_id_.size(); ++i) by_id_[i] = i;
  std::sort(by_id_.begin(), by_id_.end(),
            [this](std::size_t a, std::size_t b) { return entries_[a].id < entries_[b].id; });
}

std::optional<std::size_t> LabelBook::Find(const CommitId& id) const {
  if (by_id_.size() != entries_.size()) SortIds();
  const auto at =
      std::lower_bound(by_id_.begin(), by_id_.end(), id,
                       [this](std::size_t a, const CommitId& b) { return entries_[a].id < b; });
  if (at == by_id_.end() || entries_[*at].id != id) return std::nullopt;
  return *at;
}

std::optional<std::size_t> LabelBook::FindAbbreviated(const std::string& hex,
                                                      std::size_t before) const {
  if (by_id_.size() != entries_.size()) SortIds();
  const std::size_t digits = entries_.front().id.text().size();
  if (hex.size() > digits) return std::nullopt;
  const auto least = CommitId::FromHex(hex + std::string(digits - hex.size(), '0'));
  const auto most = CommitId::FromHex(hex + std::string(digits - hex.size(), 'f'));
  if (!least.ok() || !most.ok()) return std::nullopt;
  const auto from =
      std::lower_bound(by_id_.begin(), by_id_.end(), *least,
                       [this](std::size_t a, const CommitId& b) { return entries_[a].id < b; });
  std::optional<std::size_t> found;
  for (auto at = from; at != by_id_.end() && entries_[*at].id <= *most; ++at) {
    if (*at >= before) continue;
    if (found) return std::nullopt;  // two that begin so
    found = *at;
  }
  return found;
}

std::optional<std::size_t> LabelBook::FindSubject(std::uint64_t subject, std::size_t before) const {
  const auto stop = before > kMostSubjectsBack ? before - kMostSubjectsBack : 0;
  for (auto i = before; i > stop; --i) {
    if (entries_[i - 1].subject == subject) return i - 1;
  }
  return std::nullopt;
}

}  // namespace auspex::change
