#pragma once

#include <string>
#include <string_view>

#include "auspex/base/result.h"
#include "auspex/rollout/rollout.h"
#include "auspex/storage/ledger.h"

namespace auspex::rollout {

// Specs, inputs and decisions as JSON, in the words of `decide`, with what only the daemon knows
// added. Numbers survive the round trip to the last bit, so a stored tick replays exactly. Errors
// of the readers: kInvalidArgument, naming the key and what it should be.

[[nodiscard]] std::string ToJson(const RolloutSpec& spec);
Result<RolloutSpec> SpecFromJson(std::string_view text);

[[nodiscard]] std::string ToJson(const Inputs& inputs);
Result<Inputs> InputsFromJson(std::string_view text);

// One line: {"deployment", "t_s", "decision", "weight", "confidence", "log_e", "p_fail",
// "requests_needed", "verdict", "reason"[, "by"][, "fuse"]}.
[[nodiscard]] std::string ToJson(const Decision& decision, std::string_view deployment);
// The same as the ledger has it: with "seq", "hash" and "actor" (of the tick's last order, or
// null).
[[nodiscard]] std::string StoredDecisionJson(const Decision& decision, const storage::Entry& entry,
                                             std::string_view actor);

[[nodiscard]] std::string ToJson(const Order& order);
Result<Order> OrderFromJson(std::string_view text);

// "pause" … "reject".
[[nodiscard]] std::string_view Name(Order::Kind kind);

}  // namespace auspex::rollout
