#include "auspex/risk/prediction.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace auspex::risk {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no NaN; what is not known is left out.
Json JsonOf(const Known& known) {
  Json json = Json::object();
  for (const auto& [name, value] : known)
    if (std::isfinite(value)) json[name] = value;
  return json;
}

Json JsonOf(const std::vector<Reason>& reasons) {
  Json json = Json::array();
  for (const Reason& reason : reasons)
    json.push_back({{"feature", reason.feature},
                    {"value", reason.value},
                    {"log_odds", reason.log_odds},
                    {"text", reason.text}});
  return json;
}

Json JsonOf(const ChangeFacts& facts) {
  Json alternatives = Json::array();
  for (const Alternative& one : facts.alternatives)
    alternatives.push_back({{"action", one.action}, {"known", JsonOf(one.known)}});
  return {{"range", facts.range},
          {"head", facts.head},
          {"commits", facts.commits},
          {"authors", facts.authors},
          {"known", JsonOf(facts.known)},
          {"reasons", JsonOf(facts.reasons)},
          {"alternatives", std::move(alternatives)},
          {"model", facts.model}};
}

Json JsonOf(const std::vector<Lowering>& lowering) {
  Json json = Json::array();
  for (const Lowering& one : lowering)
    json.push_back({{"action", one.action}, {"p_fail", one.p_fail}});
  return json;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Failure Wrong(const std::string& pointer, std::string_view what) {
  return Fail(ErrorCode::kInvalidArgument, "{}: {}", pointer, what);
}

Result<double> Number(const Json& object, const char* key, const std::string& at) {
  const auto found = object.find(key);
  const std::string pointer = fmt::format("{}/{}", at, key);
  if (found == object.end()) return Wrong(pointer, "missing; a number is needed");
  if (!found->is_number() || !std::isfinite(found->get<double>()))
    return Wrong(pointer, "a number is needed");
  return found->get<double>();
}

Result<std::string> Text(const Json& object, const char* key, const std::string& at) {
  const auto found = object.find(key);
  const std::string pointer = fmt::format("{}/{}", at, key);
  if (found == object.end()) return std::string();
  if (!found->is_string()) return Wrong(pointer, "a text is needed");
  auto text = found->get<std::string>();
  if (text.size() > kMostText)
    return Wrong(pointer, fmt::format("{} bytes, at most {}", text.size(), kMostText));
  return text;
}

// How much may be listed: of what comes from outside, or of what stands in the ledger, which holds
// what was added too.
enum class Reading { kAnnounced, kStored };
std::size_t Most(std::size_t announced, Reading reading) {
  return reading == Reading::kAnnounced ? announced : 4 * announced;
}

Result<Known> KnownFrom(const Json& object, const std::string& at, Reading reading) {
  const auto found = object.find("known");
  if (found == object.end()) return Known{};
  const std::string pointer = at + "/known";
  if (!found->is_object()) return Wrong(pointer, "an object of numbers is needed");
  if (found->size() > Most(kMostKnown, reading))
    return Wrong(pointer, fmt::format("{} values, at most {}", found->size(), kMostKnown));
  Known known;
  for (const auto& [name, value] : found->items()) {
    AUSPEX_TRY(known[name], Number(*found, name.c_str(), pointer));
  }
  return known;
}

Result<const Json*> List(const Json& object, const char* key, const std::string& at,
                         Reading reading) {
  static const Json kNone = Json::array();
  const auto found = object.find(key);
  if (found == object.end()) return &kNone;
  const std::string pointer = fmt::format("{}/{}", at, key);
  if (!found->is_array()) return Wrong(pointer, "a list is needed");
  if (found->size() > Most(kMostListed, reading))
    return Wrong(pointer, fmt::format("{} entries, at most {}", found->size(), kMostListed));
  for (std::size_t i = 0; i < found->size(); ++i)
    if (!(*found)[i].is_object())
      return Wrong(fmt::format("{}/{}", pointer, i), "an object is needed");
  return &*found;
}

Result<std::vector<std::string>> TextsFrom(const Json& object, const char* key,
                                           const std::string& at) {
  std::vector<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end()) return texts;
  const std::string pointer = fmt::format("{}/{}", at, key);
  if (!found->is_array()) return Wrong(pointer, "a list is needed");
  if (found->size() > kMostListed)
    return Wrong(pointer, fmt::format("{} entries, at most {}", found->size(), kMostListed));
  for (const Json& one : *found) {
    if (!one.is_string() || one.get_ref<const std::string&>().size() > kMostText)
      return Wrong(pointer, fmt::format("texts of at most {} bytes are needed", kMostText));
    texts.push_back(one.get<std::string>());
  }
  return texts;
}

Result<std::vector<Reason>> ReasonsFrom(const Json& object, const std::string& at,
                                        Reading reading) {
  AUSPEX_TRY(const Json* list, List(object, "reasons", at, reading));
  std::vector<Reason> reasons;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string pointer = fmt::format("{}/reasons/{}", at, i);
    Reason reason;
    AUSPEX_TRY(reason.feature, Text((*list)[i], "feature", pointer));
    AUSPEX_TRY(reason.value, Number((*list)[i], "value", pointer));
    AUSPEX_TRY(reason.log_odds, Number((*list)[i], "log_odds", pointer));
    if (reading == Reading::kAnnounced && std::abs(reason.log_odds) > kMostLogOdds)
      return Wrong(pointer + "/log_odds", fmt::format("beyond {}", kMostLogOdds));
    AUSPEX_TRY(reason.text, Text((*list)[i], "text", pointer));
    reasons.push_back(std::move(reason));
  }
  return reasons;
}

Status RefuseUnknown(const Json& object, std::initializer_list<std::string_view> known,
                     const std::string& at) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return Wrong(fmt::format("{}/{}", at, name),
                   fmt::format("no such key; there is {}", fmt::join(known, ", ")));
  }
  return {};
}

Result<ChangeFacts> FactsFrom(const Json& object, const std::string& at, Reading reading) {
  if (!object.is_object()) return Wrong(at.empty() ? "/" : at, "an object is needed");
  AUSPEX_TRY(RefuseUnknown(
      object, {"range", "head", "commits", "authors", "known", "reasons", "alternatives", "model"},
      at));
  ChangeFacts facts;
  AUSPEX_TRY(facts.range, Text(object, "range", at));
  AUSPEX_TRY(facts.head, Text(object, "head", at));
  AUSPEX_TRY(facts.model, Text(object, "model", at));
  if (object.contains("commits")) {
    AUSPEX_TRY(const double commits, Number(object, "commits", at));
    if (!(commits >= 0.0 && commits <= 1e9 && commits == std::floor(commits)))
      return Wrong(at + "/commits", "a whole number from 0 to 1e9 is needed");
    facts.commits = static_cast<std::size_t>(commits);
  }
  AUSPEX_TRY(facts.authors, TextsFrom(object, "authors", at));
  AUSPEX_TRY(facts.known, KnownFrom(object, at, reading));
  AUSPEX_TRY(facts.reasons, ReasonsFrom(object, at, reading));
  AUSPEX_TRY(const Json* alternatives, List(object, "alternatives", at, reading));
  for (std::size_t i = 0; i < alternatives->size(); ++i) {
    const std::string pointer = fmt::format("{}/alternatives/{}", at, i);
    Alternative one;
    AUSPEX_TRY(one.action, Text((*alternatives)[i], "action", pointer));
    AUSPEX_TRY(one.known, KnownFrom((*alternatives)[i], pointer, reading));
    facts.alternatives.push_back(std::move(one));
  }
  return facts;
}

Result<Prediction> ReadPrediction(const Json& json) {
  if (!json.is_object()) return Wrong("/", "an object is needed");
  Prediction read;
  AUSPEX_TRY(const std::string at, Text(json, "at", ""));
  AUSPEX_TRY(read.at, ParseTime(at));
  AUSPEX_TRY(read.service, Text(json, "service", ""));
  AUSPEX_TRY(read.version, Text(json, "version", ""));
  AUSPEX_TRY(read.base_risk, Number(json, "base_risk", ""));
  if (json.contains("given") && !json["given"].is_null()) {
    AUSPEX_TRY(read.given, Number(json, "given", ""));
  }
  AUSPEX_TRY(read.assessment.p_fail, Number(json, "p_fail", ""));
  AUSPEX_TRY(read.assessment.low, Number(json, "low", ""));
  AUSPEX_TRY(read.assessment.high, Number(json, "high", ""));
  AUSPEX_TRY(read.assessment.reasons, ReasonsFrom(json, "", Reading::kStored));
  AUSPEX_TRY(const Json* lowering, List(json, "lowering", "", Reading::kStored));
  for (const Json& one : *lowering) {
    Lowering& entry = read.assessment.lowering.emplace_back();
    AUSPEX_TRY(entry.action, Text(one, "action", "/lowering"));
    AUSPEX_TRY(entry.p_fail, Number(one, "p_fail", "/lowering"));
  }
  AUSPEX_TRY(read.assessment.basis, Text(json, "basis", ""));
  AUSPEX_TRY(read.known, KnownFrom(json, "", Reading::kStored));
  if (!json.contains("change")) return Wrong("/change", "missing");
  AUSPEX_TRY(read.change, FactsFrom(json["change"], "/change", Reading::kStored));
  AUSPEX_TRY(read.notes, TextsFrom(json, "notes", ""));
  return read;
}

}  // namespace

std::string ToJson(const ChangeFacts& facts) { return Dump(JsonOf(facts)); }

Result<ChangeFacts> ChangeFactsFromJson(std::string_view json) {
  return FactsFrom(Json::parse(json, nullptr, false), "", Reading::kAnnounced);
}

std::string ToJson(const Prediction& prediction) {
  const Assessment& assessment = prediction.assessment;
  return Dump({{"at", ToRfc3339(prediction.at)},
               {"service", prediction.service},
               {"version", prediction.version},
               {"risk", prediction.risk()},
               {"p_fail", assessment.p_fail},
               {"low", assessment.low},
               {"high", assessment.high},
               {"given", prediction.given ? Json(*prediction.given) : Json(nullptr)},
               {"base_risk", prediction.base_risk},
               {"basis", assessment.basis},
               {"reasons", JsonOf(assessment.reasons)},
               {"lowering", JsonOf(assessment.lowering)},
               {"known", JsonOf(prediction.known)},
               {"change", JsonOf(prediction.change)},
               {"notes", prediction.notes}});
}

Result<Prediction> PredictionFromJson(std::string_view json) {
  Result<Prediction> read = ReadPrediction(Json::parse(json, nullptr, false));
  if (!read.ok()) return Fail(ErrorCode::kDataLoss, "prediction: {}", read.error().message);
  return read;
}

}  // namespace auspex::risk
