#include "auspex/storage/posix_error.h"

#include <cerrno>
#include <system_error>

namespace auspex::storage {

Failure PosixFailure(int error, std::string_view doing) {
  const bool denied = error == EACCES || error == EPERM || error == EROFS;
  return Fail(denied ? ErrorCode::kPermissionDenied : ErrorCode::kUnavailable, "{}: {}{}", doing,
              std::generic_category().message(error), MendOf(error));
}

std::string MendOf(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "; free space on its disk, or raise the quota";
    case EFBIG:
      return "; raise the limit of its size (`ulimit -f`, LimitFSIZE of the unit)";
    case EACCES:
    case EPERM:
      return "; give this user the right to it, or give another path";
    case EROFS:
      return "; mount its disk for writing, or give another path";
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
      return "; give the path of a file";
    case EIO:
      return "; look after the disk (`dmesg` says more)";
    case EMFILE:
    case ENFILE:
      return "; raise the limit of open files (`ulimit -n`)";
    default:
      return "";
  }
}

}  // namespace auspex::storage
