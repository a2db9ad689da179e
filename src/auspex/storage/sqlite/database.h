#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "auspex/storage/sqlite/statement.h"

namespace auspex::storage::sqlite {

// For a file that counts only once it is whole and synced: a copy in the making.
inline constexpr const char* kUnsynced = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF";

// A connection and its prepared statements. Errors name the file. Not thread-safe.
class Database {
 public:
  // kAsItIs reads without the file's log and makes no file beside it: only where nobody writes.
  enum class Mode { kReadWrite, kReadOnly, kAsItIs };

  // Creates the file for kReadWrite. Waits at most `busy_timeout` for another connection's lock.
  static Result<Database> Open(const std::string& path, Mode mode, Duration busy_timeout);

  // `sql`, prepared at its first use and kept; one Query of it at a time.
  Result<Query> Use(std::string_view sql);
  // One or more statements without parameters; rows are thrown away.
  Status Execute(const std::string& sql);
  // The first column of the first row of `sql`.
  Result<std::int64_t> Number(std::string_view sql);

  // All of this database over all of `target`: of one moment if a read transaction is open here.
  // `on_pages` hears of pages done and to do.
  using OnPages = std::function<void(std::int64_t done, std::int64_t all)>;
  Status CopyTo(Database& target, const OnPages& on_pages);

  [[nodiscard]] const std::string& path() const { return path_; }
  // Rows changed by the last INSERT, UPDATE or DELETE.
  [[nodiscard]] std::int64_t Changes() const;
  [[nodiscard]] bool InTransaction() const;

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  Database(std::string path, sqlite3* connection)
      : path_(std::move(path)), connection_(connection) {}

  std::string path_;
  std::unique_ptr<sqlite3, Close> connection_;
  std::map<std::string, StatementPtr, std::less<>> statements_;
};

// Rolls back when it goes, unless committed.
class Transaction {
 public:
  enum class Kind { kRead, kWrite };
  static Result<Transaction> Begin(Database& database, Kind kind);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace auspex::storage::sqlite
