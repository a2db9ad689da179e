#include "auspex/telemetry/histogram.h"

#include <algorithm>

namespace auspex::telemetry {

AboveCount CountAbove(const Histogram& h, double t_s) {
  const auto upper = std::lower_bound(h.edges_s.begin(), h.edges_s.end(), t_s);
  const auto i = static_cast<std::size_t>(upper - h.edges_s.begin());
  const double before = i == 0 ? h.total : h.Above(i - 1);
  if (upper == h.edges_s.end()) return {.count = before, .low = 0.0, .high = before};
  const double after = h.Above(i);
  if (*upper == t_s) return {.count = after, .low = after, .high = after};
  const double from = i == 0 ? 0.0 : h.edges_s[i - 1];
  const double part = std::clamp((t_s - from) / (*upper - from), 0.0, 1.0);
  return {.count = before + part * (after - before), .low = after, .high = before};
}

std::size_t EdgeForQuantile(const Histogram& h, double q) {
  const double most = (1.0 - q) * h.total * (1.0 + 1e-9);  // 1 - .9 is a little less than .1
  for (std::size_t i = 0; i + 1 < h.edges_s.size(); ++i) {
    if (h.Above(i) <= most) return i;
  }
  return h.edges_s.size() - 1;
}

double SlownessAllowance(const Histogram& h, std::size_t edge, double slower) {
  const double above = h.Above(edge);
  if (above <= 0.0) return 1.0;
  const double at = h.edges_s[edge];
  const double before = edge == 0 ? 0.0 : h.edges_s[edge - 1];
  const double in_bucket = (edge == 0 ? h.total : h.Above(edge - 1)) - above;
  const double width = at - at / slower;  // of what is allowed
  double density = in_bucket / (at - before);
  if (edge + 1 < h.edges_s.size()) {
    density = std::max(density, (above - h.Above(edge + 1)) / (h.edges_s[edge + 1] - at));
  }
  // Beyond a narrow bucket what lies below counts whole.
  const double allowed = before > at / slower ? CountAbove(h, at / slower).high - above
                                              : std::min(in_bucket, density * width);
  return 1.0 + allowed / above;
}

}  // namespace auspex::telemetry
