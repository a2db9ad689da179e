#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auspex/storage/backup.h"
#include "auspex/storage/sqlite/backup_objects.h"
#include "auspex/storage/sqlite/ledger_copy.h"
#include "auspex/storage/sqlite/schema.h"

namespace auspex::storage {
namespace sqlite {
namespace {

constexpr Duration kBusyTimeout = 10s;
// An object may expire between the moment that was copied and its own copy. Ledgers expire daily,
// so a second moment is enough.
constexpr int kAttempts = 3;

class Backup {
 public:
  explicit Backup(const BackupPlan& plan) : plan_(plan) {}
  Result<CopyReport> Run();

 private:
  // No value: an object went meanwhile, so another moment must be copied.
  Result<std::optional<CopyReport>> Attempt(PartialFile& file);
  Result<std::vector<std::string>> CopyLedger(const std::string& to);
  // False: one is gone by age.
  Result<bool> CopyObjects(const std::vector<std::string>& names, PutObjects& put);
  Result<bool> HasExpired(const std::string& name);

  const BackupPlan& plan_;
  CopyReport report_;
};

Result<CopyReport> Backup::Run() {
  AUSPEX_TRY(PartialFile file, PartialFile::Claim(plan_.file));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    AUSPEX_TRY(auto report, Attempt(file));
    if (report) return *std::move(report);
  }
  return Fail(ErrorCode::kUnavailable,
              "objects of ledger '{}' expired while they were copied, {} times in a row: try again",
              plan_.ledger, kAttempts);
}

Result<std::optional<CopyReport>> Backup::Attempt(PartialFile& file) {
  report_ = {};
  AUSPEX_TRY(const std::vector<std::string> names, CopyLedger(file.name()));
  std::unique_ptr<ObjectStore> inside;
  if (plan_.into == nullptr) {
    AUSPEX_TRY(inside, MakeBackupObjects(file.name()));
  }
  PutObjects put(inside != nullptr ? *inside : *plan_.into);
  AUSPEX_TRY(const bool all, CopyObjects(names, put));
  if (!all) return std::optional<CopyReport>();
  if (inside != nullptr) {
    put.Keep();  // they come and go with the file
    inside.reset();
  }
  AUSPEX_TRY(report_.audit, Prove(fmt::format("the copy of '{}'", plan_.ledger), file.name(),
                                  plan_.into, plan_.on_progress));
  AUSPEX_TRY(report_.file_bytes, file.Finish());
  put.Keep();
  return std::optional(report_);
}

Result<std::vector<std::string>> Backup::CopyLedger(const std::string& to) {
  AUSPEX_TRY(Database from, Database::Open(plan_.ledger, Database::Mode::kReadOnly, kBusyTimeout));
  AUSPEX_TRY(CheckSchema(from, Database::Mode::kReadOnly));
  AUSPEX_TRY(const bool backup, HasBackupObjects(from));
  if (backup) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is a backup itself: copy the file",
                plan_.ledger);
  }
  AUSPEX_TRY(std::vector<std::string> names, CopySnapshot(from, to, plan_.on_progress));
  if (names.empty() || plan_.objects != nullptr) return names;
  return Fail(ErrorCode::kInvalidArgument,
              "ledger '{}' refers to {} objects, and there is no such folder of objects: name it "
              "with --objects",
              plan_.ledger, names.size());
}

Result<bool> Backup::CopyObjects(const std::vector<std::string>& names, PutObjects& put) {
  for (const std::string& name : names) {
    const auto bytes = plan_.objects->Get(name);
    if (!bytes.ok() && bytes.error().code == ErrorCode::kNotFound) {
      AUSPEX_TRY(const bool expired, HasExpired(name));
      if (expired) return false;
      return Fail(ErrorCode::kDataLoss, "ledger '{}' is damaged, and no backup was made: {}",
                  plan_.ledger, bytes.error().message);
    }
    if (!bytes.ok()) return Failure{bytes.error()};
    AUSPEX_TRY(put.Put(name, *bytes));
    ++report_.objects;
    report_.object_bytes += static_cast<std::int64_t>(bytes->size());
    if (plan_.on_progress) {
      const auto all = static_cast<std::int64_t>(names.size());
      plan_.on_progress({"objects", "objects", report_.objects, all});
    }
  }
  return true;
}

// Since the moment that was copied.
Result<bool> Backup::HasExpired(const std::string& name) {
  AUSPEX_TRY(Database now, Database::Open(plan_.ledger, Database::Mode::kReadOnly, kBusyTimeout));
  AUSPEX_TRY(Query query, now.Use("SELECT state FROM packs WHERE name = ?"));
  AUSPEX_TRY(const bool found, query.Bind(name).Next());
  return found && query.Int(0) != 0;
}

}  // namespace
}  // namespace sqlite

Result<CopyReport> BackUpLedger(const BackupPlan& plan) { return sqlite::Backup(plan).Run(); }

}  // namespace auspex::storage
