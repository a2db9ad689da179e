// change tells what a commit, or a range of them, does to a repository: who, when, which files and
// lines, and from the history before it the features that a model of risk reads.
//
//   AUSPEX_TRY(auto repository, change::git::Repository::Open("."));
//   AUSPEX_TRY(const auto head, repository.Resolve("HEAD"));
//   AUSPEX_TRY(auto log, repository.Log({.tip = head}));
//   change::History history;
//   for (;;) {
//     AUSPEX_TRY(const auto commit, log.Next());
//     if (!commit) break;
//     const std::vector<double> row = history.Add(*commit);  // in the order of kChangeFeatures
//   }
//
// Read next: history.h (the fold and the features' definitions), features.h (their table),
// git/repository.h (where commits come from), docs/mine.md.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"

namespace auspex::change {

// Name of a git object: SHA-1 (40 hexadecimal digits) or SHA-256 (64). Ordered as its bytes.
class ObjectId {
 public:
  ObjectId() = default;  // git's null id of SHA-1: what does not exist
  // Error: kInvalidArgument for anything but 40 or 64 hexadecimal digits.
  static Result<ObjectId> FromHex(std::string_view hex);
  [[nodiscard]] std::string text() const;  // lower case
  [[nodiscard]] bool null() const;
  // Its first 64 bits: as good as the whole to tell a repository's objects apart.
  [[nodiscard]] std::uint64_t prefix() const;
  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;

 private:
  std::array<std::uint8_t, 32> bytes_{};
  std::uint8_t size_ = 20;
};
using CommitId = ObjectId;

enum class FileStatus : std::uint8_t { kAdded, kModified, kDeleted, kRenamed, kTypeChanged };

constexpr std::uint32_t kSubmoduleMode = 0160000;

// One file of a commit, against its first parent (or against nothing).
struct FileChange {
  FileStatus status = FileStatus::kModified;
  std::string path;      // after the commit (of a deleted file: before it); any bytes but NUL
  std::string old_path;  // only where it was renamed
  std::uint32_t old_mode = 0, new_mode = 0;  // 0: not there
  ObjectId old_id, new_id;                   // null: not there
  std::int64_t added = 0, deleted = 0;       // lines; 0 for binary files
  bool binary = false;
  [[nodiscard]] bool submodule() const {
    return new_mode == kSubmoduleMode || old_mode == kSubmoduleMode;
  }
  friend bool operator==(const FileChange&, const FileChange&) = default;
};

struct Commit {
  CommitId id;
  std::vector<CommitId> parents;
  std::string author_name, author_email;  // as written; may be empty, may be no UTF-8
  std::int64_t author_time_s = 0;         // since 1970; what people's clocks said: 1970, 2100, …
  int author_zone_min = 0;                // minutes east of UTC
  std::int64_t commit_time_s = 0;
  std::string message;  // its first 64 KiB
  std::vector<FileChange> files;
  std::int64_t files_omitted = 0;  // beyond the first 500'000
  friend bool operator==(const Commit&, const Commit&) = default;
};

}  // namespace auspex::change

template <>
struct std::hash<auspex::change::ObjectId> {
  std::size_t operator()(const auspex::change::ObjectId& id) const noexcept {
    return static_cast<std::size_t>(id.prefix());
  }
};
