#include "auspex/evidence/traffic_needed.h"

#include <algorithm>
#include <cmath>

#include "auspex/evidence/rate_evidence.h"

namespace auspex::evidence {

std::optional<double> RequestsNeeded(const TrafficQuestion& question) {
  const double p = question.baseline_rate;
  const double pa = std::min(question.ratio * p, .999);
  const double w = question.w;
  const double psi = pa * (1.0 - p) / (p * (1.0 - pa));
  // Expected log ratio of one request, tempered as a tick is.
  const Counts expected{.canary_events = pa * w,
                        .canary_requests = w,
                        .baseline_events = (1.0 - w) * p,
                        .baseline_requests = 1.0 - w};
  const double phi = 1.0 + p / (1.0 - p) * question.requests_per_tick * question.share * w *
                               (1.0 - w) * question.s2;
  const double information = LogRatioProjected(psi, expected, p) / phi * question.share;
  if (!(information > 0.0)) return std::nullopt;
  return std::ceil(std::max(0.0, -std::log(question.alpha * question.weight) - question.log_e) /
                   information);
}

}  // namespace auspex::evidence
