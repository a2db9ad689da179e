#pragma once

#include <string>

#include "auspex/api/event_hub.h"
#include "auspex/api/routes.h"
#include "auspex/api/webhooks.h"
#include "auspex/base/clock.h"
#include "auspex/base/log.h"
#include "auspex/risk/assessor.h"
#include "auspex/risk/change_source.h"
#include "auspex/rollout/engine.h"
#include "auspex/storage/ledger.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::alert {
class AlertSender;
}
namespace auspex::builds {
class FactLog;
}

namespace auspex::api {

// Under it a call may have a large body (ServerLimits::large_under).
inline constexpr const char* kIngestPrefix = "/api/v1/ingest/";

// What the endpoints stand on; all outlive the routes.
struct RestDependencies {
  rollout::Engine* engine = nullptr;
  storage::Ledger* ledger = nullptr;
  telemetry::RequestSource* requests = nullptr;
  EventHub* events = nullptr;
  const alert::AlertSender* alerts = nullptr;  // null: no figures of it
  builds::FactLog* facts = nullptr;            // null: ingest and features answer 503
  WebhookSecrets webhooks = {};                // by which ingest takes calls without a token
  const Clock* clock = nullptr;
  const Logger* log = nullptr;
  risk::Assessor* assessor = nullptr;     // null: a deployment has its service's prior risk
  risk::ChangeSource* changes = nullptr;  // where nobody tells what changes; null: nowhere
  // Tells of a deployment that will likely fail, before it begins; waits for the delivery, seconds
  // at most. Empty: nobody is told.
  std::function<void(const std::string& deployment, const risk::Prediction&)> foretell = {};
  // It did not begin after all.
  std::function<void(const std::string& deployment)> withdraw = {};
};

// Adds `/api/v1/…`, `/healthz`, `/readyz`, `/metrics` and, last, `/openapi.json`, which describes
// them all: other routes are added before. Bodies are JSON objects; a key that is not known is a
// 400 with a pointer to it. What a viewer may do reads, what an operator may do steers; health and
// the description are for everybody.
void AddRestRoutes(const RestDependencies& dependencies, Routes* routes);

}  // namespace auspex::api
