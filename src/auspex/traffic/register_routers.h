#pragma once

#include "auspex/traffic/router.h"

namespace auspex::traffic {

// Every router there is: "haproxy", "memory". Once a registry.
void RegisterRouters(RouterRegistry& registry);

}  // namespace auspex::traffic
