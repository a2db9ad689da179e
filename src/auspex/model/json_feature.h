#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/model/feature.h"

namespace auspex::model {

[[nodiscard]] nlohmann::ordered_json ToJson(const std::vector<Feature>& features);
// Error: kDataLoss (damaged).
Result<std::vector<Feature>> FeaturesFromJson(const nlohmann::ordered_json& json);

// `bytes` as a JSON object. Error: kDataLoss naming `what`.
Result<nlohmann::ordered_json> ParseStored(std::string_view bytes, std::string_view what);

}  // namespace auspex::model
