#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auspex/api/event_hub.h"
#include "auspex/api/rest.h"
#include "auspex/api/routes.h"
#include "auspex/builds/ledger/fact_log.h"
#include "auspex/rollout/engine.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "auspex/telemetry/sources/request_counter.h"
#include "auspex/traffic/register_routers.h"

namespace auspex::api {

// When the log has an event of this name, the process kills itself: after what the call does is on
// disk, and before anybody is answered.
inline Logger::Sink KillingSink(std::string event) {
  return [event = std::move(event)](std::string_view line) {
    if (!event.empty() && line.find("\"" + event + "\"") != std::string_view::npos)
      ::kill(::getpid(), SIGKILL);
  };
}

// What `auspex serve` puts together, on a folder that outlives it, without a network.
struct Daemon {
  Daemon(const std::string& folder, const std::string& killed_at)
      : log(LogLevel::kInfo, KillingSink(killed_at)) {
    RegisterRouters(routers);
    ledger = Must(storage::SqliteLedger::Open({.path = folder + "/ledger.db"}));
    rollout::ServiceConfig shop;
    shop.name = "shop";
    shop.router = "memory";
    shop.router_config = {.service = "shop", .keys = {}};
    shop.backend = "shop";
    shop.servers = {"a", "b"};
    engine = Must(rollout::Engine::Create({.ledger = ledger.get(),
                                           .requests = &requests,
                                           .metrics = nullptr,
                                           .routers = &routers,
                                           .clock = &clock,
                                           .log = &log,
                                           .on_event = {}},
                                          {shop}));
    facts = Must(builds::FactLog::Open(ledger.get()));
    assessor = std::make_unique<risk::Assessor>(risk::Assessor::Dependencies{
        .ledger = ledger.get(), .clock = &clock, .log = &log, .facts = {}});
    Routes routes;
    AddRestRoutes({.engine = engine.get(),
                   .ledger = ledger.get(),
                   .requests = &requests,
                   .events = &events,
                   .facts = facts.get(),
                   .clock = &clock,
                   .log = &log,
                   .assessor = assessor.get(),
                   .foretell =
                       [this](const std::string& deployment, const risk::Prediction& prediction) {
                         foretold.emplace_back(deployment, prediction);
                         entries_when_told = Entries(deployment, "");
                       }},
                  &routes);
    handler = routes.ToHandler();
  }

  HttpReply Post(const std::string& path, const std::string& body, const std::string& key) const {
    HttpCall call;
    call.method = "POST";
    call.path = path;
    call.body = body;
    call.peer = "127.0.0.1:1";
    call.caller = {.name = "ann", .role = Role::kAdmin, .token = {}};
    call.headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", key}};
    return handler(call);
  }
  [[nodiscard]] std::size_t Entries(const std::string& id, const std::string& kind) const {
    const auto entries = ledger->Entries({.deployment = id, .kind = kind});
    EXPECT_TRUE(entries.ok());
    return entries.ok() ? entries->size() : 0;
  }

  template <typename T>
  static T Must(Result<T> made) {
    if (!made.ok()) ADD_FAILURE() << made.error().message;
    return *std::move(made);
  }

  RealClock clock;
  Logger log;
  telemetry::RequestCounter requests;
  traffic::RouterRegistry routers;
  EventHub events;
  std::unique_ptr<storage::Ledger> ledger;
  std::unique_ptr<rollout::Engine> engine;
  std::unique_ptr<builds::FactLog> facts;
  std::unique_ptr<risk::Assessor> assessor;
  std::vector<std::pair<std::string, risk::Prediction>> foretold;
  std::size_t entries_when_told = 0;  // of that deployment
  Handler handler;
};

}  // namespace auspex::api
