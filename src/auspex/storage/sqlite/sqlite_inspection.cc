#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "auspex/storage/inspection.h"
#include "auspex/storage/sqlite/database.h"
#include "auspex/storage/sqlite/ledger_lock.h"
#include "auspex/storage/sqlite/ledger_rows.h"
#include "auspex/storage/sqlite/schema.h"

namespace auspex::storage {
namespace sqlite {
namespace {

constexpr Duration kBusyTimeout = 2s;

std::int64_t BytesOf(const std::string& path) {
  std::error_code absent;
  const auto bytes = std::filesystem::file_size(path, absent);
  return absent ? 0 : static_cast<std::int64_t>(bytes);
}

// What is there of the way to `path`: the file, or the folder above it in which the next would be
// made.
std::string Existing(const std::string& path) {
  std::error_code ignored;
  auto there = std::filesystem::absolute(path, ignored);
  while (there.has_relative_path() && !std::filesystem::exists(there, ignored))
    there = there.parent_path();
  return there.string();
}

Status ReadInside(const std::string& path, LedgerInspection* found) {
  // Without a log there is nothing that the file alone does not say, and no file need be made.
  const bool logged = found->holder.has_value() || BytesOf(path + "-wal") > 0;
  const auto mode = logged ? Database::Mode::kReadOnly : Database::Mode::kAsItIs;
  AUSPEX_TRY(Database database, Database::Open(path, mode, kBusyTimeout));
  AUSPEX_TRY(CheckSchema(database, mode));
  AUSPEX_TRY(const std::int64_t version, database.Number("PRAGMA user_version"));
  found->version = static_cast<int>(version);
  found->migrates = version < kSchemaVersion;
  AUSPEX_TRY(const Head head, ReadHead(database));
  found->last_seq = head.seq;
  AUSPEX_TRY(found->running, database.Number("SELECT count(*) FROM deployments WHERE ended = 0"));
  return {};
}

}  // namespace
}  // namespace sqlite

Result<LedgerInspection> InspectLedgerFile(const std::string& path) {
  using namespace sqlite;  // NOLINT(google-build-using-namespace): this file's own parts
  LedgerInspection found;
  std::error_code ignored;
  const std::string there = Existing(path);
  found.writable = access(there.c_str(), W_OK) == 0;
  struct statvfs disk {};
  if (statvfs(there.c_str(), &disk) == 0) {
    found.free_bytes = static_cast<std::int64_t>(disk.f_bavail * disk.f_frsize);
  }
  found.exists = std::filesystem::exists(path, ignored);
  // A daemon holds a ledger whose file was removed under it, too.
  const auto real = std::filesystem::weakly_canonical(path, ignored).string();
  AUSPEX_TRY(found.holder, FindHolder(real));
  if (!found.exists) return found;
  found.bytes = BytesOf(real) + BytesOf(real + "-wal");
  AUSPEX_TRY(ReadInside(real, &found));
  return found;
}

}  // namespace auspex::storage
