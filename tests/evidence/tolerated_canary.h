#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/evidence/rate_evidence.h"

// A canary at the edge of what is tolerated, watched for two hours with a weight that follows what
// was seen: what section 9.4 counts.
namespace auspex::evidence {

enum class Load { kStationary, kDiurnal, kDiurnalWithOutages };

struct ToleratedCanary {
  double requests_per_s = 100;
  double error_rate = .01;
  double ratio = kToleratedRatio;  // the canary's rate over the baseline's
  Load load = Load::kStationary;
};

inline std::string NameOf(const ToleratedCanary& cell) {
  static constexpr const char* kLoads[] = {"Stationary", "Diurnal", "DiurnalWithOutages"};
  return "Rps" + std::to_string(std::lround(cell.requests_per_s)) + "Ppm" +
         std::to_string(std::lround(1e6 * cell.error_rate)) + "Ratio" +
         std::to_string(std::lround(100 * cell.ratio)) + kLoads[static_cast<int>(cell.load)];
}

// Runs in which E reached 1/alpha at any look.
struct FalseAlarmCounts {
  int at_05 = 0;
  int at_01 = 0;
};

// The largest log E of one run.
inline double LargestLogE(const ToleratedCanary& cell, Random* random) {
  constexpr int kLooks = 720;
  constexpr double kTick = 10.0, kHistory = 300.0, kOutageChance = .005, kOutageRatio = 1000.0;
  RateEvidence evidence({.p_hist = cell.error_rate});
  double w = .02, previous = w, largest = 0.0;
  int outage = 0;  // ticks that one still lasts
  for (int tick = 1; tick <= kLooks; ++tick) {
    double requests = cell.requests_per_s * kTick, p = cell.error_rate;
    if (cell.load != Load::kStationary)
      requests *= 1.0 + .5 * std::sin(2.0 * std::numbers::pi * tick / kLooks);
    if (cell.load == Load::kDiurnalWithOutages) {
      if (outage == 0 && random->Chance(kOutageChance))
        outage = 1 + static_cast<int>(random->Below(30));
      if (outage > 0) --outage, p = std::min(.8, p * kOutageRatio);
    }
    const std::int64_t all = random->Poisson(requests);
    const std::int64_t canary = random->Binomial(all, w);
    const Counts counts{
        static_cast<double>(random->Binomial(canary, cell.ratio * p)), static_cast<double>(canary),
        static_cast<double>(random->Binomial(all - canary, p)), static_cast<double>(all - canary)};
    const double hazard =
        std::min(.5, kTick / (kHistory + kTick * tick) + (w > 1.3 * previous ? .02 : 0.0));
    evidence.Step(counts, {.hazard = hazard, .drift = .01});
    largest = std::max(largest, evidence.log_e());
    previous = w;
    // Whoever chases its luck: up while it looks well, down when it does not.
    w = std::clamp(evidence.log_e() < .5 ? 1.5 * w : .5 * w, .002, .95);
  }
  return largest;
}

inline FalseAlarmCounts CountFalseAlarms(const ToleratedCanary& cell, int runs) {
  Random random(20240101);
  FalseAlarmCounts counts;
  for (int run = 0; run < runs; ++run) {
    const double log_e = LargestLogE(cell, &random);
    counts.at_05 += log_e >= std::log(20.0);
    counts.at_01 += log_e >= std::log(100.0);
  }
  return counts;
}

}  // namespace auspex::evidence
