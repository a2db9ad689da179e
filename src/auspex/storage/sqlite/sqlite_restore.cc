#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "auspex/storage/backup.h"
#include "auspex/storage/sqlite/backup_objects.h"
#include "auspex/storage/sqlite/ledger_copy.h"
#include "auspex/storage/sqlite/ledger_lock.h"
#include "auspex/storage/sqlite/schema.h"

namespace auspex::storage {
namespace sqlite {
namespace {

constexpr Duration kBusyTimeout = 10s;

// A log without its file would be played into the file that comes: SQLite cannot tell them apart.
Status CheckFree(const std::string& ledger) {
  for (const char* const suffix : {"", "-wal", "-journal"}) {
    std::error_code absent;
    const auto bytes = std::filesystem::file_size(ledger + suffix, absent);
    if (absent || (*suffix != '\0' && bytes == 0)) continue;
    return Fail(ErrorCode::kConflict,
                "'{0}{1}' is there already and is left alone: move {0}, {0}-wal and {0}-shm away "
                "together, or give another path",
                ledger, suffix);
  }
  return {};
}

Result<std::vector<std::string>> CopyFile(const RestorePlan& plan, const std::string& to) {
  AUSPEX_TRY(Database from, Database::Open(plan.file, Database::Mode::kReadOnly, kBusyTimeout));
  AUSPEX_TRY(std::vector<std::string> names, CopySnapshot(from, to, plan.on_progress));
  AUSPEX_TRY(Database copy, Database::Open(to, Database::Mode::kReadWrite, kBusyTimeout));
  AUSPEX_TRY(copy.Execute(kUnsynced));
  AUSPEX_TRY(const bool inside, HasBackupObjects(copy));
  if (inside) AUSPEX_TRY(copy.Execute("DROP TABLE backup_objects; VACUUM"));
  return names;
}

Status CopyObjects(const std::vector<std::string>& names, const RestorePlan& plan, PutObjects& put,
                   CopyReport* report) {
  AUSPEX_TRY(Database file, Database::Open(plan.file, Database::Mode::kReadOnly, kBusyTimeout));
  AUSPEX_TRY(const std::unique_ptr<ObjectStore> inside, OpenBackupObjects(file));
  ObjectStore* const from = inside != nullptr ? inside.get() : plan.from;
  if (from == nullptr && !names.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "backup '{}' refers to {} objects and does not hold them: give the folder that "
                "`auspex backup` made, which has them beside it",
                plan.file, names.size());
  }
  for (const std::string& name : names) {
    AUSPEX_TRY(const std::string bytes, from->Get(name));
    AUSPEX_TRY(put.Put(name, bytes));
    ++report->objects;
    report->object_bytes += static_cast<std::int64_t>(bytes.size());
    if (plan.on_progress) {
      const auto all = static_cast<std::int64_t>(names.size());
      plan.on_progress({"objects", "objects", report->objects, all});
    }
  }
  return {};
}

}  // namespace
}  // namespace sqlite

Result<CopyReport> RestoreLedger(const RestorePlan& plan) {
  using namespace sqlite;  // NOLINT(google-build-using-namespace): this file's own parts
  AUSPEX_TRY(Prove(fmt::format("backup '{}'", plan.file), plan.file, plan.from, plan.on_progress));
  AUSPEX_TRY(const std::string ledger, RealLedgerPath(plan.ledger));
  AUSPEX_TRY(const LedgerLock lock, LedgerLock::Take(ledger, ""));
  AUSPEX_TRY(CheckFree(ledger));
  AUSPEX_TRY(PartialFile file, PartialFile::Claim(ledger));
  AUSPEX_TRY(const std::vector<std::string> names, CopyFile(plan, file.name()));
  AUSPEX_TRY(const std::unique_ptr<ObjectStore> objects, plan.open_objects());
  CopyReport report;
  PutObjects put(*objects);
  AUSPEX_TRY(CopyObjects(names, plan, put, &report));
  AUSPEX_TRY(report.audit, Prove(fmt::format("what was restored from '{}'", plan.file), file.name(),
                                 objects.get(), plan.on_progress));
  AUSPEX_TRY(report.file_bytes, file.Finish());
  put.Keep();
  return report;
}

}  // namespace auspex::storage
