#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/change/bytes.h"

namespace auspex::change {

constexpr std::uint32_t kNoText = 0xffff'ffff;

// Texts (paths, e-mail addresses) by number, each held once: about 60 bytes a path. At most 2^32 -
// 1 of them and 4 GiB; what is beyond gets kNoText, as if it were not known. Not thread-safe.
class TextTable {
 public:
  [[nodiscard]] std::uint32_t Find(std::string_view text) const;
  std::uint32_t FindOrAdd(std::string_view text);
  [[nodiscard]] std::string_view Text(std::uint32_t number) const;
  [[nodiscard]] std::size_t size() const { return ends_.size(); }

  void Write(ByteWriter& writer) const;
  void Read(ByteReader& reader);

 private:
  // The slot that holds `text`, or the free one where it would be.
  [[nodiscard]] std::size_t Slot(std::string_view text) const;
  void Grow();

  std::string all_;
  std::vector<std::uint32_t> ends_;   // of each, in all_
  std::vector<std::uint32_t> slots_;  // open addressing; kNoText: free
};

// FNV-1a with a final mix (Fowler, Noll, Vo; MurmurHash3's fmix64): the same on every machine.
[[nodiscard]] std::uint64_t HashOf(std::string_view text);

}  // namespace auspex::change
