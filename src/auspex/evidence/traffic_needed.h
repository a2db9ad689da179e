#pragma once

#include <optional>

namespace auspex::evidence {

// One rate as it stands, and the question how much traffic would prove it worse.
struct TrafficQuestion {
  double log_e = 0.0;              // of the rate alone
  double weight = 1.0;             // its q
  double baseline_rate = 0.0;      // p, in (0, 1)
  double share = 1.0;              // of all requests that it speaks of, in (0, 1]
  double s2 = 0.0;                 // overdispersion, per tick
  double requests_per_tick = 0.0;  // of both arms; 0: unknown
  double w = 0.0;                  // the canary's share
  double alpha = 0.01;
  double ratio = 2.0;  // of the canary's rate to the baseline's, > 1
};

// Requests of both arms until E of this rate alone would bring sum q E to 1/alpha if the canary's
// rate were `ratio` times the baseline's: what is missing, over the expected log ratio of one
// request (section 10). Whole, >= 0; nullopt: never.
[[nodiscard]] std::optional<double> RequestsNeeded(const TrafficQuestion& question);

}  // namespace auspex::evidence
