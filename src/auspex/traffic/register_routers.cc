#include "auspex/traffic/register_routers.h"

#include "auspex/traffic/haproxy/haproxy_router.h"
#include "auspex/traffic/memory/memory_router.h"

namespace auspex::traffic {

void RegisterRouters(RouterRegistry& registry) {
  RegisterHaproxyRouter(registry);
  RegisterMemoryRouter(registry);
}

}  // namespace auspex::traffic
