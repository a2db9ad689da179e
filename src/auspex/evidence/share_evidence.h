#pragma once

#include <array>
#include <cstddef>

namespace auspex::evidence {

// Does the router give the canary the share that was planned? A sample-ratio mismatch test that may
// be looked at after every tick: under the planned share each tick multiplies E by a likelihood
// ratio of expectation 1, so that E passes 1/b in a share b of honest rollouts at most. The
// alternatives multiply the canary's odds by .5 to 2; a mismatch may begin at any time.
class ShareEvidence {
 public:
  ShareEvidence();
  // `share` in (0, 1), planned before the tick; `hazard`: the chance that a mismatch begins in it.
  void Step(double canary_requests, double baseline_requests, double share, double hazard);
  [[nodiscard]] double log_e() const { return log_e_; }

 private:
  static constexpr std::array<double, 8> kOddsRatios = {.5, .75, .9, .95, 1.05, 1.1, 1.33, 2.0};
  std::array<double, kOddsRatios.size()> mass_{};  // with wait_ they sum to 1
  double wait_;
  double log_e_ = 0.0;
};

}  // namespace auspex::evidence
