#include "auspex/storage/sqlite/sqlite_ledger.h"

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/storage/sqlite/backup_objects.h"
#include "auspex/storage/sqlite/database.h"
#include "auspex/storage/sqlite/keyed_answers.h"
#include "auspex/storage/sqlite/ledger_lock.h"
#include "auspex/storage/sqlite/ledger_rows.h"
#include "auspex/storage/sqlite/packing.h"
#include "auspex/storage/sqlite/schema.h"
#include "auspex/storage/tick_archive.h"

namespace auspex::storage {
namespace sqlite {
namespace {

using Mode = Database::Mode;

// Whoever pages through a deployment's ticks meets the same object again and again.
class ArchiveCache {
 public:
  Result<std::shared_ptr<const ArchivedBodies>> Load(ObjectStore& objects, const PackRef& pack) {
    const MutexLock lock(mutex_);
    if (bodies_ == nullptr || name_ != pack.name) {
      AUSPEX_TRY(ArchivedBodies bodies, LoadTickArchive(objects, pack.name, pack.sha256));
      bodies_ = std::make_shared<const ArchivedBodies>(std::move(bodies));
      name_ = pack.name;
    }
    return bodies_;
  }

  void Forget() {
    const MutexLock lock(mutex_);
    bodies_ = nullptr;
  }

 private:
  Mutex mutex_;
  std::string name_ AUSPEX_GUARDED_BY(mutex_);
  std::shared_ptr<const ArchivedBodies> bodies_ AUSPEX_GUARDED_BY(mutex_);
};

// Which file a name means: SQLite goes on writing to one that was removed or replaced.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

std::optional<FileIdentity> IdentityOf(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return FileIdentity{found.st_dev, found.st_ino};
}

class Adapter final : public Ledger {
 public:
  // `backup`: the objects of a backup file, else null; they come before the configuration's.
  Adapter(Database database, const Head& head, const SqliteLedgerConfig& config,
          std::optional<LedgerLock> lock, std::unique_ptr<ObjectStore> backup)
      : lock_(std::move(lock)),
        core_{std::move(database), head, {}, {}},
        backup_(std::move(backup)),
        objects_(backup_ != nullptr ? backup_.get() : config.objects),
        file_(IdentityOf(core_.database.path())),
        clock_(config.clock != nullptr ? *config.clock : machine_clock_) {}

  Result<std::vector<Entry>> Commit(const Batch& batch) override;
  Result<std::vector<Entry>> Entries(const EntryQuery& query) override;
  Result<std::vector<DeploymentRow>> Deployments(const DeploymentQuery& query) override;
  Result<DeploymentRow> Deployment(std::string_view id) override;
  Result<std::vector<BaselineRow>> Baselines(std::string_view service, WallTime since) override;
  Result<std::optional<KeptAnswer>> ClaimKey(const KeyedCall& claim, WallTime now,
                                             WallTime expired) override;
  Status KeepAnswer(std::string_view caller, std::string_view key,
                    std::string_view answer) override;
  Status Pack(std::string_view deployment, WallTime now) override;
  Result<std::vector<std::string>> Unpacked(std::size_t limit) override;
  Result<std::int64_t> Expire(WallTime before) override;

 private:
  Status CheckWritable() const;
  Status CheckThere() const;
  Status CheckObjects() const;
  Result<std::string> PackedBody(const StoredEntry& stored);
  Result<bool> HasExpired(const std::string& pack);

  const std::optional<LedgerLock> lock_;  // none: read-only
  Core core_;                             // closed before the lock is given up
  const std::unique_ptr<ObjectStore> backup_;
  ObjectStore* const objects_;
  const std::optional<FileIdentity> file_;
  const RealClock machine_clock_;
  const Clock& clock_;
  ArchiveCache archives_;
};

Failure Expired(const StoredEntry& stored) {
  return Fail(ErrorCode::kNotFound,
              "entry {} of deployment '{}': its body expired with object '{}'; its \"expired\" "
              "entry says when",
              stored.entry.seq, stored.entry.deployment, stored.pack->name);
}

Status Adapter::CheckWritable() const {
  if (!lock_.has_value())
    return Fail(ErrorCode::kPermissionDenied, "'{}' was opened read-only", core_.database.path());
  return CheckThere();
}

Status Adapter::CheckThere() const {
  if (IdentityOf(core_.database.path()) == file_) return {};
  return Fail(ErrorCode::kDataLoss,
              "'{}' was removed or replaced while it was open: what is written to it is lost; stop "
              "this process, put a backup in place with `auspex restore` and start it again",
              core_.database.path());
}

Status Adapter::CheckObjects() const {
  if (objects_ != nullptr) return {};
  return Fail(ErrorCode::kInvalidArgument, "ledger '{}' was opened without an object store",
              core_.database.path());
}

Result<std::vector<Entry>> Adapter::Commit(const Batch& batch) {
  AUSPEX_TRY(CheckWritable());
  AUSPEX_TRY(CheckBatch(batch));
  const MutexLock lock(core_.mutex);
  Head head = core_.head;
  AUSPEX_TRY(Transaction transaction,
             Transaction::Begin(core_.database, Transaction::Kind::kWrite));
  AUSPEX_TRY(std::vector<Entry> stored, AppendEntries(core_.database, head, batch.entries));
  for (const auto& row : batch.deployments) AUSPEX_TRY(StoreDeployment(core_.database, row));
  for (const auto& row : batch.baselines) AUSPEX_TRY(StoreBaseline(core_.database, row));
  for (const auto& effect : batch.effects) AUSPEX_TRY(StoreEffect(core_.database, effect));
  AUSPEX_TRY(transaction.Commit());
  core_.head = head;
  return stored;
}

Result<std::vector<Entry>> Adapter::Entries(const EntryQuery& query) {
  std::vector<StoredEntry> rows;
  {
    const MutexLock lock(core_.mutex);
    AUSPEX_TRY(rows, SelectEntries(core_.database, query));
  }
  std::vector<Entry> entries;
  entries.reserve(rows.size());
  for (StoredEntry& stored : rows) {
    if (stored.pack) {
      AUSPEX_TRY(stored.entry.body, PackedBody(stored));
    }
    if (HashSha256(stored.entry.body) != stored.body_sha256) {
      return Fail(ErrorCode::kDataLoss, "'{}' entry {}: its body does not match its SHA-256",
                  core_.database.path(), stored.entry.seq);
    }
    entries.push_back(std::move(stored.entry));
  }
  return entries;
}

Result<std::string> Adapter::PackedBody(const StoredEntry& stored) {
  if (stored.pack->expired) return Expired(stored);
  AUSPEX_TRY(CheckObjects());
  const auto bodies = archives_.Load(*objects_, *stored.pack);
  if (!bodies.ok() && bodies.error().code == ErrorCode::kNotFound) {
    // Gone by age since the row was read, or lost?
    AUSPEX_TRY(const bool expired, HasExpired(stored.pack->name));
    if (expired) return Expired(stored);
    return Fail(ErrorCode::kDataLoss, "entry {}: {}", stored.entry.seq, bodies.error().message);
  }
  if (!bodies.ok()) return Failure{bodies.error()};
  const auto body = (*bodies)->find(stored.entry.seq);
  if (body != (*bodies)->end()) return body->second;
  return Fail(ErrorCode::kDataLoss, "object '{}' has no entry {}", stored.pack->name,
              stored.entry.seq);
}

Result<bool> Adapter::HasExpired(const std::string& pack) {
  const MutexLock lock(core_.mutex);
  AUSPEX_TRY(Query query, core_.database.Use("SELECT state FROM packs WHERE name = ?"));
  AUSPEX_TRY(const bool found, query.Bind(pack).Next());
  return found && query.Int(0) != 0;
}

Result<std::vector<DeploymentRow>> Adapter::Deployments(const DeploymentQuery& query) {
  AUSPEX_TRY(CheckThere());
  const MutexLock lock(core_.mutex);
  return SelectDeployments(core_.database, query);
}

Result<DeploymentRow> Adapter::Deployment(std::string_view id) {
  const MutexLock lock(core_.mutex);
  return FindDeployment(core_.database, id);
}

Result<std::vector<BaselineRow>> Adapter::Baselines(std::string_view service, WallTime since) {
  const MutexLock lock(core_.mutex);
  return SelectBaselines(core_.database, service, since);
}

Result<std::optional<KeptAnswer>> Adapter::ClaimKey(const KeyedCall& claim, WallTime now,
                                                    WallTime expired) {
  AUSPEX_TRY(CheckWritable());
  const MutexLock lock(core_.mutex);
  return sqlite::ClaimKey(core_.database, claim, now, expired);
}

Status Adapter::KeepAnswer(std::string_view caller, std::string_view key, std::string_view answer) {
  AUSPEX_TRY(CheckWritable());
  const MutexLock lock(core_.mutex);
  return StoreAnswer(core_.database, caller, key, answer);
}

Status Adapter::Pack(std::string_view deployment, WallTime now) {
  AUSPEX_TRY(CheckWritable());
  AUSPEX_TRY(CheckObjects());
  return PackTicks(core_, *objects_, deployment, now);
}

Result<std::vector<std::string>> Adapter::Unpacked(std::size_t limit) {
  return SelectUnpacked(core_, limit);
}

Result<std::int64_t> Adapter::Expire(WallTime before) {
  AUSPEX_TRY(CheckWritable());
  AUSPEX_TRY(CheckObjects());
  archives_.Forget();
  return ExpirePacks(core_, *objects_, before, clock_.Wall());
}

Status CheckConfig(const SqliteLedgerConfig& config) {
  if (config.busy_timeout < Duration::zero() || config.busy_timeout > 1min) {
    return Fail(ErrorCode::kInvalidArgument, "a ledger's busy_timeout is 0 to 1 min, not {}",
                ToText(config.busy_timeout));
  }
  if (config.max_pages >= 0) return {};
  return Fail(ErrorCode::kInvalidArgument, "a ledger's max_pages is 0 or more, not {}",
              config.max_pages);
}

// After CheckSchema: another program's file must not be touched.
Status Configure(Database& database, std::int64_t max_pages) {
  // 64 MiB: what a log keeps on disk once its pages are in the file.
  AUSPEX_TRY(database.Execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
      "PRAGMA journal_size_limit = 67108864"));
  if (max_pages > 0) {
    AUSPEX_TRY(database.Execute(fmt::format("PRAGMA max_page_count = {}", max_pages)));
  }
  AUSPEX_TRY(Query mode, database.Use("PRAGMA journal_mode"));
  AUSPEX_TRY(const bool found, mode.Next());
  if (found && mode.Text(0) == "wal") return {};
  return Fail(ErrorCode::kUnavailable,
              "'{}' cannot have a write-ahead log: put it on a local file system", database.path());
}

}  // namespace
}  // namespace sqlite

Result<std::unique_ptr<Ledger>> SqliteLedger::Open(const SqliteLedgerConfig& config) {
  using namespace sqlite;  // NOLINT(google-build-using-namespace): this file's own parts
  AUSPEX_TRY(CheckConfig(config));
  AUSPEX_TRY(const std::string path, RealLedgerPath(config.path));
  AUSPEX_TRY(LedgerLock lock, LedgerLock::Take(path, config.address));
  AUSPEX_TRY(Database database, Database::Open(path, Mode::kReadWrite, config.busy_timeout));
  AUSPEX_TRY(CheckSchema(database, Mode::kReadWrite));
  AUSPEX_TRY(Configure(database, config.max_pages));
  AUSPEX_TRY(Migrate(database));
  AUSPEX_TRY(const Head head, ReadHead(database));
  AUSPEX_TRY(CheckHead(database, head));
  return std::make_unique<Adapter>(std::move(database), head, config, std::move(lock), nullptr);
}

Result<std::unique_ptr<Ledger>> SqliteLedger::OpenReadOnly(const std::string& path,
                                                           ObjectStore* objects) {
  using namespace sqlite;  // NOLINT(google-build-using-namespace): this file's own parts
  SqliteLedgerConfig config;
  config.path = path;
  config.objects = objects;
  AUSPEX_TRY(Database database, Database::Open(path, Mode::kReadOnly, config.busy_timeout));
  AUSPEX_TRY(CheckSchema(database, Mode::kReadOnly));
  AUSPEX_TRY(std::unique_ptr<ObjectStore> backup, OpenBackupObjects(database));
  return std::make_unique<Adapter>(std::move(database), Head{}, config, std::nullopt,
                                   std::move(backup));
}

}  // namespace auspex::storage
