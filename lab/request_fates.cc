#include "lab/request_fates.h"

#include <algorithm>
#include <cmath>

namespace auspex::lab {
namespace {

// The rate is a decaying count: sd sqrt(rate / (2 tau)), as of a window of 2 tau. At 150 requests/s
// 7/s: short enough for a step of the rollout, long enough not to cross .3 by chance at .25.
constexpr double kRateTauS = 1.5;

}  // namespace

RequestFates::RequestFates(const ServiceOptions& options)
    : options_(options), random_(options.seed) {}

Fate RequestFates::Next(MonotonicTime now, std::size_t route) {
  CountArrival(now);
  const Effect effect = EffectOf(
      options_.fault,
      {.clock_s = clock_start_ ? std::optional(Seconds(now - *clock_start_)) : std::nullopt,
       .traffic_share = TrafficShare(now),
       .base_error_rate = options_.base_error_rate});
  // Each request takes the same draws whatever the fault, so that two faults differ in nothing
  // else.
  const bool ok = !random_.Chance(effect.error_rate);
  const double spread = std::exp(options_.latency_sigma * random_.Normal());
  const bool tail = random_.Chance(effect.tail_chance);
  const double factor = kRoutes[route].latency_factor * effect.latency_factor * ColdFactor(now) *
                        (tail ? kTailFactor : 1.0);
  return {ok, FromSeconds(Seconds(options_.latency_median) * spread * factor)};
}

void RequestFates::StartClock(MonotonicTime now) {
  if (!clock_start_) clock_start_ = now;
}

double RequestFates::TrafficShare(MonotonicTime now) const {
  if (options_.total_rps <= 0.0 || !first_request_) return 0.0;
  const double rate = rate_per_s_ * std::exp(-Seconds(now - last_request_) / kRateTauS);
  return std::min(1.0, rate / options_.total_rps);
}

void RequestFates::CountArrival(MonotonicTime now) {
  if (!first_request_) {
    first_request_ = now;
    last_request_ = now;
  }
  rate_per_s_ = rate_per_s_ * std::exp(-Seconds(now - last_request_) / kRateTauS) + 1.0 / kRateTauS;
  last_request_ = now;
}

double RequestFates::ColdFactor(MonotonicTime now) const {
  return now - *first_request_ < options_.cold_for ? options_.cold_factor : 1.0;
}

}  // namespace auspex::lab
