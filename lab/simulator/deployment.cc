#include "lab/simulator/deployment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "auspex/evidence/normal.h"
#include "lab/simulator/history.h"

namespace auspex::lab::simulator {
namespace {

constexpr double kWanderSd = .2, kWanderMemory = .98;
constexpr double kArmNoiseMemory = .9;
constexpr double kMemorySd = .03, kMemoryMemory = .8, kMemorySettlingSeconds = 300.0;
constexpr double kMostErrors = 0.9;  // of any arm without a fault
constexpr double kGrowthSeconds = 1800.0;
constexpr double kLeakPauses = 0.1, kMostLeakPauses = 0.5, kLeakPauseFactor = 5.0;
// Two normals with this distance give a score of AUC .75: Phi(d / sqrt 2).
constexpr double kRiskDistance = 0.9539;

// Uses of a deployment's chance.
enum Use : std::uint64_t { kTraits = 1, kWander, kArmNoise, kMemory, kHistory };

double Between(double low, double high, Random* random) {
  return low + (high - low) * random->Uniform();
}
double LogBetween(double low, double high, Random* random) {
  return low * std::pow(high / low, random->Uniform());
}

Service DrawService(Random* random) {
  return {.requests_per_s = LogBetween(1.0, 5000.0, random),
          .diurnal_amplitude = Between(0.0, .6, random),
          .diurnal_phase = Between(0.0, 2.0 * std::numbers::pi, random),
          .error_rate = LogBetween(1e-5, 1e-2, random),
          .latency_ms_p50 = LogBetween(5.0, 200.0, random),
          .latency_sigma = Between(.3, .9, random)};
}

Fault DrawFault(const Service& service, Random* random) {
  Fault fault;
  fault.kind = static_cast<FaultKind>(random->Below(kFaultKinds));
  const double least = std::max(.5 * service.error_rate, 5e-4);
  switch (fault.kind) {
    case FaultKind::kErrors:
      fault.errors = LogBetween(least, .5, random);
      break;
    case FaultKind::kGrowth:
      fault.begins_s = Between(0.0, 1200.0, random);
      fault.errors = LogBetween(least, .5, random);
      break;
    case FaultKind::kRoute:
      fault.route = random->Below(kRouteShares.size());
      fault.errors = LogBetween(.01, 1.0, random);
      break;
    case FaultKind::kLatency:
      fault.slowdown = Between(1.2, 3.0, random);
      break;
    case FaultKind::kTail:
      fault.tail_share = Between(.01, .1, random);
      fault.tail_factor = Between(4.0, 10.0, random);
      break;
    case FaultKind::kLeak:
      fault.begins_s = 1200.0;
      fault.leak_per_s = LogBetween(.01, .1, random) / 60.0;
      break;
    case FaultKind::kCrash:
      fault.begins_s = 600.0;
      fault.errors = Between(.2, 1.0, random);
      break;
    case FaultKind::kLoad:
      fault.errors = LogBetween(.005, .5, random);
      break;
  }
  return fault;
}

Nuisance DrawNuisance(Random* random) {
  Nuisance nuisance;
  const double which = random->Uniform();
  if (which < .3) {
    nuisance.kind = NuisanceKind::kOutage;
    nuisance.begins_s = Between(0.0, kHorizonSeconds, random);
    nuisance.ends_s = nuisance.begins_s + Between(120.0, 1200.0, random);
    nuisance.errors = LogBetween(10.0, 1000.0, random);
  } else if (which < .7) {
    nuisance.kind = NuisanceKind::kColdStart;
    nuisance.ends_s = Between(30.0, 240.0, random);
    nuisance.errors = Between(1.5, 4.0, random);
    nuisance.slowdown = Between(1.2, 2.5, random);
  } else {
    nuisance.kind = NuisanceKind::kArmNoise;
    nuisance.noise_sd = Between(.2, .5, random);
  }
  return nuisance;
}

// A stationary AR(1) of standard deviation `sd`, `phi` from one value to the next.
std::vector<double> DrawPath(double sd, double phi, std::size_t length, Random random) {
  std::vector<double> path(length);
  double x = sd * random.Normal();
  for (double& value : path) {
    value = x;
    x = phi * x + sd * std::sqrt(1.0 - phi * phi) * random.Normal();
  }
  return path;
}

std::size_t CellOf(double at_s) {
  return std::min(kCells - 1, static_cast<std::size_t>(std::max(0.0, at_s) / kCellSeconds));
}

// How much of the fault there is, 0..1.
double Presence(const Fault& fault, double at_s, double weight) {
  if (at_s < fault.begins_s) return 0.0;
  if (fault.kind == FaultKind::kGrowth)
    return std::min(1.0, (at_s - fault.begins_s) / kGrowthSeconds);
  if (fault.kind == FaultKind::kLoad) return weight >= kHighLoadShare - 1e-9 ? 1.0 : 0.0;
  return 1.0;
}

void AddFault(const Fault& fault, double presence, double at_s, ArmState* arm) {
  for (std::size_t route = 0; route < kRouteShares.size(); ++route) {
    if (fault.kind == FaultKind::kRoute && route != fault.route) continue;
    double& p = arm->error_rate[route];
    // What fails anyway cannot fail again.
    p = 1.0 - (1.0 - p) * (1.0 - presence * fault.errors);
  }
  arm->slowdown *= fault.slowdown;
  arm->tail_share = fault.tail_share;
  arm->tail_factor = fault.tail_factor;
  if (fault.kind == FaultKind::kLeak) {
    const double grown = fault.leak_per_s * (at_s - fault.begins_s);
    arm->tail_share = std::min(kMostLeakPauses, kLeakPauses * grown);
    arm->tail_factor = kLeakPauseFactor;
  }
}

}  // namespace

Random ChanceOf(std::uint64_t number, std::uint64_t use, std::uint64_t at) {
  // Distinct (number, use, at) fall on distinct seeds but for chance: odd multipliers of
  // splitmix64.
  return Random(number * 0x9e3779b97f4a7c15U ^ use * 0xbf58476d1ce4e5b9U ^
                (at + 1) * 0x94d049bb133111ebU);
}

Deployment DrawDeployment(std::uint64_t number) {
  Deployment d;
  d.number = number;
  Random random = ChanceOf(number, kTraits);
  d.bad = random.Chance(kBadShare);
  d.service = DrawService(&random);
  d.fault = DrawFault(d.service, &random);
  if (random.Chance(d.bad ? .2 : .4)) d.nuisance = DrawNuisance(&random);
  const double score = random.Normal() + (d.bad ? kRiskDistance : 0.0);
  const double odds = kBadShare / (1.0 - kBadShare) *
                      std::exp(kRiskDistance * score - kRiskDistance * kRiskDistance / 2.0);
  d.risk = odds / (1.0 + odds);
  const double errors = random.Normal();
  const double latency = random.Normal();
  if (!d.bad) {
    d.error_drift = std::exp(.05 * errors);
    d.latency_drift = std::exp(.01 * latency);
  }
  d.wander = DrawPath(kWanderSd, kWanderMemory, kCells, ChanceOf(number, kWander));
  for (double& x : d.wander) x = std::exp(x);
  if (d.nuisance.kind == NuisanceKind::kArmNoise) {
    d.arm_noise =
        DrawPath(d.nuisance.noise_sd, kArmNoiseMemory, kCells, ChanceOf(number, kArmNoise));
    for (double& x : d.arm_noise) x = std::exp(x);
  }
  Random memory = ChanceOf(number, kMemory);
  const double smaller = Between(0.0, .3, &memory);
  d.memory = DrawPath(kMemorySd, kMemoryMemory, kCells, memory);
  for (std::size_t i = 0; i < kCells; ++i) {
    const double end_s = kCellSeconds * static_cast<double>(i + 1);
    d.memory[i] -= smaller * std::exp(-end_s / kMemorySettlingSeconds);
  }
  Random history = ChanceOf(number, kHistory);
  d.history = DrawHistory(d.service, {.sd = d.nuisance.noise_sd, .memory = kArmNoiseMemory},
                          {.sd = kMemorySd, .memory = kMemoryMemory}, &history);
  return d;
}

double ArmState::ErrorRate() const {
  double rate = 0.0;
  for (std::size_t i = 0; i < kRouteShares.size(); ++i) rate += kRouteShares[i] * error_rate[i];
  return rate;
}

double RequestsPerSecond(const Deployment& d, double at_s) {
  const double angle = 2.0 * std::numbers::pi * at_s / 86400.0 + d.service.diurnal_phase;
  return d.service.requests_per_s * (1.0 + d.service.diurnal_amplitude * std::sin(angle));
}

ArmState BaselineAt(const Deployment& d, double at_s) {
  ArmState arm;
  double rate = d.service.error_rate * d.wander[CellOf(at_s)];
  const bool outage = d.nuisance.kind == NuisanceKind::kOutage && at_s >= d.nuisance.begins_s &&
                      at_s < d.nuisance.ends_s;
  if (outage) rate *= d.nuisance.errors;
  arm.error_rate.fill(std::min(kMostErrors, rate));
  return arm;
}

ArmState CanaryAt(const Deployment& d, double at_s, double weight, Health health) {
  ArmState arm = BaselineAt(d, at_s);
  double factor = d.error_drift;
  arm.slowdown = d.latency_drift;
  if (!d.arm_noise.empty()) factor *= d.arm_noise[CellOf(at_s)];
  if (d.nuisance.kind == NuisanceKind::kColdStart && at_s < d.nuisance.ends_s) {
    const double left = 1.0 - at_s / d.nuisance.ends_s;
    factor *= 1.0 + (d.nuisance.errors - 1.0) * left;
    arm.slowdown *= 1.0 + (d.nuisance.slowdown - 1.0) * left;
  }
  for (double& p : arm.error_rate) p = std::min(kMostErrors, p * factor);
  const bool faulty = health == Health::kWithFault || (health == Health::kAsItIs && d.bad);
  const double presence = faulty ? Presence(d.fault, at_s, weight) : 0.0;
  if (presence > 0.0) AddFault(d.fault, presence, at_s, &arm);
  return arm;
}

double Service::LatencyQuantile(double q) const {
  return latency_ms_p50 * std::exp(latency_sigma * evidence::NormalQuantile(q));
}

double SlowerThan(const Service& service, const ArmState& arm, double ms) {
  const double z = std::log(ms / (service.latency_ms_p50 * arm.slowdown)) / service.latency_sigma;
  const double body = evidence::NormalUpperTail(z);
  if (arm.tail_share <= 0.0) return body;
  const double tail =
      evidence::NormalUpperTail(z - std::log(arm.tail_factor) / service.latency_sigma);
  return (1.0 - arm.tail_share) * body + arm.tail_share * tail;
}

double LatencyQuantile(const Service& service, const ArmState& arm, double q) {
  const double body = service.LatencyQuantile(q) * arm.slowdown;
  if (arm.tail_share <= 0.0) return body;
  // Between the quantile of the body and that of a body as slow as the tail.
  double low = std::log(body);
  double high = std::log(body * arm.tail_factor);
  for (int i = 0; i < 40; ++i) {
    const double middle = 0.5 * (low + high);
    (SlowerThan(service, arm, std::exp(middle)) > 1.0 - q ? low : high) = middle;
  }
  return std::exp(high);
}

double Harmed(const Service& service, const ArmState& arm) {
  const double slow = SlowerThan(service, arm, service.LatencyQuantile(.99));
  return 1.0 - (1.0 - arm.ErrorRate()) * (1.0 - slow);
}

double MemoryAt(const Deployment& d, std::size_t cell) {
  const double end_s = kCellSeconds * static_cast<double>(cell + 1);
  const bool leaks = d.bad && d.fault.kind == FaultKind::kLeak && end_s > d.fault.begins_s;
  return d.memory[cell] +
         (leaks ? std::log1p(d.fault.leak_per_s * (end_s - d.fault.begins_s)) : 0.0);
}

std::string_view Name(FaultKind kind) {
  static constexpr std::string_view kNames[] = {"errors", "growth", "route", "latency",
                                                "tail",   "leak",   "crash", "load"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view Name(NuisanceKind kind) {
  static constexpr std::string_view kNames[] = {"none", "outage", "cold start", "arm noise"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace auspex::lab::simulator
