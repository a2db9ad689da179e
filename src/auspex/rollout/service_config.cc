#include "auspex/rollout/service_config.h"

#include "auspex/rollout/scraped.h"

namespace auspex::rollout {

std::vector<std::string> BehaviourNames(const ServiceConfig& service) {
  std::vector<std::string> names;
  for (const SignalConfig& signal : service.signals) {
    if (signal.IsRate() && signal.role != "errors") names.push_back(signal.name);
  }
  return names;
}

RolloutSpec SpecFor(const ServiceConfig& service, const std::string& deployment) {
  RolloutSpec spec;
  spec.deployment = deployment;
  spec.service = service.name;
  spec.criticality = service.criticality;
  spec.mode = service.mode;
  spec.policy = service.policy;
  spec.pace = service.pace;
  spec.alpha = service.alpha;
  spec.risk = service.prior_risk;
  spec.time_scale = service.time_scale;
  spec.tick_s = service.tick_s;
  // What a metrics server says of a tick's end is at most a scrape older.
  if (service.Scraped()) spec.lag_s = service.scrape_s;
  spec.warm_up_s = service.warm_up_s;
  spec.bake_s = service.bake_s;
  spec.deadline_s = service.deadline_s;
  spec.rollback_below = service.rollback_below;
  spec.at_deadline = service.at_deadline;
  spec.detect = service.detect;
  spec.error_rate = service.error_rate;
  spec.steps = service.steps;
  spec.approval = service.approval;
  ApplyBehaviour(BehaviourNames(service), {}, 0.0, &spec);
  return spec;
}

}  // namespace auspex::rollout
