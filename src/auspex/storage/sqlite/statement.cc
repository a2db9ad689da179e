#include "auspex/storage/sqlite/statement.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>

#include "auspex/storage/posix_error.h"

namespace auspex::storage::sqlite {
namespace {

bool IsDenied(int system_error) {
  return system_error == EACCES || system_error == EPERM || system_error == EROFS;
}

int LastErrorOf(sqlite3_file* file) {
  int error = 0;
  if (file == nullptr || file->pMethods == nullptr ||
      file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) != SQLITE_OK) {
    return 0;
  }
  return error;
}

// What the system answered to the call that failed. SQLite keeps it at the file (the log, where
// writes go, or the database), and of a call that opened one at the connection.
int SystemError(sqlite3* connection, int extended) {
  const int primary = extended & 0xff;
  if (primary == SQLITE_CANTOPEN) return sqlite3_system_errno(connection);
  if (primary != SQLITE_IOERR) return 0;
  sqlite3_file* database = nullptr;
  sqlite3_file* log = nullptr;
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &database);
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  const bool reads = extended == SQLITE_IOERR_READ || extended == SQLITE_IOERR_SHORT_READ;
  for (sqlite3_file* const file : {reads ? database : log, reads ? log : database}) {
    if (const int error = LastErrorOf(file); error != 0) return error;
  }
  return sqlite3_system_errno(connection);
}

ErrorCode CodeOfCantOpen(int system_error) {
  if (IsDenied(system_error)) return ErrorCode::kPermissionDenied;
  return system_error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
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
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
      return ErrorCode::kUnavailable;
    case SQLITE_IOERR:  // a disk that has become read-only shows as this
      return IsDenied(SystemError(connection, extended)) ? ErrorCode::kPermissionDenied
                                                         : ErrorCode::kUnavailable;
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

// "disk I/O error" alone mends nothing.
std::string SystemText(int error) {
  return error == 0 ? "" : ": " + std::generic_category().message(error);
}

std::string Mend(int system_error, int extended) {
  if (system_error != 0) return MendOf(system_error);
  switch (extended & 0xff) {
    case SQLITE_FULL:
      return MendOf(ENOSPC);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "; another program has locked it: end that one (`fuser FILE` names it)";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return MendOf(EACCES);
    default:
      return "";
  }
}

}  // namespace

Failure SqliteFailure(sqlite3* connection, std::string_view doing) {
  const int extended = sqlite3_extended_errcode(connection);
  const int error = SystemError(connection, extended);
  return Fail(CodeOf(connection, extended), "{}: {}{} (SQLite {}){}", doing,
              sqlite3_errmsg(connection), SystemText(error), extended, Mend(error, extended));
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
  const char* const file = sqlite3_db_filename(connection, "main");
  const std::string name = fmt::format("'{}'", file == nullptr ? "" : file);
  if (code_ != SQLITE_OK) return SqliteFailure(connection, name + ": binding a value");
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return SqliteFailure(connection, name);
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
