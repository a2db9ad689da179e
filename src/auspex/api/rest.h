#pragma once

#include <string>

#include "auspex/api/event_hub.h"
#include "auspex/api/routes.h"
#include "auspex/rollout/engine.h"
#include "auspex/storage/ledger.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::api {

// What the endpoints stand on; all outlive the routes.
struct RestDependencies {
  rollout::Engine* engine = nullptr;
  storage::Ledger* ledger = nullptr;
  telemetry::RequestSource* requests = nullptr;
  EventHub* events = nullptr;
};

// Adds `/api/v1/…`, `/healthz`, `/readyz` and `/metrics`. Bodies are JSON objects; a key that is
// not known is a 400 with a pointer to it.
void AddRestRoutes(const RestDependencies& dependencies, Routes* routes);

}  // namespace auspex::api
