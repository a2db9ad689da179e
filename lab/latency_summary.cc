#include "lab/latency_summary.h"

#include <algorithm>
#include <cmath>

namespace auspex::lab {
namespace {

constexpr std::size_t kPerPowerBits = 6;
constexpr std::size_t kPerPower = 1U << kPerPowerBits;

// Values below 64 µs have a bucket each; above, the six bits after the leading one choose.
std::size_t BucketOf(std::uint64_t us) {
  if (us < kPerPower) return us;
  const auto shift = static_cast<std::size_t>(std::bit_width(us)) - 1 - kPerPowerBits;
  return ((shift + 1) << kPerPowerBits) + ((us >> shift) & 63U);
}

std::uint64_t UpperEdgeUs(std::size_t bucket) {
  if (bucket < kPerPower) return bucket + 1;
  const std::size_t shift = (bucket >> kPerPowerBits) - 1;
  return (64U + (bucket & 63U) + 1U) << shift;
}

}  // namespace

void LatencySummary::Add(Duration latency) {
  const Duration value = std::max(latency, Duration::zero());
  const auto us = static_cast<std::uint64_t>(value / 1us);
  ++buckets_[std::min(BucketOf(us), buckets_.size() - 1)];
  ++count_;
  max_ = std::max(max_, value);
}

Duration LatencySummary::Quantile(double q) const {
  if (count_ == 0) return {};
  const double rank = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  std::int64_t below = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    below += buckets_[i];
    if (below > 0 && static_cast<double>(below) >= rank) {
      const auto edge_us = static_cast<std::int64_t>(UpperEdgeUs(i));
      return std::min<Duration>(std::chrono::microseconds(edge_us), max_);
    }
  }
  return max_;
}

}  // namespace auspex::lab
