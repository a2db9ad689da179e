#include "auspex/evidence/instance_spread.h"

#include <algorithm>
#include <cmath>

#include "auspex/evidence/noise.h"

namespace auspex::evidence {
namespace {

constexpr double kBlockSeconds = 300.0;  // at time scale 1 (section 4)

}  // namespace

InstanceSpread::InstanceSpread(double tick_s)
    : ticks_per_block_(std::max(1.0, std::round(kBlockSeconds / tick_s))),
      most_unchecked_(kAssumedVariance / tick_s) {}

double InstanceSpread::Arm::Variance() const {
  return weight > 0.0 ? std::max(0.0, excess / weight) * (1.0 + RelativeError(freedom)) : 0.0;
}

void InstanceSpread::Add(const std::vector<InstanceCounts>& instances, Arm* arm) const {
  if (arm->block.size() != instances.size()) {
    arm->block.assign(instances.size(), {});
    arm->ticks = 0.0;
  }
  if (instances.empty()) return;
  for (std::size_t i = 0; i < instances.size(); ++i) {
    arm->block[i].requests += instances[i].requests;
    arm->block[i].errors += instances[i].errors;
  }
  if (++arm->ticks < ticks_per_block_) return;

  double requests = 0.0, errors = 0.0, squares = 0.0, served = 0.0;
  for (const InstanceCounts& one : arm->block) {
    requests += one.requests;
    errors += one.errors;
    squares += one.requests * one.requests;
    served += one.requests > 0.0 ? 1.0 : 0.0;
  }
  if (requests > 0.0) arm->concentration = squares / (requests * requests);
  const double p = requests > 0.0 ? errors / requests : 0.0;
  // An instance without traffic tells nothing of its rate.
  if (served >= static_cast<double>(kLeastInstances) && p > 0.0 && p < 1.0) {
    for (const InstanceCounts& one : arm->block) {
      const double expected = one.requests * p;
      if (expected > 0.0)
        arm->excess += (one.errors - expected) * (one.errors - expected) / (expected * (1.0 - p));
    }
    arm->excess -= served - 1.0;
    arm->weight += (errors - errors * arm->concentration) / (1.0 - p);
    arm->freedom += served - 1.0;
  }
  std::fill(arm->block.begin(), arm->block.end(), InstanceCounts{});
  arm->ticks = 0.0;
}

void InstanceSpread::Step(const std::vector<InstanceCounts>& canary,
                          const std::vector<InstanceCounts>& baseline) {
  Add(canary, &canary_);
  Add(baseline, &baseline_);
  if (!(canary_.weight > 0.0)) return;
  const bool checked = baseline_.weight > 0.0;
  const double of_baseline = checked ? baseline_.Variance() : canary_.Variance();
  const double of_canary = std::min(canary_.Variance(), of_baseline);
  const double concentration =
      baseline_.concentration > 0.0 ? baseline_.concentration : canary_.concentration;
  const double s2 =
      ticks_per_block_ * (of_canary * canary_.concentration + of_baseline * concentration);
  s2_ = checked ? s2 : std::min(s2, most_unchecked_);
}

}  // namespace auspex::evidence
