#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"

namespace auspex::lab {

// One line to a Unix socket whose owner answers and hangs up, as HAProxy's runtime socket does.
// Blocks. Errors: kInvalidArgument (a path over 107 bytes), kUnavailable (nobody there, no answer
// within `limit`, an answer over 8 MiB).
Result<std::string> AskSocket(const std::filesystem::path& socket, std::string_view command,
                              Duration limit);

}  // namespace auspex::lab
