#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "auspex/change/change.h"
#include "auspex/change/history.h"

namespace auspex::change {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kThen = 1'600'000'000;  // 2020-09-13 12:26:40 UTC, a Sunday

// An id that `seed` alone decides; never the null id.
inline ObjectId MadeId(std::uint64_t seed) {
  const std::uint64_t spread = seed * 0x9e37'79b9'7f4a'7c15U + 1;
  return ObjectId::FromHex(fmt::format("{:016x}{:024x}", spread, seed + 1)).value();
}
// One that no other call gave.
inline ObjectId FreshId() {
  static std::uint64_t number = std::uint64_t{1} << 40U;
  return MadeId(++number);
}

inline FileChange Changed(std::string path, std::int64_t added, std::int64_t deleted) {
  FileChange change;
  change.path = std::move(path);
  change.old_mode = change.new_mode = 0100644;
  change.old_id = FreshId();
  change.new_id = FreshId();
  change.added = added;
  change.deleted = deleted;
  return change;
}
inline FileChange Added(std::string path, std::int64_t added) {
  FileChange change = Changed(std::move(path), added, 0);
  change.status = FileStatus::kAdded;
  change.old_mode = 0;
  change.old_id = ObjectId();
  return change;
}
inline FileChange Deleted(std::string path, std::int64_t deleted) {
  FileChange change = Changed(std::move(path), 0, deleted);
  change.status = FileStatus::kDeleted;
  change.new_mode = 0;
  change.new_id = ObjectId();
  return change;
}
inline FileChange Renamed(std::string from, std::string to) {
  FileChange change = Changed(std::move(to), 0, 0);
  change.status = FileStatus::kRenamed;
  change.old_path = std::move(from);
  change.new_id = change.old_id;
  return change;
}

inline Commit Made(std::string author, std::int64_t time_s, std::vector<FileChange> files,
                   std::string message = "change") {
  static std::uint64_t number = 0;
  Commit commit;
  commit.id = MadeId(++number);
  commit.author_email = std::move(author);
  commit.author_time_s = commit.commit_time_s = time_s;
  commit.message = std::move(message);
  commit.files = std::move(files);
  return commit;
}

inline double Value(const FeatureRow& row, Feature feature) { return At(row, feature); }

}  // namespace auspex::change
