#include "auspex/telemetry/sketch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace auspex::telemetry {
namespace {

constexpr double kGamma = (1.0 + Sketch::kRelativeError) / (1.0 - Sketch::kRelativeError);
constexpr std::size_t kBuckets = static_cast<std::size_t>(Sketch::kLastBucket) + 1;

// edge[i] = g^i, the highest value of bucket i.
constexpr std::array<double, kBuckets> MakeEdges() {
  std::array<double, kBuckets> edges{};
  edges[0] = 1.0;
  for (std::size_t i = 1; i < kBuckets; ++i) edges[i] = edges[i - 1] * kGamma;
  return edges;
}
constexpr std::array<double, kBuckets> kEdges = MakeEdges();
static_assert(kEdges[kBuckets - 1] >= Sketch::kLargest && kEdges[kBuckets - 2] < Sketch::kLargest);

std::int32_t IndexOf(double value) {
  if (!(value > 1.0)) return 0;
  if (value >= Sketch::kLargest) return Sketch::kLastBucket;
  const auto* const edge = std::lower_bound(kEdges.begin(), kEdges.end(), value);
  return static_cast<std::int32_t>(edge - kEdges.begin());
}

// Bucket 0 holds nothing but 1.
double ValueOf(std::int32_t index) {
  if (index == 0) return 1.0;
  return 2.0 * kEdges[static_cast<std::size_t>(index)] / (kGamma + 1.0);
}

}  // namespace

void Sketch::Reach(std::int32_t index) {
  if (counts_.empty()) {
    first_ = index;
    counts_.assign(1, 0);
    return;
  }
  if (index < first_) {
    counts_.insert(counts_.begin(), static_cast<std::size_t>(first_ - index), 0);
    first_ = index;
  }
  const auto offset = static_cast<std::size_t>(index - first_);
  if (offset >= counts_.size()) counts_.resize(offset + 1, 0);
}

void Sketch::Add(double value, std::int64_t count) {
  if (count < 1) return;
  const std::int32_t index = IndexOf(value);
  Reach(index);
  counts_[static_cast<std::size_t>(index - first_)] += count;
  count_ += count;
}

void Sketch::Merge(const Sketch& other) {
  if (other.counts_.empty()) return;
  // Copied first: merging a sketch with itself doubles it.
  const std::vector<std::int64_t> counts = other.counts_;
  const std::int32_t first = other.first_;
  const std::int64_t count = other.count_;
  Reach(first);
  Reach(first + static_cast<std::int32_t>(counts.size()) - 1);
  const auto offset = static_cast<std::size_t>(first - first_);
  for (std::size_t i = 0; i < counts.size(); ++i) counts_[offset + i] += counts[i];
  count_ += count;
}

std::optional<double> Sketch::Quantile(double q) const {
  if (count_ == 0) return std::nullopt;
  const double share = q > 0.0 ? std::min(q, 1.0) : 0.0;
  // 0.07 * 100 is 7.000000000000001 in binary; the rank meant is 7.
  const double exact = std::ceil(share * static_cast<double>(count_) * (1.0 - 1e-12));
  const std::int64_t rank = std::clamp<std::int64_t>(static_cast<std::int64_t>(exact), 1, count_);
  std::int64_t seen = 0;
  std::size_t i = 0;
  while (seen + counts_[i] < rank) seen += counts_[i++];
  return ValueOf(first_ + static_cast<std::int32_t>(i));
}

std::int64_t Sketch::AtOrBelow(double value) const {
  const std::int32_t last = IndexOf(value);
  std::int64_t below = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (first_ + static_cast<std::int32_t>(i) <= last) below += counts_[i];
  }
  return below;
}

std::vector<Sketch::Bucket> Sketch::Buckets() const {
  std::vector<Bucket> buckets;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0) buckets.emplace_back(first_ + static_cast<std::int32_t>(i), counts_[i]);
  }
  return buckets;
}

Result<Sketch> Sketch::FromBuckets(const std::vector<Bucket>& buckets) {
  Sketch sketch;
  std::int32_t previous = -1;
  for (const auto& [index, count] : buckets) {
    if (index < 0 || index > kLastBucket) {
      return Fail(ErrorCode::kInvalidArgument, "sketch: bucket {} is outside [0, {}]", index,
                  kLastBucket);
    }
    if (index <= previous) {
      return Fail(ErrorCode::kInvalidArgument,
                  "sketch: bucket {} stands after {}; they must ascend", index, previous);
    }
    if (count < 1 || count > kMaxCount - sketch.count_) {
      return Fail(ErrorCode::kInvalidArgument,
                  "sketch: bucket {} counts {}; it must be at least 1 and the sum at most {}",
                  index, count, kMaxCount);
    }
    sketch.Reach(index);
    sketch.counts_.back() = count;
    sketch.count_ += count;
    previous = index;
  }
  return sketch;
}

}  // namespace auspex::telemetry
