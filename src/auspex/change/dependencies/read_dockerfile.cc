#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "auspex/change/dependencies/readers.h"
#include "auspex/change/dependencies/text.h"

namespace auspex::change {
namespace {

// ARGs before the first FROM stand for their defaults in it; a ring of them ends here.
constexpr int kMostSubstitutions = 16;
// An image's name is at most 255 bytes, a digest 71.
constexpr std::size_t kMostImageBytes = 512;

using Arguments = std::map<std::string, std::string, std::less<>>;

bool IsNameByte(char c) { return IsLetter(c) || IsDigit(c) || c == '_'; }

// $NAME, ${NAME}, ${NAME:-default}; what has no value stays as written.
std::string Substitute(std::string text, const Arguments& arguments) {
  std::size_t from = 0;
  for (int i = 0; i < kMostSubstitutions; ++i) {
    const auto at = text.find('$', from);
    if (at == std::string::npos || at + 1 >= text.size()) break;
    const bool braces = text[at + 1] == '{';
    const auto begin = at + (braces ? 2 : 1);
    auto end = begin;
    while (end < text.size() && IsNameByte(text[end])) ++end;
    const auto value = arguments.find(std::string_view(text).substr(begin, end - begin));
    std::string with = value == arguments.end() ? "" : value->second;
    if (braces) {
      const auto close = text.find('}', end);
      if (close == std::string::npos) break;
      if (with.empty() && text.compare(end, 2, ":-") == 0) {
        with = text.substr(end + 2, close - end - 2);
      }
      end = close + 1;
    }
    if (with.empty()) {
      from = end;
      continue;
    }
    if (text.size() + with.size() > kMostImageBytes) break;
    text.replace(at, end - at, with);
    from = at;
  }
  return text;
}

// Tags that are moved with each release.
bool IsMovingTag(std::string_view tag) {
  constexpr std::array<std::string_view, 10> kMoving = {
      "latest", "edge", "stable", "nightly", "main", "master", "dev", "develop", "canary", "lts"};
  return tag.empty() || std::find(kMoving.begin(), kMoving.end(), tag) != kMoving.end();
}

// "registry:5000/name:tag@digest"
Dependency ParseImage(std::string_view image) {
  const auto digest_at = image.find('@');
  const auto digest =
      digest_at == std::string_view::npos ? std::string_view() : image.substr(digest_at);
  const auto reference = image.substr(0, digest_at);
  const auto slash = reference.rfind('/');
  // A colon before the last slash is a port.
  const auto colon = reference.find(':', slash == std::string_view::npos ? 0 : slash);
  const auto tag =
      colon == std::string_view::npos ? std::string_view() : reference.substr(colon + 1);
  Dependency dependency;
  dependency.name = std::string(reference.substr(0, colon));
  dependency.version = std::string(tag) + std::string(digest);
  dependency.unpinned = digest.empty() && IsMovingTag(tag);
  return dependency;
}

// The instructions with their continued lines joined; comments are left out.
std::vector<std::string> Instructions(std::string_view bytes) {
  std::vector<std::string> instructions;
  std::string joined;
  for (const auto raw : Split(bytes, '\n')) {
    auto line = Trim(raw);
    if (line.starts_with('#')) continue;
    const bool goes_on = line.ends_with('\\') || line.ends_with('`');
    if (goes_on) line.remove_suffix(1);
    joined += line;
    joined += ' ';
    if (goes_on) continue;
    if (!Trim(joined).empty()) instructions.push_back(std::exchange(joined, {}));
    joined.clear();
  }
  if (!Trim(joined).empty()) instructions.push_back(std::move(joined));
  return instructions;
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (const auto word : Split(line, ' ')) {
    if (const auto trimmed = Trim(word); !trimmed.empty()) words.push_back(trimmed);
  }
  return words;
}

}  // namespace

DependencyList ReadDockerfile(std::string_view bytes) {
  std::vector<Dependency> found;
  Arguments arguments;
  std::set<std::string, std::less<>> stages;
  for (const auto& instruction : Instructions(bytes)) {
    const auto words = Words(instruction);
    const auto verb = Lower(words.front());
    if (verb == "arg" && stages.empty() && found.empty() && words.size() > 1) {
      std::string_view value;
      const auto name = CutAt(words[1], "=", &value);
      if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) {
        value = value.substr(1, value.size() - 2);
      }
      arguments.insert_or_assign(std::string(name), std::string(value));
    }
    if (verb != "from") continue;
    std::size_t i = 1;
    while (i < words.size() && words[i].starts_with("--")) ++i;
    if (i >= words.size()) continue;
    const auto image = Substitute(std::string(words[i]), arguments);
    // An earlier stage, or nothing.
    if (image != "scratch" && !stages.contains(Lower(image))) found.push_back(ParseImage(image));
    if (i + 2 < words.size() && Lower(words[i + 1]) == "as") stages.insert(Lower(words[i + 2]));
  }
  return found;
}

}  // namespace auspex::change
