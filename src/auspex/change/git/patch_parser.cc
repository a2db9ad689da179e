#include "auspex/change/git/patch_parser.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace auspex::change::git {
namespace {

// "12" or "12,3" off the front; a count that is not written is 1.
bool TakeSpan(std::string_view* text, std::int64_t* first, std::int64_t* count) {
  const auto* const end = text->data() + text->size();
  auto [at, error] = std::from_chars(text->data(), end, *first);
  if (error != std::errc() || *first < 0) return false;
  *count = 1;
  if (at != end && *at == ',') {
    const auto counted = std::from_chars(at + 1, end, *count);
    if (counted.ec != std::errc() || *count < 0) return false;
    at = counted.ptr;
  }
  text->remove_prefix(static_cast<std::size_t>(at - text->data()));
  return true;
}

// The path of "--- a/PATH"; empty for /dev/null. A tab ends a path that holds a space.
std::string PathOf(std::string_view text) {
  if (text.ends_with('\t')) text.remove_suffix(1);
  if (text == "/dev/null") return {};
  auto path = UnquotePath(text);
  return path.size() > 2 ? path.substr(2) : std::string();
}

}  // namespace

std::string UnquotePath(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  text = text.substr(1, text.size() - 2);
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      path += text[i];
      continue;
    }
    const char c = text[++i];
    constexpr std::string_view kNames = "abtnvfr";
    constexpr std::string_view kBytes = "\a\b\t\n\v\f\r";
    if (const auto name = kNames.find(c); name != std::string_view::npos) {
      path += kBytes[name];
    } else if (c >= '0' && c <= '3' && i + 2 < text.size()) {
      const auto digit = [&](std::size_t at) { return static_cast<unsigned>(text[at] - '0') & 7U; };
      path += static_cast<char>(digit(i) << 6U | digit(i + 1) << 3U | digit(i + 2));
      i += 2;
    } else {
      path += c;
    }
  }
  return path;
}

Status PatchParser::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = std::min(bytes.find('\n'), bytes.size());
    // One byte beyond what is kept of a line: the sign in front of it.
    const auto room = kLineBytesMost + 1 - std::min(partial_.size(), kLineBytesMost + 1);
    // Headers are as long as paths are.
    const bool in_hunk = removed_left_ > 0 || added_left_ > 0;
    constexpr std::size_t kHeaderBytesMost = 65'536;
    const auto take =
        in_hunk ? std::min(end, room)
                : std::min(end, kHeaderBytesMost - std::min(partial_.size(), kHeaderBytesMost));
    partial_.append(bytes.substr(0, take));
    if (end == bytes.size()) return {};
    bytes.remove_prefix(end + 1);
    ++line_;
    const std::string line = std::exchange(partial_, {});
    AUSPEX_TRY(Take(line));
  }
  return {};
}

Status PatchParser::Take(std::string_view line) {
  if (removed_left_ > 0 || added_left_ > 0) return TakeHunkLine(line);
  if (line.starts_with("@@ ")) return TakeHunkHeader(line);
  const bool is_id = line.size() == 40 || line.size() == 64;
  if (const auto id = is_id ? CommitId::FromHex(line) : Result<CommitId>(CommitId());
      is_id && id.ok()) {
    if (commit_) ready_.push_back(*std::move(commit_));
    commit_ = CommitPatch{*id, {}, false};
    kept_ = 0;
    return {};
  }
  if (!commit_) return Refuse("lines before any commit");
  TakeHeader(line);
  return {};
}

void PatchParser::TakeHeader(std::string_view line) {
  if (line.starts_with("diff --git ")) {
    commit_->files.emplace_back();
  } else if (!commit_->files.empty()) {
    auto& file = commit_->files.back();
    if (line.starts_with("--- ")) file.old_path = PathOf(line.substr(4));
    if (line.starts_with("+++ ")) file.new_path = PathOf(line.substr(4));
  }
}

Status PatchParser::TakeHunkHeader(std::string_view line) {
  if (!commit_ || commit_->files.empty()) return Refuse("a hunk of no file");
  std::int64_t old_line = 0;
  std::int64_t new_line = 0;
  auto rest = line.substr(3);
  const auto sign = [&rest](char expected) {
    if (!rest.starts_with(expected)) return false;
    rest.remove_prefix(1);
    return true;
  };
  if (!sign('-') || !TakeSpan(&rest, &old_line, &removed_left_) || !sign(' ') || !sign('+') ||
      !TakeSpan(&rest, &new_line, &added_left_)) {
    return Refuse("a hunk that does not read '@@ -A,B +C,D @@'");
  }
  if (!commit_->cut) commit_->files.back().hunks.push_back({old_line, {}, {}});
  return {};
}

Status PatchParser::TakeHunkLine(std::string_view line) {
  const bool removed = line.starts_with('-');
  if (line.starts_with('\\')) return {};  // "\ No newline at end of file"
  if (!removed && !line.starts_with('+')) return Refuse("a line that is neither removed nor added");
  auto& left = removed ? removed_left_ : added_left_;
  if (left == 0) return Refuse("more lines than the hunk's header says");
  --left;
  if (++kept_ > kLinesMost && !commit_->cut) {
    commit_->cut = true;
    commit_->files.clear();
    commit_->files.emplace_back();
  }
  if (commit_->cut) return {};
  auto& hunk = commit_->files.back().hunks.back();
  (removed ? hunk.removed : hunk.added).emplace_back(line.substr(1));
  return {};
}

Status PatchParser::Finish() {
  if (removed_left_ > 0 || added_left_ > 0 || !partial_.empty()) return Refuse("it ends too early");
  if (commit_) ready_.push_back(*std::exchange(commit_, std::nullopt));
  return {};
}

std::optional<CommitPatch> PatchParser::Next() {
  if (ready_.empty()) return std::nullopt;
  auto patch = std::move(ready_.front());
  ready_.pop_front();
  if (patch.cut) patch.files.clear();
  return patch;
}

Failure PatchParser::Refuse(std::string_view what) const {
  return Fail(ErrorCode::kInvalidArgument, "git diff-tree, line {}: {}", line_, what);
}

}  // namespace auspex::change::git
