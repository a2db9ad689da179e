#include "auspex/change/git/mine_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/sha256.h"

namespace auspex::change::git {
namespace {

// What the maintainers let blame ignore; none where there is no such file. A line is an id, a
// comment behind it or alone.
std::vector<CommitId> IgnoredByMaintainers(const Repository& repository, const CommitId& tip) {
  std::vector<CommitId> ids;
  const auto file = repository.Ask({"cat-file", "blob", tip.text() + ":.git-blame-ignore-revs"});
  if (!file.ok()) return ids;
  std::string_view text = *file;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find_first_of(" \t#\r"));
    // One of another kind of object would make git refuse the whole list.
    if (line.size() != (repository.facts().sha256 ? 64U : 40U)) continue;
    if (const auto id = CommitId::FromHex(line); id.ok()) ids.push_back(*id);
  }
  return ids;
}

}  // namespace

std::string LabelCacheFolder(const Repository& repository, const std::string& folder) {
  if (folder.empty() || repository.facts().shallow) return {};
  const std::string key = ToHex(HashSha256(repository.facts().git_dir));
  return fmt::format("{}/labels/{}", folder, key.substr(0, 32));
}

Result<TraceReport> MineLabels(const Repository& repository, const CommitId& tip,
                               TraceOptions options, LabelBook* book) {
  options.pass_through = book->Mechanical();
  const auto ignored = IgnoredByMaintainers(repository, tip);
  options.pass_through.insert(options.pass_through.end(), ignored.begin(), ignored.end());
  std::vector<Fix> traced;
  for (auto& fix : book->Fixes()) {
    if (fix.traced()) {
      traced.push_back(std::move(fix));
    } else {
      book->AddNamed(fix);
    }
  }
  Tracer tracer(repository, std::move(options));
  AUSPEX_TRY(const auto answers, tracer.Trace(traced));
  for (const auto& answer : answers) book->AddBlame(answer.fix, answer.blames);
  return tracer.report();
}

}  // namespace auspex::change::git
