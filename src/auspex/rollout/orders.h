#pragma once

#include <vector>

#include "auspex/rollout/adaptive.h"
#include "auspex/rollout/rollout.h"

namespace auspex::rollout {

// What a person orders stands above the policy's choice; only a rollback by the policy stands above
// a person's wish for more traffic. Pauses and resumes `rollout`. Pure but for that.
[[nodiscard]] Choice ApplyOrders(Rollout* rollout, const std::vector<Order>& orders, Choice choice);

// Why this order cannot be given in the rollout's present phase, or nothing: approve and reject are
// for one that waits, which in turn takes only those two and abort; a canary that is down takes no
// traffic.
[[nodiscard]] std::string WhyNot(const Rollout& rollout, Order::Kind kind);

}  // namespace auspex::rollout
