#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/alert/alert.h"
#include "auspex/base/clock.h"
#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"

namespace auspex::cli {

// From the events of the engine to alerts for people. Thread-safe.
//   AuspexRolledBack (critical)      the canary failed; nobody ends it but time
//   AuspexDecisionNeeded (critical)  held at the deadline until a person promotes or aborts it
//   AuspexApprovalNeeded (warning)   waits for a person before any traffic
//   AuspexRolloutAlert (warning)     anything else: it is held, limited, or the ledger refuses
// All but the first end when the rollout goes on (it advances again), or ends; what was foretold
// (foretold.h) when it ends.
class RolloutAlerts {
 public:
  // `public_url`: of the API, for links.
  explicit RolloutAlerts(std::string public_url) : public_url_(std::move(public_url)) {}

  // One that was told already, before the rollout began.
  void Add(const alert::Alert& alert);
  // Of a rollout that did not begin: the ends of what was told of it.
  [[nodiscard]] std::vector<alert::Alert> Withdraw(const std::string& deployment, WallTime now);

  // An event of the engine: its type, deployment and JSON (rollout/engine.h).
  [[nodiscard]] std::vector<alert::Alert> From(std::string_view type, const std::string& deployment,
                                               std::string_view json, WallTime now);

 private:
  std::string public_url_;
  Mutex mutex_;
  // By deployment: what was told and has not ended.
  std::map<std::string, std::vector<alert::Alert>, std::less<>> firing_ AUSPEX_GUARDED_BY(mutex_);
};

}  // namespace auspex::cli
