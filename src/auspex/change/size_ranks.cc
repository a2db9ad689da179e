#include "auspex/change/size_ranks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace auspex::change {
namespace {

constexpr std::int64_t kExact = 64;
constexpr double kBinsPerOctave = 16.0;
constexpr std::size_t kBinsMost = 64 + 16 * 58;  // to 2^64

}  // namespace

std::size_t SizeRanks::Bin(std::int64_t size) {
  if (size < kExact) return static_cast<std::size_t>(std::max<std::int64_t>(size, 0));
  const double octaves = std::log2(static_cast<double>(size) / static_cast<double>(kExact));
  return std::min(kBinsMost - 1, 64 + static_cast<std::size_t>(octaves * kBinsPerOctave));
}

void SizeRanks::Add(std::int64_t size) {
  const std::size_t bin = Bin(size);
  if (bin >= counts_.size()) counts_.resize(bin + 1);
  ++counts_[bin];
}

double SizeRanks::Percentile(std::int64_t size) const {
  const std::uint64_t all = std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
  if (all == 0) return std::numeric_limits<double>::quiet_NaN();
  const std::size_t bin = Bin(size);
  const auto end = counts_.begin() + static_cast<std::ptrdiff_t>(std::min(bin, counts_.size()));
  const std::uint64_t smaller = std::accumulate(counts_.begin(), end, std::uint64_t{0});
  const std::uint64_t equal = bin < counts_.size() ? counts_[bin] : 0;
  return (static_cast<double>(smaller) + 0.5 * static_cast<double>(equal)) /
         static_cast<double>(all);
}

void SizeRanks::Read(ByteReader& reader) {
  counts_ = reader.GetList<std::uint64_t>();
  if (counts_.size() > kBinsMost) reader.Fail();
}

}  // namespace auspex::change
