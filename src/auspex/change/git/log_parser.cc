#include "auspex/change/git/log_parser.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace auspex::change::git {
namespace {

enum Field : std::size_t { kHash, kParents, kName, kEmail, kAuthorDate, kCommitDate, kMessage };

std::optional<std::int64_t> Integer(std::string_view text, int base = 10) {
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Cuts `text` at the first `separator`; the whole where there is none.
std::string_view Cut(std::string_view* text, char separator) {
  const std::size_t at = std::min(text->find(separator), text->size());
  const std::string_view first = text->substr(0, at);
  text->remove_prefix(std::min(at + 1, text->size()));
  return first;
}

struct Moment {
  std::int64_t at_s = 0;
  int zone_min = 0;
};

// "1465982009 +0200". Git prints nothing for a line it cannot read: then it is 1970.
Moment ReadMoment(std::string_view text) {
  Moment moment;
  moment.at_s = Integer(Cut(&text, ' ')).value_or(0);
  if (text.size() != 5) return moment;
  const std::int64_t zone = Integer(text.substr(1)).value_or(0);
  const std::int64_t minutes = zone / 100 * 60 + zone % 100;
  // No zone is further than a day; what is beyond was made up.
  if (minutes <= 24 * 60) moment.zone_min = static_cast<int>(text[0] == '-' ? -minutes : minutes);
  return moment;
}

std::optional<FileStatus> ReadStatus(std::string_view text) {
  if (text.empty()) return std::nullopt;
  switch (text[0]) {
    case 'A':
      return FileStatus::kAdded;
    case 'M':
      return FileStatus::kModified;
    case 'D':
      return FileStatus::kDeleted;
    case 'R':
      return FileStatus::kRenamed;
    case 'T':
      return FileStatus::kTypeChanged;
    default:  // copies are not asked for, and no commit has unmerged files
      return std::nullopt;
  }
}

}  // namespace

Failure LogParser::Refuse(std::string_view what) const {
  return Fail(ErrorCode::kInvalidArgument, "git's log at byte {}: {}", taken_, what);
}

Status LogParser::Feed(std::string_view bytes) {
  if (failed_) return Failure{*failed_};
  while (!bytes.empty()) {
    const std::size_t nul = bytes.find('\0');
    const std::string_view piece = bytes.substr(0, nul);
    Status taken;
    if (nul != std::string_view::npos && partial_.empty() && piece.size() <= kTokenBytesMost) {
      taken = Take(piece);
    } else {
      const std::size_t room = kTokenBytesMost - partial_.size();
      overlong_ = overlong_ || piece.size() > room;
      partial_.append(piece.substr(0, room));
      if (nul == std::string_view::npos) return {};
      taken = Take(partial_);
      partial_.clear();
      overlong_ = false;
    }
    if (!taken.ok()) {
      failed_ = taken.error();
      return taken;
    }
    taken_ += static_cast<std::int64_t>(piece.size()) + 1;
    bytes.remove_prefix(nul + 1);
  }
  return {};
}

Status LogParser::Finish() {
  if (failed_) return Failure{*failed_};
  if (!partial_.empty() || wants_ != Wants::kBetween) return Refuse("it ends within a commit");
  if (commit_ && raw_ != stats_) return Refuse("it ends before the lines of each file");
  CompleteCommit();
  return {};
}

std::optional<Commit> LogParser::Next() {
  if (ready_.empty()) return std::nullopt;
  Commit next = std::move(ready_.front());
  ready_.pop_front();
  return next;
}

void LogParser::CompleteCommit() {
  if (commit_) ready_.push_back(*std::exchange(commit_, std::nullopt));
  raw_ = stats_ = 0;
}

Status LogParser::Take(std::string_view token) {
  const bool path = wants_ != Wants::kBetween && wants_ != Wants::kHeader;
  if (path && overlong_) return Refuse("a path of more than 64 KiB");
  switch (wants_) {
    case Wants::kBetween:
      return TakeBetween(token);
    case Wants::kHeader:
      return TakeHeader(token);
    case Wants::kRawPath:
      if (file_.status == FileStatus::kRenamed) {
        file_.old_path = token;
        wants_ = Wants::kRawNewPath;
        return {};
      }
      [[fallthrough]];
    case Wants::kRawNewPath:
      file_.path = token;
      wants_ = Wants::kBetween;
      if (commit_->files.size() < kFilesMost) {
        commit_->files.push_back(std::move(file_));
      } else {
        ++commit_->files_omitted;
      }
      ++raw_;
      return {};
    case Wants::kStatOldPath:
      wants_ = Wants::kStatNewPath;
      return {};
    case Wants::kStatNewPath:
      TakeStatPath(token);
      return {};
  }
  return {};
}

Status LogParser::TakeBetween(std::string_view token) {
  // A newline stands between the message and the files; an empty token between two commits.
  if (!token.empty() && token[0] == '\n') token.remove_prefix(1);
  if (token.empty()) return {};
  if (token[0] == '\x1e') {
    if (commit_ && raw_ != stats_) return Refuse("a commit without the lines of each file");
    CompleteCommit();
    commit_.emplace();
    field_ = kHash;
    wants_ = Wants::kHeader;
    return TakeHeader(token.substr(1));
  }
  if (!commit_) return Refuse("files before any commit");
  if (token[0] == ':') return TakeRaw(token.substr(1));
  return TakeStat(token);
}

Status LogParser::TakeHeader(std::string_view token) {
  switch (field_++) {
    case kHash: {
      AUSPEX_TRY(commit_->id, CommitId::FromHex(token));
      return {};
    }
    case kParents:
      while (!token.empty()) {
        AUSPEX_TRY(const CommitId parent, CommitId::FromHex(Cut(&token, ' ')));
        commit_->parents.push_back(parent);
      }
      return {};
    case kName:
      commit_->author_name = token.substr(0, kNameBytesMost);
      return {};
    case kEmail:
      commit_->author_email = token.substr(0, kNameBytesMost);
      return {};
    case kAuthorDate: {
      const Moment moment = ReadMoment(token);
      commit_->author_time_s = moment.at_s;
      commit_->author_zone_min = moment.zone_min;
      return {};
    }
    case kCommitDate:
      commit_->commit_time_s = ReadMoment(token).at_s;
      return {};
    default:
      commit_->message = token;
      wants_ = Wants::kBetween;
      return {};
  }
}

// "100644 100755 OLD NEW M", "100644 100644 OLD NEW R086".
Status LogParser::TakeRaw(std::string_view token) {
  file_ = FileChange();
  const auto old_mode = Integer(Cut(&token, ' '), 8);
  const auto new_mode = Integer(Cut(&token, ' '), 8);
  const auto old_id = ObjectId::FromHex(Cut(&token, ' '));
  const auto new_id = ObjectId::FromHex(Cut(&token, ' '));
  const auto status = ReadStatus(token);
  constexpr std::int64_t kModeMost = 0777777;
  const auto sound = [](const auto& mode) { return mode && *mode >= 0 && *mode <= kModeMost; };
  if (!sound(old_mode) || !sound(new_mode) || !old_id.ok() || !new_id.ok() || !status)
    return Refuse("a file that does not read ':MODE MODE ID ID STATUS'");
  file_.old_mode = static_cast<std::uint32_t>(*old_mode);
  file_.new_mode = static_cast<std::uint32_t>(*new_mode);
  file_.old_id = *old_id;
  file_.new_id = *new_id;
  file_.status = *status;
  wants_ = Wants::kRawPath;
  return {};
}

// "12\t3\tPATH"; of a renamed file "12\t3\t", and both paths follow; "-\t-\tPATH" of a binary one.
Status LogParser::TakeStat(std::string_view token) {
  const std::string_view added = Cut(&token, '\t');
  const std::string_view deleted = Cut(&token, '\t');
  binary_ = added == "-" && deleted == "-";
  const auto added_lines = binary_ ? 0 : Integer(added);
  const auto deleted_lines = binary_ ? 0 : Integer(deleted);
  if (!added_lines || !deleted_lines || *added_lines < 0 || *deleted_lines < 0)
    return Refuse("neither a commit nor a file nor a count of lines");
  if (stats_ >= raw_) return Refuse("lines of a file that was not told before");
  added_ = *added_lines;
  deleted_ = *deleted_lines;
  if (token.empty()) {
    wants_ = Wants::kStatOldPath;
    return {};
  }
  if (overlong_) return Refuse("a path of more than 64 KiB");
  TakeStatPath(token);
  return {};
}

// Git lists the same files in the same order both times.
void LogParser::TakeStatPath(std::string_view path) {
  wants_ = Wants::kBetween;
  const auto at = static_cast<std::size_t>(stats_++);
  if (at >= commit_->files.size()) return;  // of those that are omitted
  auto file = commit_->files.begin() + static_cast<std::ptrdiff_t>(at);
  if (file->path != path) {
    const auto named = std::find_if(commit_->files.begin(), commit_->files.end(),
                                    [path](const FileChange& other) { return other.path == path; });
    if (named != commit_->files.end()) file = named;
  }
  file->added = added_;
  file->deleted = deleted_;
  file->binary = binary_;
}

}  // namespace auspex::change::git
