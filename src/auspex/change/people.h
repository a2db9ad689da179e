#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auspex/change/bytes.h"
#include "auspex/change/text_table.h"

namespace auspex::change {

// A moment in the state of the fold: seconds since 1970, cut to [0, 2^32) (February 2106).
[[nodiscard]] constexpr std::uint32_t Stored(std::int64_t time_s) {
  if (time_s < 0) return 0;
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(time_s < kMost ? time_s : kMost);
}

// What authors have done so far: four bytes a change, and four a change and subsystem. An author is
// an e-mail address, in lower case; where that is empty, the name. Not thread-safe.
class People {
 public:
  // kNoText for one who has changed nothing yet.
  [[nodiscard]] std::uint32_t Find(std::string_view email, std::string_view name) const;
  std::uint32_t FindOrAdd(std::string_view email, std::string_view name);

  // Changes so far (EXP).
  [[nodiscard]] std::size_t Changes(std::uint32_t author) const;
  // Each change so far weighs 1/(n + 1), n the whole years (of 365 days) since it (REXP).
  [[nodiscard]] double RecentChanges(std::uint32_t author, std::int64_t now_s) const;
  // Changes so far that touched at least one of these (SEXP).
  [[nodiscard]] std::size_t ChangesTo(std::uint32_t author,
                                      std::span<const std::uint32_t> subsystems) const;
  // When the latest was written. Only where Changes() > 0.
  [[nodiscard]] std::uint32_t LastChange(std::uint32_t author) const;

  // `subsystems`: each once.
  void Add(std::uint32_t author, std::int64_t time_s, std::span<const std::uint32_t> subsystems);

  void Write(ByteWriter& writer) const;
  void Read(ByteReader& reader);

 private:
  TextTable names_;
  std::vector<std::vector<std::uint32_t>> times_;  // by author, ascending
  // By author and subsystem: which of the author's changes, in the order they came.
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> changes_to_;
};

}  // namespace auspex::change
