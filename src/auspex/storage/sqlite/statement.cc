#include "auspex/storage/sqlite/statement.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

namespace auspex::storage::sqlite {
namespace {

ErrorCode CodeOfCantOpen(int system_error) {
  switch (system_error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermissionDenied;
    case ENOENT:
      return ErrorCode::kNotFound;
    default:
      return ErrorCode::kUnavailable;
  }
}

ErrorCode CodeOf(sqlite3* connection, int extended) {
  // The disk says that what it holds is damaged.
  if (extended == SQLITE_IOERR_DATA || extended == SQLITE_IOERR_CORRUPTFS) {
    return ErrorCode::kDataLoss;
  }
  switch (extended & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
      return ErrorCode::kUnavailable;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorCode::kPermissionDenied;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kDataLoss;
    case SQLITE_CANTOPEN:
      return CodeOfCantOpen(sqlite3_system_errno(connection));
    case SQLITE_TOOBIG:
      return ErrorCode::kInvalidArgument;
    default:
      return ErrorCode::kInternal;
  }
}

}  // namespace

Failure SqliteFailure(sqlite3* connection, std::string_view doing) {
  const int extended = sqlite3_extended_errcode(connection);
  return Fail(CodeOf(connection, extended), "{}: {} (SQLite {})", doing, sqlite3_errmsg(connection),
              extended);
}

void Query::Reset::operator()(sqlite3_stmt* statement) const {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
}

Query& Query::Note(int code) {
  if (code_ == SQLITE_OK) code_ = code;
  return *this;
}

Query& Query::Bind(std::int64_t value) {
  return Note(sqlite3_bind_int64(statement_.get(), ++bound_, value));
}

Query& Query::Bind(std::string_view text) {
  // An empty view may hold a null pointer, which would bind NULL.
  const char* const data = text.data() == nullptr ? "" : text.data();
  return Note(
      sqlite3_bind_text64(statement_.get(), ++bound_, data, text.size(), nullptr, SQLITE_UTF8));
}

Query& Query::Bind(const Sha256& hash) {
  return Note(sqlite3_bind_blob64(statement_.get(), ++bound_, hash.data(), hash.size(), nullptr));
}

Query& Query::BindNull() { return Note(sqlite3_bind_null(statement_.get(), ++bound_)); }

Result<bool> Query::Next() {
  sqlite3* const connection = sqlite3_db_handle(statement_.get());
  if (code_ != SQLITE_OK) return SqliteFailure(connection, "binding a value");
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return SqliteFailure(connection, "running a statement");
  }
}

Status Query::Run() {
  bool more = true;
  while (more) {
    AUSPEX_TRY(more, Next());
  }
  return {};
}

bool Query::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Query::Int(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view Query::Text(int column) const {
  const void* const data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

Result<Sha256> Query::Hash(int column) const {
  const std::string_view bytes = Text(column);
  Sha256 hash{};
  if (bytes.size() != hash.size()) {
    return Fail(ErrorCode::kDataLoss, "a stored SHA-256 has {} bytes, not 32", bytes.size());
  }
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

}  // namespace auspex::storage::sqlite
