#include "auspex/rollout/end_counter.h"

namespace auspex::rollout {

const std::vector<End>& KnownEnds() {
  static const std::vector<End> kEnds = {{Action::kPromote, Verdict::kPass, ""},
                                         {Action::kPromote, Verdict::kNotProven, "deadline"},
                                         {Action::kPromote, Verdict::kNotProven, "manual"},
                                         {Action::kPromote, Verdict::kNotProven, "steps"},
                                         {Action::kRollBack, Verdict::kFail, "canary down"},
                                         {Action::kRollBack, Verdict::kFail, "evidence"},
                                         {Action::kRollBack, Verdict::kFail, "prediction"},
                                         {Action::kRollBack, Verdict::kFail, "rule"},
                                         {Action::kRollBack, Verdict::kFail, "steps"},
                                         {Action::kRollBack, Verdict::kNotProven, "approval"},
                                         {Action::kRollBack, Verdict::kNotProven, "deadline"},
                                         {Action::kRollBack, Verdict::kNotProven, "manual"}};
  return kEnds;
}

EndCounter::EndCounter(const std::vector<std::string>& services) {
  for (const std::string& service : services) {
    for (const End& end : KnownEnds()) counts_[service][end] = 0;
  }
}

void EndCounter::Add(const std::string& service, const End& end) {
  const MutexLock lock(mutex_);
  ++counts_[service][end];
}

std::vector<EndCounter::Count> EndCounter::Counts() const {
  const MutexLock lock(mutex_);
  std::vector<Count> counts;
  for (const auto& [service, ends] : counts_) {
    for (const auto& [end, deployments] : ends)
      counts.push_back({.service = service, .end = end, .deployments = deployments});
  }
  return counts;
}

}  // namespace auspex::rollout
