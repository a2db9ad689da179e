#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "auspex/base/result.h"
#include "auspex/base/sha256.h"

namespace auspex::storage::sqlite {

// SQLite's text for a failed call on `connection`, with the ErrorCode that says who acts:
// FULL, BUSY, LOCKED, IOERR, NOMEM: kUnavailable; READONLY, PERM, AUTH, no right to open, or a disk
// that has become read-only: kPermissionDenied; CORRUPT, NOTADB: kDataLoss; the rest is a bug of
// ours.
[[nodiscard]] Failure SqliteFailure(sqlite3* connection, std::string_view doing);

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

// One run of a prepared statement: bind its parameters in order, step through its rows. Resets the
// statement when it goes. What is bound must live as long. Not thread-safe.
class Query {
 public:
  explicit Query(sqlite3_stmt* statement) : statement_(statement) {}

  Query& Bind(std::int64_t value);
  Query& Bind(std::string_view text);
  Query& Bind(const Sha256& hash);
  Query& BindNull();

  // True: there is a row to read.
  Result<bool> Next();
  // To the end, for statements without rows.
  Status Run();

  [[nodiscard]] bool IsNull(int column) const;
  [[nodiscard]] std::int64_t Int(int column) const;
  // Until the next step.
  [[nodiscard]] std::string_view Text(int column) const;
  // Error: kDataLoss if there are not 32 bytes.
  [[nodiscard]] Result<Sha256> Hash(int column) const;

 private:
  struct Reset {
    void operator()(sqlite3_stmt* statement) const;
  };
  Query& Note(int code);

  std::unique_ptr<sqlite3_stmt, Reset> statement_;
  int bound_ = 0;
  int code_ = SQLITE_OK;  // of the first bind that failed
};

}  // namespace auspex::storage::sqlite
