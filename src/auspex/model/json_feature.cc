#include "auspex/model/json_feature.h"

#include <string>

namespace auspex::model {

using Json = nlohmann::ordered_json;

Json ToJson(const std::vector<Feature>& features) {
  Json out = Json::array();
  for (const Feature& feature : features) {
    Json one = {{"name", feature.name}, {"unit", feature.unit}, {"scale", Name(feature.scale)}};
    if (!feature.phrase.empty()) one["phrase"] = feature.phrase;
    if (feature.period > 0) one["period"] = feature.period;
    if (feature.monotone != 0) one["monotone"] = feature.monotone;
    out.push_back(std::move(one));
  }
  return out;
}

Result<std::vector<Feature>> FeaturesFromJson(const Json& json) {
  std::vector<Feature> features;
  try {
    for (const Json& one : json) {
      AUSPEX_TRY(const FeatureScale scale, ScaleNamed(one.at("scale").get<std::string>()));
      features.push_back({one.at("name").get<std::string>(), one.at("unit").get<std::string>(),
                          scale, one.value("phrase", std::string()), one.value("period", 0.0),
                          one.value("monotone", 0)});
    }
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kDataLoss, "the list of features is damaged: {}", error.what());
  }
  return features;
}

Result<Json> ParseStored(std::string_view bytes, std::string_view what) {
  Json json = Json::parse(bytes, nullptr, false);
  if (json.is_discarded() || !json.is_object())
    return Fail(ErrorCode::kDataLoss, "{} is damaged: it is no JSON object", what);
  return json;
}

}  // namespace auspex::model
