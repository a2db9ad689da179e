#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "auspex/base/result.h"

namespace auspex::telemetry {

// Mergeable quantile sketch of positive values with relative error <= 1 % (DDSketch: Masson, Rim
// and Lee, VLDB 2019): bucket i holds (g^(i-1), g^i], g = 1.01/0.99, and stands for 2 g^i / (g +
// 1). Values below 1 (and NaN) count as 1, values above 1e12 as 1e12. Bounded: at most 1,383
// buckets. Bucket edges are a table made by multiplication alone, so that a value falls into the
// same bucket on every machine. Merging is exact: the sketch of a whole equals the merge of its
// parts. Not thread-safe.
class Sketch {
 public:
  using Bucket = std::pair<std::int32_t, std::int64_t>;  // index, count

  static constexpr double kRelativeError = 0.01;
  static constexpr double kLargest = 1e12;
  static constexpr std::int32_t kLastBucket = 1'382;  // ceil(log_g(1e12))
  // Of one stored sketch: 2^53, so that sums of a thousand of them stay far from overflow.
  static constexpr std::int64_t kMaxCount = std::int64_t{1} << 53;

  // A count below 1 adds nothing.
  void Add(double value, std::int64_t count = 1);
  void Merge(const Sketch& other);
  [[nodiscard]] std::int64_t count() const { return count_; }
  // The smallest value with at least a share q of all at or below it, that is the one of rank
  // max(1, ceil(q n)), within 1 %. nullopt when empty. q in [0, 1]; outside counts as the nearer
  // end.
  [[nodiscard]] std::optional<double> Quantile(double q) const;

  // How many are at or below `value`, of values more than 2 % apart from it: exact.
  [[nodiscard]] std::int64_t AtOrBelow(double value) const;

  // (bucket index, count > 0), ascending: what is stored and sent.
  [[nodiscard]] std::vector<Bucket> Buckets() const;
  // Error: kInvalidArgument for an index outside [0, kLastBucket], indices that do not ascend, a
  // count below 1 or counts that sum to more than kMaxCount.
  static Result<Sketch> FromBuckets(const std::vector<Bucket>& buckets);

  friend bool operator==(const Sketch&, const Sketch&) = default;

 private:
  void Reach(std::int32_t index);

  std::int32_t first_ = 0;            // bucket index of counts_[0]; 0 when empty
  std::vector<std::int64_t> counts_;  // dense between the lowest and the highest bucket seen
  std::int64_t count_ = 0;
};

}  // namespace auspex::telemetry
