#include "auspex/evidence/share_evidence.h"

#include <algorithm>
#include <cmath>

namespace auspex::evidence {
namespace {

// Prior share of "wrong from the start": a router that cannot draw shows at once.
constexpr double kBegun = 0.5;

}  // namespace

ShareEvidence::ShareEvidence() : wait_(1.0 - kBegun) {
  mass_.fill(kBegun / static_cast<double>(mass_.size()));
}

void ShareEvidence::Step(double canary_requests, double baseline_requests, double share,
                         double hazard) {
  std::array<double, kOddsRatios.size()> log_ratio{};
  double most = 0.0;
  for (std::size_t j = 0; j < mass_.size(); ++j) {
    // The alternative gives the canary f w / (1 - w + f w).
    const double norm = 1.0 - share + kOddsRatios[j] * share;
    log_ratio[j] =
        canary_requests * std::log(kOddsRatios[j] / norm) - baseline_requests * std::log(norm);
    most = std::max(most, log_ratio[j]);
  }
  const double begins = wait_ * hazard;
  wait_ = (wait_ - begins) * std::exp(-most);
  double total = wait_;
  for (std::size_t j = 0; j < mass_.size(); ++j) {
    mass_[j] =
        (mass_[j] + begins / static_cast<double>(mass_.size())) * std::exp(log_ratio[j] - most);
    total += mass_[j];
  }
  total = std::max(total, 1e-290);  // keeps the logarithm finite
  log_e_ += most + std::log(total);
  for (double& mass : mass_) mass /= total;
  wait_ /= total;
}

}  // namespace auspex::evidence
