#include "auspex/traffic/config_keys.h"

#include <algorithm>
#include <vector>

#include "auspex/base/ids.h"

namespace auspex::traffic {

Status CheckKeys(const RouterConfig& config, std::initializer_list<std::string_view> own) {
  std::vector<std::string_view> known = {"router", "backend", "servers"};
  known.insert(known.end(), own.begin(), own.end());
  std::vector<std::string_view> given;
  given.reserve(config.keys.size() + config.lists.size());
  for (const auto& entry : config.keys) given.push_back(entry.first);
  for (const auto& entry : config.lists) given.push_back(entry.first);
  for (const std::string_view key : given) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    return Fail(ErrorCode::kInvalidArgument, "{}: this router has no such key; there is {}", key,
                fmt::join(known, ", "));
  }
  return {};
}

Status CheckRoute(const Route& route) {
  AUSPEX_TRY(CheckName("backend", route.backend));
  AUSPEX_TRY(CheckName("baseline server", route.baseline));
  AUSPEX_TRY(CheckName("canary server", route.canary));
  if (route.baseline == route.canary) {
    return Fail(ErrorCode::kInvalidArgument,
                "backend '{}': baseline and canary are both server '{}'; a route needs two",
                route.backend, route.canary);
  }
  return {};
}

}  // namespace auspex::traffic
