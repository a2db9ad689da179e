#include "auspex/storage/posix_error.h"

#include <cerrno>
#include <system_error>

namespace auspex::storage {

Failure PosixFailure(int error, std::string_view doing) {
  const bool denied = error == EACCES || error == EPERM || error == EROFS;
  return Fail(denied ? ErrorCode::kPermissionDenied : ErrorCode::kUnavailable, "{}: {}", doing,
              std::generic_category().message(error));
}

}  // namespace auspex::storage
