#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace auspex {

// A text of others as a terminal, a log and a page may show it: '?' for each control character,
// those of two bytes (U+0080 to U+009F) too. Of more than `most` bytes whole characters from the
// beginning and "…", together at most so many; `most` is at least 3.
[[nodiscard]] std::string Printable(std::string_view text,
                                    std::size_t most = std::string_view::npos);

}  // namespace auspex
