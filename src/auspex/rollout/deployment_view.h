#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "auspex/rollout/rollout.h"
#include "auspex/rollout/schedule.h"

namespace auspex::rollout {

// A deployment as the API shows it. A value.
struct DeploymentView {
  std::string id;
  std::string service;
  std::string version;
  std::string state;  // waiting | observing | running | paused | ended
  Pace pace = Pace::kClassic;
  // Until one answers nothing more happens to it, but a rollback: it waits for approval, or is held
  // at the deadline.
  bool awaits_person = false;
  Decision last;
  std::optional<Weight> weight_given;  // what the router confirmed
  double risk = 0.0;
  double alpha = 0.01;
  double users_harmed = 0.0;
  Rollout::Totals canary;
  Rollout::Totals baseline;
  Schedule schedule;
  std::int64_t feed_lost = 0;  // requests that the proxy counted and the feed did not bring
  // Of a scraped service: seconds from the newest sample of its requests to the last tick's end.
  std::optional<double> sample_age_s;
  WallTime started_at;
  std::optional<WallTime> ended_at;
};

// One JSON object:
// {"id","service","version","state","decision","verdict","by","weight","weight_given","p_fail","log_e",…}.
[[nodiscard]] std::string ToJson(const DeploymentView& view);
// The same with "alert": what a person should know.
[[nodiscard]] std::string AlertJson(const DeploymentView& view, std::string_view alert);
// What the evidence stands on, per metric:
// {"deployment","log_e","log_e_bar",…,"metrics":[…],"causes":[{"node","metric","score","share","reason"}…]};
// causes are the metrics that speak against the canary, most of the evidence first.
[[nodiscard]] std::string EvidenceJson(const std::string& id, const Rollout& rollout);

}  // namespace auspex::rollout
