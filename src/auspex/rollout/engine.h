#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/log.h"
#include "auspex/base/result.h"
#include "auspex/rollout/deployment_view.h"
#include "auspex/rollout/end_counter.h"
#include "auspex/rollout/rollout.h"
#include "auspex/rollout/service_config.h"
#include "auspex/storage/ledger.h"
#include "auspex/telemetry/telemetry.h"
#include "auspex/traffic/router.h"

namespace auspex::rollout {

// The shell that runs many rollouts: it observes, calls Advance, stores the turn, then carries the
// commands out and observes that the router obeyed. One thread decides; a few carry out calls that
// may wait. All due rollouts of a pass share one transaction, committed before any command of that
// pass.
//
// After a crash the ledger says what was decided: Create() decides every running deployment's ticks
// again, compares the router with it, and goes on. Thread-safe.
class Engine {
 public:
  struct Event {
    std::string type;  // "decision", "state", "alert"
    std::string deployment;
    std::string json;
  };
  struct Dependencies {
    storage::Ledger* ledger;  // outlives the engine, as all of these
    telemetry::RequestSource* requests;
    telemetry::MetricSource* metrics;  // may be null where no signal asks for it
    const traffic::RouterRegistry* routers;
    const Clock* clock;
    const Logger* log;
    std::function<void(const Event&)> on_event;  // called from the engine's thread; must not block
  };

  // Errors: a router that cannot be made; a ledger that cannot be read. A running deployment whose
  // service is not configured any more is left as it is, and logged as an error.
  static Result<std::unique_ptr<Engine>> Create(Dependencies dependencies,
                                                std::vector<ServiceConfig> services);
  // Stops deciding at once and waits for calls that are under way, seconds at most; rollouts stay
  // as they are and go on with the next Create().
  virtual ~Engine() = default;

  struct Announcement {
    std::string service;
    std::string version;
    std::string baseline_version;  // may be empty
    std::string actor;
    std::optional<double> risk;  // P(fail), overrides the service's
    // What that stands on, as JSON: stored with the announcement, as an entry of kind "prediction".
    // Empty: nothing.
    std::string prediction = {};
    // Called once with the deployment's id, before anything of it is stored or moves: for what has
    // to be told first. From the caller's thread; may be empty. The deployment may still be refused
    // (kConflict, kUnavailable).
    std::function<void(const std::string& id)> before = {};
    // The call that announces, where it has a key: taken in the ledger, and stored as done together
    // with what it does.
    std::optional<storage::KeyedCall> call = {};
  };
  // Begins a rollout. Errors: kNotFound (service), kInvalidArgument (version; no slot has 100 %; a
  // proxy that does not draw at random), kConflict (one runs already), kUnavailable (the router,
  // the ledger, too many callers that wait).
  virtual Result<DeploymentView> Announce(const Announcement& announcement) = 0;
  // A person's order; in the ledger when this returns, and obeyed at once: the tick at hand is
  // closed early. Errors: kNotFound, kConflict (it has ended, or its phase has no such order: see
  // WhyNot in orders.h), kInvalidArgument (no reason given), kUnavailable (the ledger refused,
  // or too many callers wait; nothing was ordered).
  // `call`: as Announcement's; kConflict where it took effect before.
  virtual Result<DeploymentView> Give(std::string_view id, const Order& order,
                                      const std::optional<storage::KeyedCall>& call) = 0;
  Result<DeploymentView> Give(std::string_view id, const Order& order) {
    return Give(id, order, std::nullopt);
  }

  // Running ones, and those that ended since the start; others are in the ledger.
  virtual Result<DeploymentView> Get(std::string_view id) const = 0;  // kNotFound
  virtual Result<std::string> Evidence(std::string_view id) = 0;
  [[nodiscard]] virtual std::vector<DeploymentView> Running() const = 0;
  [[nodiscard]] virtual const std::vector<ServiceConfig>& services() const = 0;

  struct Counters {
    std::int64_t decisions = 0;
    std::int64_t passes = 0;
    std::int64_t router_errors = 0;
    std::int64_t ledger_errors = 0;
    std::int64_t reasserted = 0;
  };
  [[nodiscard]] virtual Counters counters() const = 0;
  // How deployments of the configured services ended since the start.
  [[nodiscard]] virtual std::vector<EndCounter::Count> Ends() const = 0;

  // Why the ledger takes no decisions now (disk full, read-only, locked, damaged); empty: it does.
  // Meanwhile each rollout holds its weight, says so in its reason and in an "alert" event, and
  // goes on by itself. Known from the last transaction, so an idle engine does not notice.
  [[nodiscard]] virtual std::string LedgerTrouble() const = 0;
};

}  // namespace auspex::rollout
