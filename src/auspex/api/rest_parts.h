#pragma once

#include <functional>

#include "auspex/api/rest.h"
#include "auspex/api/routes.h"

// Private to this module: the parts of rest.h, a file each.
namespace auspex::api {

// Adds `Idempotency-Key` to a POST.
using Keyed = std::function<Route(Route)>;

extern const RouteInput kLimitInput;

void AddDeploymentRoutes(const RestDependencies& dependencies, const Keyed& keyed, Routes* routes);

}  // namespace auspex::api
