#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

#include "auspex/change/dependencies/readers.h"
#include "auspex/change/dependencies/text.h"

namespace auspex::change {
namespace {

// The words of a line, at most `most`.
std::vector<std::string_view> Words(std::string_view line, std::size_t most) {
  std::vector<std::string_view> words;
  while (words.size() < most) {
    line = Trim(line);
    if (line.empty()) break;
    words.push_back(line.substr(0, line.find_first_of(" \t")));
    line.remove_prefix(words.back().size());
  }
  return words;
}

std::string_view WithoutComment(std::string_view line, std::string_view mark) {
  std::string_view comment;
  return CutAt(line, mark, &comment);
}

std::string_view Unquoted(std::string_view text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '`') &&
      text.back() == text.front()) {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

// What a line of go.mod says, by the block it stands in or its first word.
struct GoLine {
  std::string_view verb;
  std::vector<std::string_view> words;
};

}  // namespace

// require M V; replace M [V] => N [W]: what is built is N at W. Also the toolchain.
DependencyList ReadGoMod(std::string_view bytes) {
  std::vector<Dependency> found;
  std::map<std::string_view, std::pair<std::string_view, std::string_view>> replaced;
  std::string_view block;
  for (const auto raw : Split(bytes, '\n')) {
    const auto line = WithoutComment(raw, "//");
    if (line == ")") {
      block = {};
      continue;
    }
    auto words = Words(line, 6);
    if (words.empty()) continue;
    if (words.size() == 2 && words[1] == "(") {
      block = words[0];
      continue;
    }
    GoLine said{block, std::move(words)};
    if (block.empty()) {
      said.verb = said.words.front();
      said.words.erase(said.words.begin());
    }
    for (auto& word : said.words) word = Unquoted(word);
    const auto& w = said.words;
    if (said.verb == "require" && w.size() >= 2) {
      found.push_back({std::string(w[0]), std::string(w[1]), false});
    } else if ((said.verb == "go" || said.verb == "toolchain") && !w.empty()) {
      found.push_back({std::string(said.verb), std::string(w[0]), false});
    } else if (said.verb == "replace" && w.size() >= 3) {
      const std::size_t arrow = w[1] == "=>" ? 1 : 2;
      if (w[arrow] != "=>" || w.size() <= arrow + 1) continue;
      replaced[w[0]] = {w[arrow + 1], w.size() > arrow + 2 ? w[arrow + 2] : std::string_view()};
    }
  }
  for (auto& dependency : found) {
    const auto by = replaced.find(dependency.name);
    if (by == replaced.end()) continue;
    const auto& [path, version] = by->second;
    dependency.version = path == by->first ? std::string(version)
                         : version.empty() ? fmt::format("=> {}", path)
                                           : fmt::format("{} => {}", version, path);
  }
  return found;
}

// "module version hash"; the line of a module's go.mod alone tells nothing of what is built.
DependencyList ReadGoSum(std::string_view bytes) {
  std::vector<Dependency> found;
  for (const auto line : Split(bytes, '\n')) {
    const auto words = Words(line, 3);
    if (words.size() < 3 || words[1].ends_with("/go.mod")) continue;
    found.push_back({std::string(words[0]), std::string(words[1]), false});
  }
  return found;
}

DependencyList ReadRequirements(std::string_view bytes) {
  std::vector<Dependency> found;
  std::string joined;  // lines that end in a backslash
  for (auto raw : Split(bytes, '\n')) {
    auto line = Trim(raw);
    if (line.starts_with('#')) continue;
    line = WithoutComment(line, " #");
    const bool goes_on = line.ends_with('\\');
    if (goes_on) line.remove_suffix(1);
    joined += line;
    joined += ' ';
    if (goes_on) continue;
    auto requirement = Trim(joined);
    // Options; "-e ./here" and "-e git+https://…#egg=name" have no version to compare.
    if (!requirement.empty() && requirement.front() != '-') {
      std::string_view options;
      requirement = CutAt(requirement, " --", &options);
      auto dependency = ParsePep508(requirement);
      if (!dependency.name.empty()) found.push_back(std::move(dependency));
    }
    joined.clear();
  }
  return found;
}

// "group:artifact:version=configurations"
DependencyList ReadGradleLock(std::string_view bytes) {
  std::vector<Dependency> found;
  for (const auto raw : Split(bytes, '\n')) {
    const auto line = Trim(raw);
    if (line.starts_with('#')) continue;
    const auto coordinate = line.substr(0, line.find('='));
    const auto parts = Split(coordinate, ':');
    if (parts.size() != 3) continue;
    found.push_back({fmt::format("{}:{}", parts[0], parts[1]), std::string(parts[2]), false});
  }
  return found;
}

// Under "GEM … specs:", four spaces and "rails (7.0.4)"; its own requirements stand at six.
DependencyList ReadGemfileLock(std::string_view bytes) {
  std::vector<Dependency> found;
  for (const auto line : Split(bytes, '\n')) {
    if (!line.starts_with("    ") || line.size() < 5 || line[4] == ' ') continue;
    const auto words = Words(line, 2);
    if (words.size() != 2 || !words[1].starts_with('(') || !words[1].ends_with(')')) continue;
    const auto version = words[1].substr(1, words[1].size() - 2);
    // "7.0.4-x86_64-linux": the platform is no part of the version.
    found.push_back(
        {std::string(words[0]), std::string(version.substr(0, version.find('-'))), false});
  }
  return found;
}

}  // namespace auspex::change
