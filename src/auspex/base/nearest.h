#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace auspex {

// What somebody meant by `word`: the nearest of `known` by edit distance, if it is near enough to
// be a slip.
[[nodiscard]] std::optional<std::string> Nearest(std::string_view word,
                                                 const std::vector<std::string>& known);

}  // namespace auspex
