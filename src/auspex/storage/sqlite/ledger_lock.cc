#include "auspex/storage/sqlite/ledger_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "auspex/storage/posix_error.h"

namespace auspex::storage::sqlite {
namespace {

// "PID ADDRESS", or as much of it as the holder has written.
LedgerHolder ReadHolder(int file) {
  std::array<char, 512> bytes{};
  const ssize_t size = pread(file, bytes.data(), bytes.size(), 0);
  std::string_view text(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  text = text.substr(0, text.find('\n'));
  const std::size_t space = text.find(' ');
  const auto address =
      space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  return {std::string(text.substr(0, space)), std::string(address)};
}

Failure HeldBy(const LedgerHolder& holder, const std::string& ledger) {
  return Fail(ErrorCode::kConflict,
              "ledger '{}' is in use by process {}{}{}: stop that one, or give another path",
              ledger, holder.pid.empty() ? "(not known yet)" : holder.pid,
              holder.address.empty() ? "" : " at ", holder.address);
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
                                ? HeldBy(ReadHolder(file), ledger)
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

Result<std::optional<LedgerHolder>> FindHolder(const std::string& ledger) {
  const std::string name = ledger + ".lock";
  const int file = open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 && errno == ENOENT) return std::optional<LedgerHolder>();
  if (file < 0) return PosixFailure(errno, fmt::format("opening '{}'", name));
  std::optional<LedgerHolder> holder = ReadHolder(file);
  // Whoever ends well leaves it empty.
  if (holder->pid.empty() || flock(file, LOCK_SH | LOCK_NB) == 0) holder.reset();
  close(file);
  return holder;
}

Result<std::string> RealLedgerPath(const std::string& path) {
  if (path.empty()) return Fail(ErrorCode::kInvalidArgument, "a ledger needs a path");
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (!error) std::filesystem::create_directories(absolute.parent_path(), error);
  if (error) {
    return PosixFailure(error.value(), fmt::format("making the folder of ledger '{}'", path));
  }
  const auto real = std::filesystem::weakly_canonical(absolute, error);
  if (error) return PosixFailure(error.value(), fmt::format("finding ledger '{}'", path));
  return real.string();
}

}  // namespace auspex::storage::sqlite
