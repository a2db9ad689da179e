#pragma once

// Private to this module: the codec on parsed JSON.

#include <nlohmann/json.hpp>

#include "auspex/rollout/codec.h"

namespace auspex::rollout {

using Json = nlohmann::ordered_json;

// Of keys that are not the format's: what is stored may have those of older and newer programs,
// what a person or a client writes may not, as a misspelt one would be a silent default.
enum class UnknownKeys { kIgnore, kRefuse };
Result<RolloutSpec> SpecFrom(const Json& start, UnknownKeys unknown = UnknownKeys::kIgnore);
Result<Inputs> InputsFrom(const Json& tick, UnknownKeys unknown = UnknownKeys::kIgnore);
[[nodiscard]] Json JsonOf(const Decision& decision, std::string_view deployment);
Result<Decision> DecisionFrom(const Json& line);

}  // namespace auspex::rollout
