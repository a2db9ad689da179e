#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "auspex/change/bytes.h"

namespace auspex::change {

// How a size stands among those seen so far. Sizes to 63 are counted exactly, larger ones to 6 %
// (16 bins an octave): under 6 kB whatever comes. Not thread-safe.
class SizeRanks {
 public:
  void Add(std::int64_t size);
  // Share of what was added that is smaller, half of what is equal (to the bin) counted as smaller;
  // NaN where nothing was added.
  [[nodiscard]] double Percentile(std::int64_t size) const;

  void Write(ByteWriter& writer) const { writer.PutList(counts_); }
  void Read(ByteReader& reader);

 private:
  [[nodiscard]] static std::size_t Bin(std::int64_t size);
  std::vector<std::uint64_t> counts_;
};

}  // namespace auspex::change
