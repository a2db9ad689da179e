#pragma once

#include <string>

#include "auspex/api/routes.h"

namespace auspex::api {

// The OpenAPI 3.1 document of these routes, as JSON. Made from their table alone: a route that is
// added is in it. The version is that of the API, not of the program.
[[nodiscard]] std::string OpenApiDocument(const std::vector<Route>& routes);

// Adds `GET /openapi.json` with the document of all routes that are there, and of itself.
void AddOpenApiRoute(Routes* routes);

}  // namespace auspex::api
