#pragma once

// Private to this module: the codec on parsed JSON.

#include <nlohmann/json.hpp>

#include "auspex/rollout/codec.h"

namespace auspex::rollout {

using Json = nlohmann::ordered_json;

Result<RolloutSpec> SpecFrom(const Json& start);
Result<Inputs> InputsFrom(const Json& tick);
[[nodiscard]] Json JsonOf(const Decision& decision, std::string_view deployment);
Result<Decision> DecisionFrom(const Json& line);

}  // namespace auspex::rollout
