#pragma once

#include <string_view>

#include "auspex/base/result.h"

namespace auspex::storage {

// What a failed system call on a file means: no right to: kPermissionDenied; the rest (disk full,
// I/O error, too many files): kUnavailable. `doing` names the file; the system's text follows it.
[[nodiscard]] Failure PosixFailure(int error, std::string_view doing);

}  // namespace auspex::storage
