#include "auspex/storage/sqlite/database.h"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "auspex/storage/posix_error.h"

namespace auspex::storage::sqlite {
namespace {

// Percent-encoded where SQLite's URI syntax gives a byte a meaning.
std::string ToUri(const std::string& path, std::string_view parameters) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", static_cast<int>(c));
    } else {
      uri += c;
    }
  }
  return fmt::format("{}?{}", uri, parameters);
}

// A read-only connection needs the shared-memory file of a WAL database, which it cannot make in a
// folder it may not write. Without a WAL nobody is writing, and the file can be read as it is.
bool MayReadAsItIs(const std::string& path) {
  std::error_code ignored;
  const auto wal_bytes = std::filesystem::file_size(path + "-wal", ignored);
  return ignored || wal_bytes == 0;
}

std::string_view Parameters(Database::Mode mode, bool as_it_is) {
  if (mode == Database::Mode::kReadWrite) return "mode=rwc";
  return as_it_is || mode == Database::Mode::kAsItIs ? "mode=ro&immutable=1" : "mode=ro";
}

}  // namespace

Result<Database> Database::Open(const std::string& path, Mode mode, Duration busy_timeout) {
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI |
                         SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const auto wait_ms = std::chrono::duration_cast<std::chrono::milliseconds>(busy_timeout).count();
  const int attempts = mode == Mode::kReadOnly && MayReadAsItIs(path) ? 2 : 1;
  Failure failure;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    sqlite3* connection = nullptr;
    const std::string uri = ToUri(path, Parameters(mode, attempt == 1));
    const int opened = sqlite3_open_v2(uri.c_str(), &connection, kFlags, nullptr);
    Database database(path, connection);
    if (connection == nullptr) return Fail(ErrorCode::kUnavailable, "no memory for SQLite");
    sqlite3_busy_timeout(connection, static_cast<int>(wait_ms));
    // Reading the schema shows at once whether this is a database that we may read.
    const bool reads =
        opened == SQLITE_OK && sqlite3_exec(connection, "SELECT count(*) FROM sqlite_schema",
                                            nullptr, nullptr, nullptr) == SQLITE_OK;
    // SQLite opens a file that it may not write for reading, and says nothing.
    if (reads && mode == Mode::kReadWrite && sqlite3_db_readonly(connection, "main") == 1) {
      return Fail(ErrorCode::kPermissionDenied, "opening '{}': no right to write to it{}", path,
                  MendOf(EACCES));
    }
    if (reads) return database;
    failure = SqliteFailure(connection, fmt::format("opening '{}'", path));
    const int primary = sqlite3_errcode(connection) & 0xff;
    if (primary != SQLITE_CANTOPEN && primary != SQLITE_READONLY) break;
  }
  return failure;
}

Result<Query> Database::Use(std::string_view sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return Query(found->second.get());
  sqlite3_stmt* statement = nullptr;
  const int prepared =
      sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  StatementPtr owned(statement);
  if (prepared != SQLITE_OK) return SqliteFailure(connection_.get(), path_);
  statements_.emplace(sql, std::move(owned));
  return Query(statement);
}

Status Database::Execute(const std::string& sql) {
  if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) {
    return {};
  }
  return SqliteFailure(connection_.get(), path_);
}

Result<std::int64_t> Database::Number(std::string_view sql) {
  AUSPEX_TRY(Query query, Use(sql));
  AUSPEX_TRY(const bool found, query.Next());
  if (!found) return Fail(ErrorCode::kDataLoss, "'{}' has no row for {}", path_, sql);
  return query.Int(0);
}

Status Database::CopyTo(Database& target, const OnPages& on_pages) {
  constexpr int kPagesAtOnce = 1024;  // 4 MiB between two reports
  sqlite3* const into = target.connection_.get();
  sqlite3_backup* const copy = sqlite3_backup_init(into, "main", connection_.get(), "main");
  if (copy == nullptr) return SqliteFailure(into, fmt::format("writing '{}'", target.path_));
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    code = sqlite3_backup_step(copy, kPagesAtOnce);
    const int all = sqlite3_backup_pagecount(copy);
    if (on_pages) on_pages(all - sqlite3_backup_remaining(copy), all);
  }
  if (sqlite3_backup_finish(copy) == SQLITE_OK && code == SQLITE_DONE) return {};
  return SqliteFailure(into, fmt::format("copying '{}' to '{}'", path_, target.path_));
}

std::int64_t Database::Changes() const { return sqlite3_changes64(connection_.get()); }

bool Database::InTransaction() const { return sqlite3_get_autocommit(connection_.get()) == 0; }

Result<Transaction> Transaction::Begin(Database& database, Kind kind) {
  AUSPEX_TRY(database.Execute(kind == Kind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // SQLite itself has rolled back after some errors, as a full disk.
  if (database_ == nullptr || !database_->InTransaction()) return;
  static_cast<void>(database_->Execute("ROLLBACK"));
}

Status Transaction::Commit() { return database_->Execute("COMMIT"); }

}  // namespace auspex::storage::sqlite
