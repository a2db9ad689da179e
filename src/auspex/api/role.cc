#include "auspex/api/role.h"

namespace auspex::api {

std::string_view Name(Role role) {
  switch (role) {
    case Role::kNobody:
      return "nobody";
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      return "operator";
    case Role::kAdmin:
      return "admin";
  }
  return "nobody";
}

Result<Role> ParseRole(std::string_view text) {
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
    if (text == Name(role)) return role;
  }
  return Fail(ErrorCode::kInvalidArgument, "'{}' is not a role: viewer, operator or admin", text);
}

}  // namespace auspex::api
