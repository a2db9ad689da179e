#include "auspex/storage/sqlite/ledger_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <utility>

#include "auspex/storage/posix_error.h"

namespace auspex::storage::sqlite {
namespace {

// "PID ADDRESS", or as much of it as the holder has written.
Failure HeldBy(int file, const std::string& ledger) {
  std::array<char, 512> bytes{};
  const ssize_t size = pread(file, bytes.data(), bytes.size(), 0);
  std::string_view text(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  text = text.substr(0, text.find('\n'));
  const std::size_t space = text.find(' ');
  const std::string_view pid = text.substr(0, space);
  const std::string_view address =
      space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  return Fail(ErrorCode::kConflict,
              "ledger '{}' is in use by process {}{}{}: stop that one, or give another path",
              ledger, pid.empty() ? "(not known yet)" : pid, address.empty() ? "" : " at ",
              address);
}

Status WriteHolder(int file, const std::string& name, const std::string& address) {
  const std::string text = fmt::format("{} {}\n", getpid(), address);
  if (ftruncate(file, 0) == 0 &&
      pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) {
    return {};
  }
  return PosixFailure(errno, fmt::format("writing '{}'", name));
}

}  // namespace

Result<LedgerLock> LedgerLock::Take(const std::string& ledger, const std::string& address) {
  const std::string name = ledger + ".lock";
  const int file = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file < 0) return PosixFailure(errno, fmt::format("opening '{}'", name));
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    const Failure failure = errno == EWOULDBLOCK
                                ? HeldBy(file, ledger)
                                : PosixFailure(errno, fmt::format("locking '{}'", name));
    close(file);
    return failure;
  }
  LedgerLock lock(file);
  AUSPEX_TRY(WriteHolder(file, name, address));
  return lock;
}

LedgerLock::LedgerLock(LedgerLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

LedgerLock::~LedgerLock() {
  if (file_ < 0) return;
  // So that the next holder's first moment does not show us.
  static_cast<void>(ftruncate(file_, 0) == 0);
  close(file_);
}

}  // namespace auspex::storage::sqlite
