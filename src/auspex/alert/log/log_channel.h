#pragma once

#include "auspex/alert/channel.h"

namespace auspex::alert {

// "log": a line of the daemon's own log, event `alert_told`, for whoever ships logs. No keys.
void RegisterLogChannel(ChannelRegistry& registry);

}  // namespace auspex::alert
