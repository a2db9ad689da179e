#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// A way for a deployment to end: what was decided, whether anything was proven, and by whom.
struct End {
  Action decision = Action::kPromote;
  Verdict verdict = Verdict::kPass;
  std::string by;  // Decision::by; empty: nobody in particular, it went through
  friend auto operator<=>(const End&, const End&) = default;
};

// Every way that some policy or person has. Deployments that a newer version decided may have
// another.
[[nodiscard]] const std::vector<End>& KnownEnds();

// How the deployments of each service ended, since the start. Thread-safe.
class EndCounter {
 public:
  // Each way of each of these services is there from the beginning, with 0: a series that begins
  // with 1 has no increase to alert on.
  explicit EndCounter(const std::vector<std::string>& services);

  void Add(const std::string& service, const End& end);

  struct Count {
    std::string service;
    End end;
    std::int64_t deployments = 0;
  };
  // By service, then by end.
  [[nodiscard]] std::vector<Count> Counts() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::map<End, std::int64_t>> counts_ AUSPEX_GUARDED_BY(mutex_);
};

}  // namespace auspex::rollout
