#include "auspex/storage/sqlite/backup_objects.h"

#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/mutex.h"

namespace auspex::storage::sqlite {
namespace {

constexpr Duration kBusyTimeout = 10s;

class BackupObjects final : public ObjectStore {
 public:
  explicit BackupObjects(Database database) : database_(std::move(database)) {}

  Status Put(std::string_view name, std::string_view bytes) override;
  Result<std::string> Get(std::string_view name) override;
  Result<std::vector<std::string>> List(std::string_view prefix) override;
  Status Delete(std::string_view name) override;

 private:
  Mutex mutex_;
  Database database_;  // guarded by mutex_, but for its path
};

Status BackupObjects::Put(std::string_view name, std::string_view bytes) {
  AUSPEX_TRY(CheckObjectName(name));
  const MutexLock lock(mutex_);
  AUSPEX_TRY(Query insert, database_.Use("INSERT OR REPLACE INTO backup_objects (name, bytes) "
                                         "VALUES (?, CAST(? AS BLOB))"));
  return insert.Bind(name).Bind(bytes).Run();
}

Result<std::string> BackupObjects::Get(std::string_view name) {
  AUSPEX_TRY(CheckObjectName(name));
  const MutexLock lock(mutex_);
  AUSPEX_TRY(Query query, database_.Use("SELECT bytes FROM backup_objects WHERE name = ?"));
  AUSPEX_TRY(const bool found, query.Bind(name).Next());
  if (found) return std::string(query.Text(0));
  return Fail(ErrorCode::kNotFound, "there is no object '{}' in '{}'", name, database_.path());
}

Result<std::vector<std::string>> BackupObjects::List(std::string_view prefix) {
  const MutexLock lock(mutex_);
  AUSPEX_TRY(Query rows, database_.Use("SELECT name FROM backup_objects ORDER BY name"));
  std::vector<std::string> names;
  while (true) {
    AUSPEX_TRY(const bool found, rows.Next());
    if (!found) return names;
    if (rows.Text(0).starts_with(prefix)) names.emplace_back(rows.Text(0));
  }
}

Status BackupObjects::Delete(std::string_view name) {
  AUSPEX_TRY(CheckObjectName(name));
  const MutexLock lock(mutex_);
  AUSPEX_TRY(Query remove, database_.Use("DELETE FROM backup_objects WHERE name = ?"));
  return remove.Bind(name).Run();
}

}  // namespace

Result<bool> HasBackupObjects(Database& database) {
  AUSPEX_TRY(const std::int64_t tables,
             database.Number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND "
                             "name = 'backup_objects'"));
  return tables > 0;
}

Result<std::unique_ptr<ObjectStore>> MakeBackupObjects(const std::string& path) {
  AUSPEX_TRY(Database database, Database::Open(path, Database::Mode::kReadWrite, kBusyTimeout));
  AUSPEX_TRY(database.Execute(kUnsynced));
  AUSPEX_TRY(database.Execute(
      "CREATE TABLE backup_objects (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT"));
  return std::unique_ptr<ObjectStore>(std::make_unique<BackupObjects>(std::move(database)));
}

Result<std::unique_ptr<ObjectStore>> OpenBackupObjects(Database& database) {
  AUSPEX_TRY(const bool has, HasBackupObjects(database));
  if (!has) return std::unique_ptr<ObjectStore>();
  AUSPEX_TRY(Database own,
             Database::Open(database.path(), Database::Mode::kReadOnly, kBusyTimeout));
  return std::unique_ptr<ObjectStore>(std::make_unique<BackupObjects>(std::move(own)));
}

}  // namespace auspex::storage::sqlite
