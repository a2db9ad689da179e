#pragma once

#include <functional>
#include <string>

#include "auspex/api/idempotency.h"
#include "auspex/api/rest.h"
#include "auspex/api/routes.h"

// Private to this module: the parts of rest.h, a file each.
namespace auspex::api {

// Adds `Idempotency-Key` to a POST that begins or changes a deployment, and its handler.
using Keyed = std::function<Route(Route, Idempotency::KeyedHandler)>;

extern const RouteInput kLimitInput;

// The answer to a POST that began (201) or changed (202) a deployment: as it is now.
[[nodiscard]] HttpReply DeploymentNow(const RestDependencies& dependencies, const std::string& id,
                                      int status);

void AddIngestRoutes(const RestDependencies& dependencies, const Keyed& keyed, Routes* routes);
void AddFeatureRoutes(const RestDependencies& dependencies, Routes* routes);
void AddDeploymentRoutes(const RestDependencies& dependencies, const Keyed& keyed, Routes* routes);

}  // namespace auspex::api
