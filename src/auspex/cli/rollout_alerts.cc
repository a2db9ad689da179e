#include "auspex/cli/rollout_alerts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "auspex/cli/foretold.h"

namespace auspex::cli {
namespace {

using nlohmann::json;

constexpr const char* kRolledBack = "AuspexRolledBack";
// That are in trouble at once; beyond, one of them is told of no end.
constexpr std::size_t kMostDeployments = 10'000;

std::string TextIn(const json& body, const char* key) {
  const auto found = body.find(key);
  return found == body.end() || !found->is_string() ? "" : found->get<std::string>();
}

struct Class {
  const char* name;
  alert::Severity severity;
};

Class ClassOf(const json& view) {
  if (TextIn(view, "decision") == "roll_back") return {kRolledBack, alert::Severity::kCritical};
  if (TextIn(view, "awaits") == "person") {
    if (TextIn(view, "state") == "waiting")
      return {"AuspexApprovalNeeded", alert::Severity::kWarning};
    return {"AuspexDecisionNeeded", alert::Severity::kCritical};
  }
  return {"AuspexRolloutAlert", alert::Severity::kWarning};
}

alert::Alert AlertOf(const json& view, const std::string& deployment, const std::string& public_url,
                     WallTime now) {
  const Class of = ClassOf(view);
  const std::string text = TextIn(view, "alert");
  const std::string reason = TextIn(view, "reason");
  alert::Alert alert{
      .key = fmt::format("{}/{}", deployment, of.name),
      .name = of.name,
      .severity = of.severity,
      .summary = fmt::format("{} {}: {}", TextIn(view, "service"), TextIn(view, "version"), text),
      .service = TextIn(view, "service"),
      .deployment = deployment,
      .version = TextIn(view, "version"),
      .reasons = {text},
      .link = fmt::format("{}/api/v1/deployments/{}", public_url, deployment),
      .at = now};
  if (!reason.empty() && reason != text) alert.reasons.push_back(reason);
  // Before any traffic the risk is what is known; p_fail is P(faulty already).
  const char* const probability = TextIn(view, "state") == "waiting" ? "risk" : "p_fail";
  if (const auto found = view.find(probability); found != view.end() && found->is_number())
    alert.probability = found->get<double>();
  return alert;
}

}  // namespace

void RolloutAlerts::Add(const alert::Alert& alert) {
  const MutexLock lock(mutex_);
  if (firing_.size() < kMostDeployments) firing_[alert.deployment].push_back(alert);
}

std::vector<alert::Alert> RolloutAlerts::Withdraw(const std::string& deployment, WallTime now) {
  const MutexLock lock(mutex_);
  const auto firing = firing_.find(deployment);
  if (firing == firing_.end()) return {};
  std::vector<alert::Alert> ended = std::move(firing->second);
  firing_.erase(firing);
  for (alert::Alert& alert : ended) {
    alert.resolved = true;
    alert.at = now;
  }
  return ended;
}

std::vector<alert::Alert> RolloutAlerts::From(std::string_view type, const std::string& deployment,
                                              std::string_view text, WallTime now) {
  const MutexLock lock(mutex_);
  const auto firing = firing_.find(deployment);
  // Decisions come by the thousand, and mostly there is nothing that they could end.
  if (type != "alert" && firing == firing_.end()) return {};
  const json view = json::parse(text, nullptr, false);
  if (!view.is_object()) return {};
  if (type == "alert") {
    alert::Alert alert = AlertOf(view, deployment, public_url_, now);
    // That it was rolled back stays true: nothing will end it.
    if (alert.name == kRolledBack) return {std::move(alert)};
    if (firing == firing_.end() && firing_.size() >= kMostDeployments)
      firing_.erase(firing_.begin());
    std::vector<alert::Alert>& told = firing_[deployment];
    std::erase_if(told, [&alert](const alert::Alert& other) { return other.key == alert.key; });
    told.push_back(alert);
    return {std::move(alert)};
  }
  const bool ended = TextIn(view, "state") == "ended";
  const bool goes_on = TextIn(view, "decision") == "advance";
  if (!ended && !goes_on) return {};
  std::vector<alert::Alert> resolved, stays;
  for (alert::Alert& alert : firing->second) {
    if (!ended && alert.name == kPredictedFailure) {
      stays.push_back(std::move(alert));
      continue;
    }
    alert.resolved = true;
    alert.at = now;
    resolved.push_back(std::move(alert));
  }
  firing->second = std::move(stays);
  if (firing->second.empty()) firing_.erase(firing);
  return resolved;
}

}  // namespace auspex::cli
