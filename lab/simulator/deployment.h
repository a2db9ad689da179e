#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "auspex/base/random.h"

// The scenario set of docs/statistics.md, section 11: deployments of services that do not exist,
// good and bad, each a pure function of its number. All times are seconds since the announcement.
//
// Section 11 says what there is and in which ranges. What it leaves open is chosen here, so that
// policies come out near its table:
//   rates and sizes   log-uniform where a range spans more than a decade (traffic, error rate,
//                     median latency, error steps, the share of a route's requests that fail),
//                     else uniform
//   base error rate   times e^x, x an AR(1) of sd .2 and memory kWanderMemory per 10 s, both arms
//                     alike; all routes have the same rate
//   growth            from 0 at a time in the first 20 min to its full size 30 min later, linear
//   leak              memory grows by 1-10 % of the baseline's a minute (log-uniform) from 20 min
//                     on; collecting it stops one request in a hundred for each ten percent grown,
//                     at most half of them, which then take five times as long
//   load              .5-50 % errors, log-uniform, while the canary has 30 % or more
//   outage            error rate times 10-1000 (never above 90 %) on both arms for 2-20 min
//   cold start        errors up to 1.5-4 times, latency up to 1.2-2.5 times, falling linearly to
//                     none within its 30-240 s
//   arm noise         the canary's errors times e^x, x an AR(1) of memory .9 per 10 s: a property
//                     of the service, so its history shows it
//   drift             of good canaries, normal with sd 5 % (errors) and 1 % (latency)
//   memory            the canary's over the baseline's: an AR(1) of sd .03 and memory .8 per 10 s,
//   and a
//                     fresh process that starts up to 30 % smaller and catches up within minutes
namespace auspex::lab::simulator {

inline constexpr double kHorizonSeconds = 7200.0;
// The environment's noise holds still for so long.
inline constexpr double kCellSeconds = 10.0;
inline constexpr std::size_t kCells = 720;
inline constexpr double kBadShare = 0.15;
inline constexpr std::array<double, 5> kRouteShares = {.5, .25, .13, .08, .04};
inline constexpr double kHighLoadShare = 0.3;  // from where a load fault shows

enum class FaultKind { kErrors, kGrowth, kRoute, kLatency, kTail, kLeak, kCrash, kLoad };
inline constexpr std::size_t kFaultKinds = 8;
[[nodiscard]] std::string_view Name(FaultKind kind);  // "errors" …

struct Fault {
  FaultKind kind = FaultKind::kErrors;
  double begins_s = 0.0;
  double errors = 0.0;  // added error rate, of the route's requests where it is one route
  std::size_t route = 0;
  double slowdown = 1.0;     // factor on each request's latency
  double tail_share = 0.0;   // of the requests …
  double tail_factor = 1.0;  // … whose latency is so many times as long
  double leak_per_s = 0.0;   // of the baseline's memory
};

enum class NuisanceKind { kNone, kOutage, kColdStart, kArmNoise };
[[nodiscard]] std::string_view Name(NuisanceKind kind);  // "none" …

struct Nuisance {
  NuisanceKind kind = NuisanceKind::kNone;
  double begins_s = 0.0;
  double ends_s = 0.0;
  double errors = 1.0;    // factor on the error rate; of a cold start: at its begin
  double slowdown = 1.0;  // of a cold start, at its begin
  double noise_sd = 0.0;
};

struct Service {
  double requests_per_s = 0.0;  // daily mean
  double diurnal_amplitude = 0.0;
  double diurnal_phase = 0.0;  // radians
  double error_rate = 0.0;     // long-run median
  double latency_ms_p50 = 0.0;
  double latency_sigma = 0.0;                            // of ln latency
  [[nodiscard]] double LatencyQuantile(double q) const;  // ms
};

// What 24 hours before the deployment showed (the same for every policy): estimates, not the truth.
struct KnownHistory {
  double error_rate = 0.0;
  std::array<double, 5> route_error_rate{};
  std::array<double, 4> latency_ms{};  // p50, p90, p99, p99.9
  double error_s2_per_s = 0.0;         // long-run variance of the arms' log-ratio, times seconds
  double memory_phi = 0.0;             // per 10 s, of 360 pairs
  double memory_sigma = 0.0;
};

struct Deployment {
  std::uint64_t number = 0;
  bool bad = false;
  // Of a good one: the fault that it might have had, for the policy that knows what to look for.
  Fault fault;
  Nuisance nuisance;
  Service service;
  double error_drift = 1.0;    // factor on the canary's error rate
  double latency_drift = 1.0;  // factor on its latency
  double risk = kBadShare;     // what a calibrated model of AUC .75 said before
  KnownHistory history;
  std::vector<double> wander;     // factor on the error rate of both arms, a cell each
  std::vector<double> arm_noise;  // on the canary's; empty: none
  std::vector<double> memory;     // ln(canary / baseline) of a healthy canary, at the end of a cell
};

[[nodiscard]] Deployment DrawDeployment(std::uint64_t number);

// A generator of its own for each use of a deployment's chance.
[[nodiscard]] Random ChanceOf(std::uint64_t number, std::uint64_t use, std::uint64_t at = 0);

// What a request meets on an arm.
struct ArmState {
  std::array<double, 5> error_rate{};  // by route
  double slowdown = 1.0;
  double tail_share = 0.0;
  double tail_factor = 1.0;
  [[nodiscard]] double ErrorRate() const;  // over all routes
  friend bool operator==(const ArmState&, const ArmState&) = default;
};
enum class Health { kAsItIs, kWithoutFault, kWithFault };
[[nodiscard]] double RequestsPerSecond(const Deployment& deployment, double at_s);
[[nodiscard]] ArmState BaselineAt(const Deployment& deployment, double at_s);
// `weight` matters to faults that need load. kWithFault: also where the deployment is good.
[[nodiscard]] ArmState CanaryAt(const Deployment& deployment, double at_s, double weight,
                                Health health = Health::kAsItIs);
// P(a request takes longer than `ms`).
[[nodiscard]] double SlowerThan(const Service& service, const ArmState& arm, double ms);
// The q-quantile of an arm's latency, ms.
[[nodiscard]] double LatencyQuantile(const Service& service, const ArmState& arm, double q);
// P(a request fails or is slower than the baseline's p99).
[[nodiscard]] double Harmed(const Service& service, const ArmState& arm);
// ln(canary's memory / baseline's) at the end of the cell.
[[nodiscard]] double MemoryAt(const Deployment& deployment, std::size_t cell);

}  // namespace auspex::lab::simulator
