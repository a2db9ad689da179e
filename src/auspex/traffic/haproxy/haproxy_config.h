#pragma once

#include <vector>

#include "auspex/base/clock.h"
#include "auspex/traffic/haproxy/runtime_socket.h"
#include "auspex/traffic/router.h"

namespace auspex::traffic {

struct HaproxySettings {
  std::vector<RuntimeSocket> sockets;  // one to HaproxyRouter::kMostProxies, all different
  Duration timeout;
  Duration drain;
};

// Of the keys that haproxy_router.h names. Error: kInvalidArgument, beginning with the key.
Result<HaproxySettings> ReadHaproxySettings(const RouterConfig& config);

}  // namespace auspex::traffic
