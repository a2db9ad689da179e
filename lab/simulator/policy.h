#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "lab/simulator/traffic.h"

namespace auspex::lab::simulator {

// How a deployment ended under a policy. Times in seconds since the announcement.
struct Outcome {
  enum class End { kNone, kPromoted, kRolledBack };
  End end = End::kNone;
  double end_s = kHorizonSeconds;
  bool by_evidence = false;       // rolled back because a statistical test proved it
  std::string by;                 // who ended it, in the policy's own words
  double harmed = 0.0;            // expected, until the roll back or the horizon
  std::optional<double> full_s;   // when the canary first had 95 % or more
  std::optional<double> begun_s;  // when the fault first touched a request
};

// One rollout under a policy, fed tick by tick.
class Run {
 public:
  virtual ~Run() = default;
  struct Look {
    double seconds = 0.0;  // of the next tick
    Split split;           // while it lasts
    LatencyEdges edges;
    bool ended = false;
    Outcome::End end = Outcome::End::kNone;
    bool by_evidence = false;
    std::string by;
  };
  // What it wants of the next tick; ended: it has decided, and looks no more.
  [[nodiscard]] virtual const Look& Next() const = 0;
  // The tick that began at `begin_s` showed this.
  virtual void See(double begin_s, const Tick& tick) = 0;
};

// A rule that steers canaries. Thread-safe: a run is its own.
struct Policy {
  std::string name;   // for --policy
  std::string title;  // in tables
  std::unique_ptr<Run> (*begin)(const Deployment& deployment, Traffic* traffic, int variant) = {};
  int variant = 0;
  bool only_by_name = false;  // a further setting of one that is there
};

// In the order of the tables.
[[nodiscard]] const std::vector<Policy>& AllPolicies();
// None: all but those only by name. Error: kInvalidArgument with the names there are. A name may
// end in `*`.
Result<std::vector<Policy>> FindPolicies(const std::vector<std::string>& names);

// The deployment under the policy, from the announcement to the horizon.
[[nodiscard]] Outcome Play(const Deployment& deployment, const Policy& policy);

}  // namespace auspex::lab::simulator
