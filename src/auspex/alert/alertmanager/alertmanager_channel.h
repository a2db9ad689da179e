#pragma once

#include <string>

#include "auspex/alert/channel.h"

namespace auspex::alert {

// "alertmanager": Prometheus Alertmanager's API v2 (POST /api/v2/alerts). Keys: `url` (of
// Alertmanager, without /api/v2), `resolve_after` (a duration, default 1h: an alert that nobody
// ends ends by itself), `bearer` ({env: …} or {file: …}), `ca_file`.
void RegisterAlertmanagerChannel(ChannelRegistry& registry);

// The body of the call: a list of the one alert. Labels are what makes it the same alert again
// (alertname, severity, service, deployment, key); annotations say what may change (summary,
// reasons, probability, version). `endsAt` is `resolve_after` later, or now where it is resolved.
[[nodiscard]] std::string AlertmanagerBody(const Alert& alert, Duration resolve_after);

}  // namespace auspex::alert
