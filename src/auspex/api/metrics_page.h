#pragma once

#include <string>
#include <string_view>

#include "auspex/api/rest.h"

namespace auspex::api {

// `/metrics` in the Prometheus text format 0.0.4: counters of the engine and the feed, one gauge
// set a running deployment.
[[nodiscard]] std::string MetricsPage(const RestDependencies& dependencies);
// The state that it counts one that has not ended under: as the API says, but what is held at its
// deadline waits for a person as much as what waits for approval.
[[nodiscard]] std::string_view MetricState(const rollout::DeploymentView& view);

}  // namespace auspex::api
