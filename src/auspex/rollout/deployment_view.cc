#include "auspex/rollout/deployment_view.h"

#include <algorithm>
#include <cmath>

#include "auspex/evidence/traffic_needed.h"
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

// Of a rate of all requests or of a route; nullopt for others.
std::optional<std::size_t> RateOf(const std::string& name, const RolloutSpec& spec) {
  static constexpr std::string_view kNames[] = {"errors", "t50", "t90", "t99", "t999"};
  const std::size_t edges = spec.history.latency_s2.size();
  for (std::size_t i = 0; i < std::min(std::size(kNames), 1 + edges); ++i) {
    if (name == kNames[i]) return i;
  }
  if (!name.starts_with("route")) return std::nullopt;
  return 1 + edges + static_cast<std::size_t>(std::stoul(name.substr(5)));
}

// How large it is, and the traffic that would prove it as large as the spec asks for.
void AddEffect(const Rollout& rollout, const evidence::MetricState& metric, Json* out) {
  const RolloutSpec& spec = rollout.spec;
  for (const char* key : {"effect", "effect_low", "effect_high", "requests_needed"})
    (*out)[key] = nullptr;
  const std::optional<std::size_t> rate = RateOf(metric.name, spec);
  if (!rate) return;
  if (const std::optional<evidence::Effect> effect = rollout.effects.Of(*rate)) {
    (*out)["effect"] = effect->ratio;
    if (effect->low > 0.0) (*out)["effect_low"] = effect->low;
    if (std::isfinite(effect->high)) (*out)["effect_high"] = effect->high;
  }
  const std::size_t first_route = 1 + spec.history.latency_s2.size();
  const bool between = rollout.asked > Weight::Zero() && rollout.asked < Weight::Whole();
  if (rollout.phase == Phase::kEnded || !between) return;
  const std::optional<double> needed = evidence::RequestsNeeded(
      {.log_e = metric.log_e,
       .weight = metric.weight,
       .baseline_rate = metric.baseline_rate,
       .share = *rate < first_route ? 1.0 : spec.history.routes[*rate - first_route].share,
       .s2 = metric.s2,
       .requests_per_tick = rollout.requests_per_tick.value_or(0.0),
       .w = rollout.asked.share(),
       .alpha = spec.alpha,
       .ratio = spec.detect});
  if (needed) (*out)["requests_needed"] = *needed;
}

// What the start assumed, and what is being learned.
Json Assumed(const Rollout& rollout) {
  Json out = Json::array();
  for (const Assumption& assumption : rollout.spec.assumed) out.push_back(assumption.text);
  for (const auto& [name, pairs] : rollout.self_pairs) {
    out.push_back(
        fmt::format("signal {} is not judged yet: {:.0f} of {:.0f} pairs of its "
                    "baseline's values were seen",
                    name, pairs.pairs(), evidence::kLeastPairs));
  }
  return out;
}

Json TotalsJson(const Rollout::Totals& totals) {
  return {{"requests", totals.requests},
          {"errors", totals.errors},
          {"slower", totals.slower},
          {"harmed", totals.harmed}};
}

// Null where it waits for nothing.
Json ScheduleJson(const Schedule& schedule) {
  Json out;
  const auto add = [&out](const char* key, const std::optional<double>& seconds) {
    if (seconds) out[key] = *seconds;
  };
  add("approval_s", schedule.approval_s);
  if (schedule.approval_s)
    out["at_timeout"] = schedule.at_timeout == AtTimeout::kReject ? "reject" : "approve";
  add("start_s", schedule.start_s);
  add("warm_up_s", schedule.warm_up_s);
  add("bake_s", schedule.bake_s);
  add("deadline_s", schedule.deadline_s);
  if (schedule.deadline_s) {
    out["at_deadline"] = schedule.at_deadline == AtDeadline::kPromote ? "promote"
                         : schedule.at_deadline == AtDeadline::kHold  ? "hold"
                                                                      : "roll_back";
  }
  add("step_s", schedule.step_s);
  if (schedule.step_s) {
    out["step"] = schedule.step;
    out["steps"] = schedule.steps;
  }
  return out;
}

Json JsonOf(const DeploymentView& view) {
  Json out{{"id", view.id},
           {"service", view.service},
           {"version", view.version},
           {"state", view.state},
           {"pace", Name(view.pace)},
           {"awaits", nullptr},
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
           {"schedule", ScheduleJson(view.schedule)},
           {"sample_age_s", nullptr},
           {"started_at", ToRfc3339(view.started_at)},
           {"ended_at", nullptr}};
  if (view.awaits_person) out["awaits"] = "person";
  if (view.last.verdict) out["verdict"] = Name(*view.last.verdict);
  if (!view.last.by.empty()) out["by"] = view.last.by;
  if (view.weight_given) out["weight_given"] = view.weight_given->share();
  if (view.last.requests_needed) out["requests_needed"] = *view.last.requests_needed;
  if (view.sample_age_s) out["sample_age_s"] = *view.sample_age_s;
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
           {"baseline", TotalsJson(rollout.baseline)},
           {"warm_up_s", rollout.spec.warm_up_s},
           {"detect", rollout.spec.detect},
           {"learned", rollout.spec.learned},
           {"assumed", Assumed(rollout)}};
  std::vector<evidence::MetricState> metrics = rollout.evidence->Metrics();
  Json& list = out["metrics"] = Json::array();
  for (const evidence::MetricState& metric : metrics) {
    Json& entry = list.emplace_back(Json{{"name", MetricName(metric.name, rollout.spec)},
                                         {"weight", metric.weight},
                                         {"log_e", metric.log_e},
                                         {"active", metric.active},
                                         {"share", metric.share},
                                         {"baseline_rate", metric.baseline_rate},
                                         {"tolerated", metric.tolerated}});
    AddEffect(rollout, metric, &entry);
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
