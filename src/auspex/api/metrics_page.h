#pragma once

#include <string>

#include "auspex/api/rest.h"

namespace auspex::api {

// `/metrics` in the Prometheus text format 0.0.4: counters of the engine and the feed, one gauge
// set a running deployment.
[[nodiscard]] std::string MetricsPage(const RestDependencies& dependencies);

}  // namespace auspex::api
