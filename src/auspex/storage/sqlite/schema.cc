#include "auspex/storage/sqlite/schema.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "auspex/storage/sqlite/backup_objects.h"

namespace auspex::storage::sqlite {
namespace {

// "Ausp" in ASCII; `file` shows it.
constexpr std::int64_t kApplicationId = 0x41757370;

// What turns version n into n + 1. Never changed once released: add another.
constexpr std::array<const char*, kSchemaVersion> kMigrations = {
    // Version 1. Bodies stand last, so that a search by kind need not read past them.
    R"sql(
      CREATE TABLE entries (
        seq INTEGER PRIMARY KEY,
        at_us INTEGER NOT NULL,
        deployment TEXT NOT NULL,
        kind TEXT NOT NULL,
        body_sha256 BLOB NOT NULL,
        hash BLOB NOT NULL,
        body TEXT
      ) STRICT;
      CREATE INDEX entries_by_deployment ON entries (deployment, seq);
      CREATE INDEX entries_by_kind ON entries (deployment, kind, seq);
      CREATE TABLE head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL
      ) STRICT;
      INSERT INTO head (id, seq, hash) VALUES (1, 0, zeroblob(32));
      CREATE TABLE deployments (
        id TEXT PRIMARY KEY,
        service TEXT NOT NULL,
        ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
        started_us INTEGER NOT NULL,
        ended_us INTEGER,
        body TEXT NOT NULL
      ) STRICT;
      CREATE INDEX deployments_by_start ON deployments (started_us, id);
      CREATE TABLE baselines (
        id INTEGER PRIMARY KEY,
        service TEXT NOT NULL,
        at_us INTEGER NOT NULL,
        body TEXT NOT NULL
      ) STRICT;
      CREATE INDEX baselines_by_service ON baselines (service, at_us, id);
    )sql",
    // Version 2: tick bodies move to objects. state: 0 there, 1 about to be deleted, 2 deleted.
    R"sql(
      CREATE TABLE packs (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        sha256 BLOB NOT NULL,
        deployment TEXT NOT NULL,
        state INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2))
      ) STRICT;
      CREATE INDEX packs_by_state ON packs (state, deployment);
      ALTER TABLE entries ADD COLUMN pack INTEGER REFERENCES packs (id);
      CREATE INDEX entries_by_pack ON entries (pack, seq) WHERE pack IS NOT NULL;
    )sql",
    // Version 3: answers by the key of their caller. answer: null until there is one.
    R"sql(
      CREATE TABLE keyed_answers (
        id INTEGER PRIMARY KEY,
        caller TEXT NOT NULL,
        key TEXT NOT NULL,
        call BLOB NOT NULL,
        at_us INTEGER NOT NULL,
        answer TEXT,
        UNIQUE (caller, key)
      ) STRICT;
      CREATE INDEX keyed_answers_by_age ON keyed_answers (at_us);
    )sql",
    // Version 4: what a keyed call did. effect: a deployment's id; null: nothing; empty: not known,
    // for until now a call that was cut short did not say.
    R"sql(
      ALTER TABLE keyed_answers ADD COLUMN effect TEXT;
      UPDATE keyed_answers SET effect = '' WHERE answer IS NULL;
    )sql"};

Status MigrateOnce(Database& database, std::int64_t version) {
  AUSPEX_TRY(Transaction transaction, Transaction::Begin(database, Transaction::Kind::kWrite));
  AUSPEX_TRY(database.Execute(kMigrations.at(static_cast<std::size_t>(version))));
  AUSPEX_TRY(database.Execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                          kApplicationId, version + 1)));
  return transaction.Commit();
}

Status CheckVersion(const std::string& path, std::int64_t version, Database::Mode mode) {
  if (version > kSchemaVersion || version < 1) {
    return Fail(ErrorCode::kConflict,
                "'{}' has ledger version {} and this program knows versions up to {}: use the "
                "newer program that wrote it",
                path, version, kSchemaVersion);
  }
  if (mode != Database::Mode::kReadWrite && version < kReadableVersion) {
    return Fail(ErrorCode::kConflict,
                "'{}' has the older ledger version {}: open it once for writing, which brings it "
                "to version {}",
                path, version, kSchemaVersion);
  }
  return {};
}

}  // namespace

Status CheckSchema(Database& database, Database::Mode mode) {
  AUSPEX_TRY(const std::int64_t application, database.Number("PRAGMA application_id"));
  AUSPEX_TRY(const std::int64_t version, database.Number("PRAGMA user_version"));
  AUSPEX_TRY(const std::int64_t things, database.Number("SELECT count(*) FROM sqlite_schema"));
  const bool empty = application == 0 && version == 0 && things == 0;
  if (empty && mode == Database::Mode::kReadWrite) return {};
  if (application != kApplicationId) {
    return Fail(ErrorCode::kInvalidArgument,
                "'{}' is a SQLite database but not a ledger (application_id {}): give another path",
                database.path(), application);
  }
  AUSPEX_TRY(CheckVersion(database.path(), version, mode));
  if (mode != Database::Mode::kReadWrite) return {};
  AUSPEX_TRY(const bool backup, HasBackupObjects(database));
  if (!backup) return {};
  return Fail(ErrorCode::kConflict,
              "'{0}' is a backup: `auspex restore {0} --ledger PATH` makes a ledger of it",
              database.path());
}

Status Migrate(Database& database) {
  AUSPEX_TRY(std::int64_t version, database.Number("PRAGMA user_version"));
  for (; version < kSchemaVersion; ++version) {
    AUSPEX_TRY(MigrateOnce(database, version));
  }
  return {};
}

}  // namespace auspex::storage::sqlite
