#pragma once

#include <cstddef>
#include <vector>

namespace auspex::telemetry {

// Latencies counted in buckets, as Prometheus does. `edges_s`: upper edges, ascending, > 0 seconds;
// `at_or_below`: counts at or below each, so they do not fall; `total` >= the last of them.
struct Histogram {
  std::vector<double> edges_s;
  std::vector<double> at_or_below;
  double total = 0.0;

  // Requests slower than the edge of that index: exact.
  [[nodiscard]] double Above(std::size_t edge) const { return total - at_or_below[edge]; }
};

// Requests slower than `t_s`. The true count is in [low, high] whatever lies in the bucket; all
// three are equal at an edge. `count` is interpolated linearly within the bucket (as PromQL's
// histogram_quantile does); above the last edge nothing is known, and it is the high end.
struct AboveCount {
  double count = 0.0;
  double low = 0.0;
  double high = 0.0;
};
[[nodiscard]] AboveCount CountAbove(const Histogram& histogram, double t_s);

// The edge nearest to the quantile q from above: the first with at most 1 - q above it, so that
// what is counted there is exact. The last edge where all have more. Precondition: there are edges.
[[nodiscard]] std::size_t EdgeForQuantile(const Histogram& histogram, double q);

// By how much the canary's rate above an edge may exceed the baseline's if it is only `slower`
// times as slow (1.05, section 1 of docs/statistics.md): rate(edge / slower) / rate(edge), >= 1,
// which buckets do not tell. An upper bound where the density rises or falls throughout the buckets
// on both sides of the edge: at most the steeper of the two lies between edge / slower and edge.
// Never more than what the bucket below can hold. 1 where nothing is above the edge.
[[nodiscard]] double SlownessAllowance(const Histogram& histogram, std::size_t edge, double slower);

}  // namespace auspex::telemetry
