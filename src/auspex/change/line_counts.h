#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "auspex/change/bytes.h"
#include "auspex/change/change.h"

namespace auspex::change {

// How many lines each content of a file has, by the content's id. The log tells it of every content
// but those that merges made: lines after = lines before + added - deleted. Keeps at least the last
// million contents and at most two million (24 bytes each at worst); an older one is forgotten and
// has to be read. Not thread-safe.
class LineCounts {
 public:
  static constexpr std::size_t kGeneration = 1'000'000;

  [[nodiscard]] std::optional<std::uint32_t> Find(const ObjectId& id) const;
  void Set(const ObjectId& id, std::uint32_t lines);

  void Write(ByteWriter& writer) const;
  void Read(ByteReader& reader);

 private:
  // Open addressing over the ids' first 64 bits, 0 for a free slot.
  struct Generation {
    std::vector<std::uint64_t> keys;
    std::vector<std::uint32_t> lines;
    std::uint64_t count = 0;
    [[nodiscard]] std::size_t Slot(std::uint64_t key) const;
    void Set(std::uint64_t key, std::uint32_t value);
    void Grow();
  };
  Generation young_, old_;
};

// As git counts: the ends of lines, and a last line without one; 0 for what git takes for binary (a
// NUL in the first 8000 bytes; xdiff-interface.c, buffer_is_binary).
[[nodiscard]] std::uint32_t LinesIn(std::string_view content);
[[nodiscard]] bool IsBinary(std::string_view content);

}  // namespace auspex::change
