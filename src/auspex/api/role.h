#pragma once

#include <string_view>

#include "auspex/base/result.h"

namespace auspex::api {

// What a caller may do; each may do what those before it may.
enum class Role {
  kNobody,    // has shown nothing: health and the description of the API
  kViewer,    // reads
  kOperator,  // steers rollouts
  kAdmin,     // changes what rollouts are decided by
};

[[nodiscard]] std::string_view Name(Role role);
// A role that a token can have: viewer, operator or admin. Error: kInvalidArgument.
Result<Role> ParseRole(std::string_view text);

}  // namespace auspex::api
