#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace auspex::change {

// ASCII, whatever the locale: the names and versions of packages are.
[[nodiscard]] constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
[[nodiscard]] constexpr char ToLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
[[nodiscard]] std::string Lower(std::string_view text);
// Without spaces, tabs and carriage returns at both ends.
[[nodiscard]] std::string_view Trim(std::string_view text);
// The pieces between the separators; one empty piece for an empty text.
[[nodiscard]] std::vector<std::string_view> Split(std::string_view text, char separator);
// The text before the first `separator`, trimmed; `*rest` is what follows it, or empty.
[[nodiscard]] std::string_view CutAt(std::string_view text, std::string_view separator,
                                     std::string_view* rest);

}  // namespace auspex::change
