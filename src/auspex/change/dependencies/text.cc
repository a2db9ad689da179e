#include "auspex/change/dependencies/text.h"

#include <algorithm>
#include <cstddef>

namespace auspex::change {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), ToLower);
  return lower;
}

std::string_view Trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (std::size_t from = 0;;) {
    const auto at = text.find(separator, from);
    pieces.push_back(text.substr(from, at == std::string_view::npos ? at : at - from));
    if (at == std::string_view::npos) return pieces;
    from = at + 1;
  }
}

std::string_view CutAt(std::string_view text, std::string_view separator, std::string_view* rest) {
  const auto at = text.find(separator);
  *rest =
      at == std::string_view::npos ? std::string_view() : Trim(text.substr(at + separator.size()));
  return Trim(text.substr(0, at));
}

}  // namespace auspex::change
