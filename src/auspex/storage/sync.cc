#include "auspex/storage/sync.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "auspex/storage/posix_error.h"

namespace auspex::storage {
namespace {

Status Sync(std::string_view what, const std::string& path, int flags) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  const bool synced = file >= 0 && fsync(file) == 0;
  const int error = errno;
  if (file >= 0) close(file);
  if (synced) return {};
  return PosixFailure(error, fmt::format("syncing {} '{}'", what, path));
}

}  // namespace

Status SyncFolder(const std::string& folder) { return Sync("folder", folder, O_DIRECTORY); }

Status SyncFile(const std::string& path) { return Sync("file", path, 0); }

}  // namespace auspex::storage
