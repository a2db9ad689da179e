#pragma once

#include <string>
#include <string_view>

#include "auspex/base/result.h"

namespace auspex::storage {

// What a failed system call on a file means: no right to: kPermissionDenied; the rest (disk full,
// I/O error, too many files): kUnavailable. `doing` names the file; the system's text and the mend
// follow it.
[[nodiscard]] Failure PosixFailure(int error, std::string_view doing);
// "; free space on its disk": what a person does about it. Empty where we know nothing.
[[nodiscard]] std::string MendOf(int error);

}  // namespace auspex::storage
