#include "auspex/cli/foretold.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace auspex::cli {
namespace {

constexpr std::size_t kMostReasons = 5;

}  // namespace

alert::Alert ForetoldAlert(const std::string& deployment, const risk::Prediction& prediction,
                           const std::string& public_url) {
  alert::Alert alert{
      .key = fmt::format("{}/{}", deployment, kPredictedFailure),
      .name = kPredictedFailure,
      .severity = alert::Severity::kWarning,
      .summary = fmt::format("{} {} will likely fail, before any traffic: P(fail) {:.0f} %",
                             prediction.service, prediction.version, 100.0 * prediction.risk()),
      .service = prediction.service,
      .deployment = deployment,
      .version = prediction.version,
      .probability = prediction.risk(),
      .link = fmt::format("{}/api/v1/deployments/{}/prediction", public_url, deployment),
      .at = prediction.at};
  for (const risk::Reason& reason : prediction.assessment.reasons) {
    if (alert.reasons.size() == kMostReasons) break;
    if (reason.log_odds > 0.0)
      alert.reasons.push_back("it " + reason.text);  // not what speaks for it
  }
  for (const risk::Lowering& one : prediction.assessment.lowering)
    alert.reasons.push_back(fmt::format("{:.0f} % if you {}", 100.0 * one.p_fail, one.action));
  if (prediction.given) alert.reasons.push_back("whoever announced it said so");
  return alert;
}

std::string ForetoldEvent(const std::string& deployment, const risk::Prediction& prediction,
                          const alert::Alert& alert) {
  return nlohmann::ordered_json{{"id", deployment},
                                {"service", prediction.service},
                                {"version", prediction.version},
                                {"p_fail", prediction.risk()},
                                {"alert", alert.summary},
                                {"reasons", alert.reasons}}
      .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace auspex::cli
