#include "auspex/storage/sqlite/ledger_copy.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "auspex/storage/posix_error.h"
#include "auspex/storage/sync.h"

namespace auspex::storage::sqlite {
namespace {

constexpr Duration kBusyTimeout = 10s;

bool IsThere(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

// With whatever SQLite put beside it.
void DeleteDatabase(const std::string& path) {
  for (const char* const suffix : {"", "-journal", "-wal", "-shm"}) unlink((path + suffix).c_str());
}

Result<std::vector<std::string>> ObjectsOf(Database& database) {
  AUSPEX_TRY(Query rows, database.Use("SELECT name FROM packs WHERE state = 0 ORDER BY id"));
  std::vector<std::string> names;
  while (true) {
    AUSPEX_TRY(const bool found, rows.Next());
    if (!found) return names;
    names.emplace_back(rows.Text(0));
  }
}

}  // namespace

Result<PartialFile> PartialFile::Claim(const std::string& path) {
  if (IsThere(path)) {
    return Fail(ErrorCode::kConflict, "'{}' is there already and is left alone: give another path",
                path);
  }
  if (IsThere(path + ".partial")) {
    return Fail(ErrorCode::kConflict,
                "'{}.partial' is there: another copy is being made, or was killed; in that case "
                "delete it",
                path);
  }
  return PartialFile(path);
}

PartialFile::PartialFile(PartialFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), name_(std::move(other.name_)) {}

PartialFile::~PartialFile() {
  if (!path_.empty()) DeleteDatabase(name_);
}

Result<std::int64_t> PartialFile::Finish() {
  AUSPEX_TRY(SyncFile(name_));
  std::error_code ignored;
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(name_, ignored));
  if (rename(name_.c_str(), path_.c_str()) != 0) {
    return PosixFailure(errno, fmt::format("naming '{}'", path_));
  }
  const std::string folder = std::filesystem::absolute(path_).parent_path().string();
  path_.clear();
  DeleteDatabase(name_);  // nothing but what readers may have left beside it
  AUSPEX_TRY(SyncFolder(folder));
  return bytes;
}

PutObjects::~PutObjects() {
  for (const std::string& name : names_) static_cast<void>(store_.Delete(name));
}

Status PutObjects::Put(const std::string& name, const std::string& bytes) {
  const auto there = store_.Get(name);
  if (there.ok() && *there == bytes) return {};
  if (there.ok()) {
    return Fail(ErrorCode::kConflict,
                "object '{}' is there already with other bytes and is left alone: give another "
                "folder for the objects",
                name);
  }
  if (there.error().code != ErrorCode::kNotFound) return Failure{there.error()};
  names_.push_back(name);
  return store_.Put(name, bytes);
}

Result<std::vector<std::string>> CopySnapshot(Database& from, const std::string& to,
                                              const OnCopyProgress& on_progress) {
  // A rest of an attempt before would be overwritten page by page, but not its journal mode.
  DeleteDatabase(to);
  AUSPEX_TRY(const Transaction moment, Transaction::Begin(from, Transaction::Kind::kRead));
  AUSPEX_TRY(std::vector<std::string> objects, ObjectsOf(from));  // from here on one moment is seen
  AUSPEX_TRY(Database target, Database::Open(to, Database::Mode::kReadWrite, kBusyTimeout));
  AUSPEX_TRY(target.Execute(kUnsynced));
  AUSPEX_TRY(from.CopyTo(target, [&](std::int64_t done, std::int64_t all) {
    if (on_progress) on_progress({"ledger", "pages", done, all});
  }));
  AUSPEX_TRY(target.Execute("PRAGMA journal_mode = DELETE"));
  return objects;
}

Result<AuditReport> Prove(std::string_view what, const std::string& file, ObjectStore* objects,
                          const OnCopyProgress& on_progress) {
  const auto on_entries = [&](std::int64_t done, std::int64_t all) {
    if (on_progress) on_progress({"verify", "entries", done, all});
  };
  on_entries(0, 0);
  AUSPEX_TRY(AuditReport report, VerifyLedgerFile(file, objects, on_entries));
  if (!report.Sound()) {
    return Fail(ErrorCode::kDataLoss, "{} does not prove itself: {}", what, report.finding);
  }
  if (report.unproven > 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "{} has {} packed entries and not the objects that hold them: give the "
                "folder that `auspex backup` made, or name theirs with --objects",
                what, report.unproven);
  }
  return report;
}

}  // namespace auspex::storage::sqlite
