#pragma once

#include <string>
#include <string_view>

#include "auspex/base/result.h"
#include "auspex/cli/commands.h"

namespace auspex::cli {

// Calls the daemon's API; answers are JSON texts. Errors: kUnavailable (no daemon, or it is in
// trouble), kNotFound, kConflict, kInvalidArgument, kPermissionDenied with the problem's detail;
// kInvalidArgument for a token that would go to another machine in the clear.
Result<std::string> GetApi(const ClientOptions& client, std::string_view path);
Result<std::string> PostApi(const ClientOptions& client, std::string_view path, std::string body);

// As PostApi, of a body of that type.
Result<std::string> PostBytes(const ClientOptions& client, std::string_view path,
                              std::string_view content_type, std::string body);

// Who acts, for the audit trail: `given`, else user@host.
[[nodiscard]] std::string ActorName(const std::string& given);

}  // namespace auspex::cli
