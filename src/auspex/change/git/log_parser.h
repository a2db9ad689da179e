#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/change/change.h"

namespace auspex::change::git {

// What `git log -z --raw --numstat --no-abbrev --date=raw` is told to print of a commit. %x1e
// starts it, and each field ends in NUL, which neither a message nor a name nor a path can hold: so
// nothing that a committer writes can pass for another commit.
constexpr std::string_view kLogFormat = "format:%x1e%H%x00%P%x00%an%x00%ae%x00%ad%x00%cd%x00%B%x00";

// Reads such a log from its bytes, in whatever pieces they come. Pure; memory is bounded by the
// largest commit: messages are kept to 64 KiB, names to 1 KiB, 500'000 files a commit; a path of
// more than 64 KiB is an error. Not thread-safe.
class LogParser {
 public:
  static constexpr std::size_t kTokenBytesMost = 65'536;
  static constexpr std::size_t kNameBytesMost = 1'024;
  static constexpr std::size_t kFilesMost = 500'000;

  // Error: kInvalidArgument for what is no such log, with the byte where; nothing more is read
  // then.
  Status Feed(std::string_view bytes);
  // The log is over; the last commit is complete now. Error: kInvalidArgument (cut short).
  Status Finish();
  // The next complete commit.
  std::optional<Commit> Next();

 private:
  // What the next token is. A header's fields and the paths are told by their number alone; only at
  // kBetween does the first byte decide.
  enum class Wants { kBetween, kHeader, kRawPath, kRawNewPath, kStatOldPath, kStatNewPath };

  Status Take(std::string_view token);
  Status TakeBetween(std::string_view token);
  Status TakeHeader(std::string_view token);
  Status TakeRaw(std::string_view token);
  Status TakeStat(std::string_view token);
  void TakeStatPath(std::string_view path);
  void CompleteCommit();
  [[nodiscard]] Failure Refuse(std::string_view what) const;

  std::string partial_;     // of a token; no longer than kTokenBytesMost
  bool overlong_ = false;   // it is longer, and the rest was dropped
  std::int64_t taken_ = 0;  // bytes before the token
  Wants wants_ = Wants::kBetween;
  std::size_t field_ = 0;  // of the header
  std::optional<Commit> commit_;
  FileChange file_;         // the raw entry that waits for its paths
  std::int64_t raw_ = 0;    // raw entries of the commit
  std::int64_t stats_ = 0;  // numstat entries
  std::int64_t added_ = 0, deleted_ = 0;
  bool binary_ = false;
  std::deque<Commit> ready_;
  std::optional<Error> failed_;
};

}  // namespace auspex::change::git
