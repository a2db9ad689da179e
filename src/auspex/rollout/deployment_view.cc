#include "auspex/rollout/deployment_view.h"

#include <algorithm>
#include <cmath>

#include "auspex/rollout/adaptive.h"
#include "auspex/rollout/json_codec.h"

namespace auspex::rollout {
namespace {

constexpr double kWorthNaming = 0.05;  // share of the evidence below which a metric is no cause

std::string MetricName(const std::string& name, const RolloutSpec& spec) {
  if (!name.starts_with("route")) return name;
  const std::size_t index = static_cast<std::size_t>(std::stoul(name.substr(5)));
  const bool named = index < spec.route_names.size() && !spec.route_names[index].empty();
  return named ? "errors./" + spec.route_names[index] : name;
}

Json TotalsJson(const Rollout::Totals& totals) {
  return {{"requests", totals.requests},
          {"errors", totals.errors},
          {"slower", totals.slower},
          {"harmed", totals.harmed}};
}

Json JsonOf(const DeploymentView& view) {
  Json out{{"id", view.id},
           {"service", view.service},
           {"version", view.version},
           {"state", view.state},
           {"decision", Name(view.last.action)},
           {"verdict", nullptr},
           {"by", nullptr},
           {"weight", view.last.weight.share()},
           {"weight_given", nullptr},
           {"confidence", view.last.confidence},
           {"p_fail", view.last.p_fail},
           {"log_e", view.last.log_e},
           {"log_e_bar", -std::log(view.alpha)},
           {"requests_needed", nullptr},
           {"reason", view.last.reason},
           {"risk", view.risk},
           {"t_s", view.last.t_s},
           {"users_harmed", view.users_harmed},
           {"requests", {{"canary", view.canary.requests}, {"baseline", view.baseline.requests}}},
           {"errors", {{"canary", view.canary.errors}, {"baseline", view.baseline.errors}}},
           {"feed_lost", view.feed_lost},
           {"started_at", ToRfc3339(view.started_at)},
           {"ended_at", nullptr}};
  if (view.last.verdict) out["verdict"] = Name(*view.last.verdict);
  if (!view.last.by.empty()) out["by"] = view.last.by;
  if (view.weight_given) out["weight_given"] = view.weight_given->share();
  if (view.last.requests_needed) out["requests_needed"] = *view.last.requests_needed;
  if (view.ended_at) out["ended_at"] = ToRfc3339(*view.ended_at);
  return out;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string ToJson(const DeploymentView& view) { return Dump(JsonOf(view)); }

std::string AlertJson(const DeploymentView& view, std::string_view alert) {
  Json out = JsonOf(view);
  out["alert"] = alert;
  return Dump(out);
}

std::string EvidenceJson(const std::string& id, const Rollout& rollout) {
  Json out{{"deployment", id},
           {"log_e", rollout.evidence->log_e()},
           {"log_e_bar", -std::log(rollout.spec.alpha)},
           {"p_fail", rollout.evidence->p_fail()},
           {"baseline_assumed", rollout.spec.observe},
           {"canary", TotalsJson(rollout.canary)},
           {"baseline", TotalsJson(rollout.baseline)}};
  std::vector<evidence::MetricState> metrics = rollout.evidence->Metrics();
  Json& list = out["metrics"] = Json::array();
  for (const evidence::MetricState& metric : metrics) {
    list.push_back({{"name", MetricName(metric.name, rollout.spec)},
                    {"weight", metric.weight},
                    {"log_e", metric.log_e},
                    {"active", metric.active},
                    {"share", metric.share},
                    {"baseline_rate", metric.baseline_rate}});
  }
  std::sort(metrics.begin(), metrics.end(),
            [](const auto& a, const auto& b) { return a.share > b.share; });
  Json& causes = out["causes"] = Json::array();
  for (const evidence::MetricState& metric : metrics) {
    // A cause is a metric that speaks against the canary.
    if (metric.share < kWorthNaming || metric.log_e <= 0.0) continue;
    causes.push_back(
        {{"node", rollout.spec.service},
         {"metric", MetricName(metric.name, rollout.spec)},
         {"score", metric.log_e},
         {"share", metric.share},
         {"reason", fmt::format("{}; by itself E = {:.3g}", MetricSentence(rollout, metric.name),
                                std::exp(std::min(metric.log_e, 700.0)))}});
  }
  return Dump(out);
}

}  // namespace auspex::rollout
