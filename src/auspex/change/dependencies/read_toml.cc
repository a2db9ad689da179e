#include <fmt/format.h>
#include <toml++/toml.h>

#include <sstream>
#include <string>
#include <utility>

#include "auspex/change/dependencies/readers.h"
#include "auspex/change/dependencies/text.h"

namespace auspex::change {
namespace {

using View = toml::node_view<const toml::node>;

Result<toml::table> ParseToml(std::string_view bytes) {
  try {
    return toml::parse(bytes);
  } catch (const toml::parse_error& e) {
    return Fail(ErrorCode::kInvalidArgument, "not TOML: line {}, column {}: {}",
                e.source().begin.line, e.source().begin.column, e.description());
  }
}

std::string TextAt(const toml::table& table, std::string_view key) {
  return table[key].value_or(std::string());
}

// `value` of a dependency table: "1.2", or {version = "1.2"}, or {git = …, rev = …}, or
// {path = …}; nullopt for what stands in the repository itself.
std::optional<Dependency> ReadTableEntry(std::string_view name, const toml::node& value,
                                         bool (*is_open)(std::string_view)) {
  if (const auto text = value.value<std::string>()) {
    return Dependency{std::string(name), *text, is_open(*text)};
  }
  // Poetry: one table for each platform. The first speaks for all.
  const auto* list = value.as_array();
  const auto* table =
      list != nullptr && !list->empty() ? list->front().as_table() : value.as_table();
  if (table == nullptr) return std::nullopt;
  const auto renamed = TextAt(*table, "package");
  const std::string real = renamed.empty() ? std::string(name) : renamed;
  if (const auto git = TextAt(*table, "git"); !git.empty()) {
    const auto rev = TextAt(*table, "rev");
    const auto tag = TextAt(*table, "tag");
    const auto branch = TextAt(*table, "branch");
    const auto& ref = !rev.empty() ? rev : !tag.empty() ? tag : branch;
    return Dependency{real, fmt::format("{}#{}", git, ref), rev.empty() && tag.empty()};
  }
  const auto version = TextAt(*table, "version");
  if (version.empty()) return std::nullopt;  // path = …, workspace = true
  return Dependency{real, version, is_open(version)};
}

void ReadTable(const View view, bool (*is_open)(std::string_view), bool python,
               std::vector<Dependency>* found) {
  const auto* table = view.as_table();
  if (table == nullptr) return;
  for (const auto& [key, value] : *table) {
    if (python && key.str() == "python") continue;  // the interpreter
    auto entry = ReadTableEntry(key.str(), value, is_open);
    if (!entry) continue;
    if (python) entry->name = NormalPythonName(entry->name);
    found->push_back(*std::move(entry));
  }
}

void ReadPep508List(const View view, std::vector<Dependency>* found) {
  const auto* list = view.as_array();
  if (list == nullptr) return;
  for (const auto& item : *list) {
    const auto text = item.value<std::string>();
    if (!text) continue;  // {include-group = …}
    auto dependency = ParsePep508(*text);
    if (!dependency.name.empty()) found->push_back(std::move(dependency));
  }
}

void ReadPep508Lists(const View view, std::vector<Dependency>* found) {
  const auto* table = view.as_table();
  if (table == nullptr) return;
  for (const auto& [key, list] : *table) {
    ReadPep508List(View(list), found);
  }
}

// Poetry reads "1.2" as exactly that, and ^, ~ as npm does.
bool IsOpenPoetryRange(std::string_view range) { return IsOpenPythonSpecifier(range); }

void ReadCargoTables(const View view, std::vector<Dependency>* found) {
  for (const std::string_view section :
       {"dependencies", "dev-dependencies", "build-dependencies"}) {
    ReadTable(view[section], IsOpenCargoRange, false, found);
  }
}

}  // namespace

DependencyList ReadCargoToml(std::string_view bytes) {
  AUSPEX_TRY(const toml::table root, ParseToml(bytes));
  std::vector<Dependency> found;
  const toml::node& node = root;
  const View view(node);
  ReadCargoTables(view, &found);
  ReadTable(view["workspace"]["dependencies"], IsOpenCargoRange, false, &found);
  if (const auto* targets = view["target"].as_table()) {
    for (const auto& [name, target] : *targets) {
      ReadCargoTables(View(target), &found);
    }
  }
  return found;
}

DependencyList ReadPyproject(std::string_view bytes) {
  AUSPEX_TRY(const toml::table root, ParseToml(bytes));
  std::vector<Dependency> found;
  const toml::node& node = root;
  const View view(node);
  ReadPep508List(view["project"]["dependencies"], &found);
  ReadPep508Lists(view["project"]["optional-dependencies"], &found);
  ReadPep508Lists(view["dependency-groups"], &found);
  ReadPep508List(view["build-system"]["requires"], &found);
  const auto poetry = view["tool"]["poetry"];
  ReadTable(poetry["dependencies"], IsOpenPoetryRange, true, &found);
  ReadTable(poetry["dev-dependencies"], IsOpenPoetryRange, true, &found);
  if (const auto* groups = poetry["group"].as_table()) {
    for (const auto& [name, group] : *groups) {
      ReadTable(View(group)["dependencies"], IsOpenPoetryRange, true, &found);
    }
  }
  return found;
}

DependencyList ReadTomlPackages(std::string_view bytes) {
  AUSPEX_TRY(const toml::table root, ParseToml(bytes));
  std::vector<Dependency> found;
  const auto* packages = root["package"].as_array();
  if (packages == nullptr) return found;
  for (const auto& node : *packages) {
    const auto* package = node.as_table();
    if (package == nullptr) continue;
    const auto name = TextAt(*package, "name");
    auto version = TextAt(*package, "version");
    const auto source = (*package)["source"];
    // The workspace's own: uv says so; Cargo has no source for them.
    if (source["editable"] || source["virtual"] || source["directory"] || source["workspace"]) {
      continue;
    }
    // A git source: the commit is what runs.
    if (const auto git = TextAt(*package, "source"); git.starts_with("git+")) {
      version = fmt::format("{}+{}", version, git.substr(git.rfind('#') + 1));
    }
    if (!name.empty()) found.push_back({name, version, false});
  }
  return found;
}

}  // namespace auspex::change
