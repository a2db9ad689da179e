#include <algorithm>
#include <cstddef>

#include "auspex/change/dependencies/readers.h"
#include "auspex/change/dependencies/text.h"

namespace auspex::change {
namespace {

// A commit in a git location: 7 to 64 hexadecimal digits.
bool IsCommit(std::string_view text) {
  return text.size() >= 7 && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return IsDigit(c) || (ToLower(c) >= 'a' && ToLower(c) <= 'f');
         });
}

// One alternative of an npm range, "a b" being both.
bool IsOpenAlternative(std::string_view alternative) {
  alternative = Trim(alternative);
  if (alternative.empty() || alternative == "*" || alternative == "x" || alternative == "X") {
    return true;
  }
  // "1.2 - 2", "^1", "~1", "1.x", "=1", "1": all bounded.
  if (alternative.front() != '>') return false;
  return alternative.find('<') == std::string_view::npos;
}

}  // namespace

bool IsOpenNpmRange(std::string_view range) {
  range = Trim(range);
  // Names a place within the repository: what stands there is the change's own.
  for (const std::string_view own :
       {"workspace:", "file:", "link:", "portal:", "patch:", "catalog:"}) {
    if (range.starts_with(own)) return false;
  }
  if (range.starts_with("npm:")) {
    const auto at = range.rfind('@');
    return at == std::string_view::npos || at <= 4 || IsOpenNpmRange(range.substr(at + 1));
  }
  if (range.find('/') != std::string_view::npos || range.find(':') != std::string_view::npos) {
    const auto hash = range.rfind('#');
    if (hash == std::string_view::npos) return range.find(".tgz") == std::string_view::npos;
    const auto ref = range.substr(hash + 1);
    // A tag stays what it is, by custom; a branch does not.
    return !IsCommit(ref) && !ref.starts_with("semver:") &&
           std::none_of(ref.begin(), ref.end(), IsDigit);
  }
  // A word is a dist-tag: "latest", "next".
  if (!range.empty() && IsLetter(range.front()) && range.front() != 'v' && range != "x" &&
      range != "X") {
    return true;
  }
  for (std::size_t from = 0;;) {
    const auto bar = range.find("||", from);
    if (IsOpenAlternative(range.substr(from, bar == std::string_view::npos ? bar : bar - from))) {
      return true;
    }
    if (bar == std::string_view::npos) return false;
    from = bar + 2;
  }
}

bool IsOpenCargoRange(std::string_view range) {
  const auto parts = Split(range, ',');
  return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
    part = Trim(part);
    return part.empty() || part == "*" || part.front() == '>';
  });
}

bool IsOpenPythonSpecifier(std::string_view specifiers) {
  const auto parts = Split(specifiers, ',');
  return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
    part = Trim(part);
    if (part.empty() || part == "*") return true;
    return part.front() == '>' || part.starts_with("!=");
  });
}

std::string NormalPythonName(std::string_view name) {
  std::string normal;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == '.') {
      if (!normal.empty() && normal.back() != '-') normal += '-';
    } else {
      normal += ToLower(c);
    }
  }
  return normal;
}

Dependency ParsePep508(std::string_view requirement) {
  std::string_view marker;
  std::string_view location;
  // A URL holds no " ;", which ends it.
  auto text = CutAt(requirement, " @ ", &location);
  if (!location.empty()) {
    location = CutAt(location, " ;", &marker);
  } else {
    text = CutAt(text, ";", &marker);
  }
  const auto end = std::find_if_not(text.begin(), text.end(), [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '-' || c == '_' || c == '.';
  });
  const auto name = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(name.size());
  text = Trim(text);
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    text = close == std::string_view::npos ? std::string_view() : Trim(text.substr(close + 1));
  }
  if (text.size() >= 2 && text.front() == '(' && text.back() == ')') {
    text = Trim(text.substr(1, text.size() - 2));
  }
  if (!location.empty()) {
    const auto at = location.rfind('@');
    const bool exact = at != std::string_view::npos && IsCommit(location.substr(at + 1));
    const bool archive = location.find("git+") == std::string_view::npos;
    return {NormalPythonName(name), std::string(location), !exact && !archive};
  }
  return {NormalPythonName(name), std::string(text), IsOpenPythonSpecifier(text)};
}

}  // namespace auspex::change
