#include "auspex/change/message.h"

#include <algorithm>
#include <array>
#include <set>

namespace auspex::change {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool StartsIgnoringCase(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && SameIgnoringCase(text.substr(0, start.size()), start);
}

}  // namespace

std::vector<std::string_view> WordsOf(std::string_view message) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < message.size();) {
    if (!IsLetter(message[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < message.size() && IsLetter(message[at])) ++at;
    words.push_back(message.substr(begin, at - begin));
  }
  return words;
}

bool SameIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return Lower(x) == Lower(y); });
}

bool IsRevert(std::string_view message) {
  return message.starts_with("Revert \"") || message.starts_with("Revert '") ||
         StartsIgnoringCase(message, "revert:") || StartsIgnoringCase(message, "revert(") ||
         StartsIgnoringCase(message, "reverts ") || StartsIgnoringCase(message, "revert ") ||
         message.find("This reverts commit ") != std::string_view::npos;
}

bool IsCherryPick(std::string_view message) {
  return message.find("(cherry picked from commit ") != std::string_view::npos;
}

int ReviewersIn(std::string_view message) {
  constexpr std::array<std::string_view, 4> kTrailers = {
      "reviewed-by:", "acked-by:", "tested-by:", "approved-by:"};
  std::set<std::string_view> people;
  while (!message.empty()) {
    const std::size_t end = std::min(message.find('\n'), message.size());
    const std::string_view line = message.substr(0, end);
    message.remove_prefix(std::min(end + 1, message.size()));
    for (const std::string_view trailer : kTrailers) {
      if (!StartsIgnoringCase(line, trailer)) continue;
      const std::string_view who = line.substr(trailer.size());
      const std::size_t first = who.find_first_not_of(" \t");
      if (first != std::string_view::npos) people.insert(who.substr(first));
    }
  }
  return static_cast<int>(people.size());
}

}  // namespace auspex::change
