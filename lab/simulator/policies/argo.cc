#include "lab/simulator/policies/argo.h"

#include <algorithm>
#include <array>

namespace auspex::lab::simulator {
namespace {

constexpr double kStepSeconds = 600.0;
constexpr std::array<double, 4> kSteps = {.2, .4, .6, .8};
constexpr double kRetrySeconds = 10.0;
constexpr std::size_t kTicksOfAMinute = 6;
constexpr int kConsecutiveErrorLimit = 4;  // Argo's default

}  // namespace

ArgoRun::ArgoRun(const Thresholds& limits, const Options& options)
    : limits_(limits), options_(options), next_measurement_s_(options.interval_s) {
  look_.seconds = kRetrySeconds;
  look_.split.canary = kSteps.front();
  look_.edges = {.canary = {limits.latency_ms_p99}, .baseline = {}};
}

void ArgoRun::Abort(std::string by) {
  look_.ended = true;
  look_.end = Outcome::End::kRolledBack;
  look_.by = std::move(by);
}

void ArgoRun::Measure(double now_s) {
  ArmCounts sum;
  sum.slower = {0};
  for (const ArmCounts& tick : minute_) {
    sum.requests += tick.requests;
    sum.errors += tick.errors;
    sum.slower.front() += tick.slower.front();
  }
  if (sum.requests == 0) {
    next_measurement_s_ = now_s + kRetrySeconds;
    if (++errors_in_a_row_ > kConsecutiveErrorLimit) Abort("analysis error");
    return;
  }
  errors_in_a_row_ = 0;
  next_measurement_s_ = now_s + options_.interval_s;
  failed_errors_ += KeepsErrorRate(sum, limits_) ? 0 : 1;
  failed_latency_ += KeepsLatency(sum) ? 0 : 1;
  if (std::max(failed_errors_, failed_latency_) > options_.failure_limit) Abort("analysis failed");
}

void ArgoRun::See(double begin_s, const Tick& tick) {
  const double now_s = begin_s + look_.seconds;
  minute_.push_back(tick.canary);
  if (minute_.size() > kTicksOfAMinute) minute_.erase(minute_.begin());
  if (now_s >= next_measurement_s_ - 1e-6) Measure(now_s);
  if (look_.ended) return;
  const auto step = static_cast<std::size_t>((now_s + 1e-6) / kStepSeconds);
  if (step < kSteps.size()) {
    look_.split.canary = kSteps[step];
    return;
  }
  look_.ended = true;
  look_.end = Outcome::End::kPromoted;
  look_.by = "steps";
}

}  // namespace auspex::lab::simulator
