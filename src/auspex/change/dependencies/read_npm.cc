#include <fmt/format.h>
#include <simdjson.h>

#include <string>
#include <utility>

#include "auspex/change/dependencies/readers.h"

namespace auspex::change {
namespace {

namespace dom = simdjson::dom;

// Deeper is no lock file; bounds the walk of npm's nested format too.
constexpr std::size_t kMostDepth = 256;

// The document lives in `parser`, which outlives it.
Result<dom::object> ParseObject(std::string_view bytes, dom::parser* parser) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (const auto error = parser->allocate(bytes.size(), kMostDepth)) {
    return Fail(ErrorCode::kInvalidArgument, "{}", simdjson::error_message(error));
  }
  dom::element root;
  if (const auto error = parser->parse(bytes.data(), bytes.size()).get(root)) {
    return Fail(ErrorCode::kInvalidArgument, "not JSON: {}", simdjson::error_message(error));
  }
  dom::object object;
  if (root.get(object)) return Fail(ErrorCode::kInvalidArgument, "not a JSON object");
  return object;
}

// An object under `key`; empty where there is none.
std::optional<dom::object> ObjectAt(dom::object object, std::string_view key) {
  dom::object inner;
  if (object[key].get(inner)) return std::nullopt;
  return inner;
}

std::string_view TextAt(dom::object object, std::string_view key) {
  std::string_view text;
  if (object[key].get(text)) return {};
  return text;
}

// lockfileVersion 1: packages within packages. Bounded by kMostDepth.
void ReadNested(dom::object packages,
                std::vector<Dependency>* found) {  // NOLINT(misc-no-recursion): see above
  for (const auto [name, value] : packages) {
    dom::object package;
    if (value.get(package)) continue;
    found->push_back({std::string(name), std::string(TextAt(package, "version")), false});
    if (const auto inner = ObjectAt(package, "dependencies")) ReadNested(*inner, found);
  }
}

}  // namespace

DependencyList ReadPackageJson(std::string_view bytes) {
  dom::parser parser;
  AUSPEX_TRY(const auto root, ParseObject(bytes, &parser));
  std::vector<Dependency> found;
  for (const std::string_view section :
       {"dependencies", "devDependencies", "optionalDependencies", "peerDependencies"}) {
    const auto packages = ObjectAt(root, section);
    if (!packages) continue;
    // What a package can live beside is its user's to pin.
    const bool peers = section == "peerDependencies";
    for (const auto [name, value] : *packages) {
      std::string_view range;
      if (value.get(range)) continue;
      found.push_back({std::string(name), std::string(range), !peers && IsOpenNpmRange(range)});
    }
  }
  return found;
}

DependencyList ReadPackageLock(std::string_view bytes) {
  dom::parser parser;
  AUSPEX_TRY(const auto root, ParseObject(bytes, &parser));
  std::vector<Dependency> found;
  const auto packages = ObjectAt(root, "packages");
  if (!packages) {
    if (const auto nested = ObjectAt(root, "dependencies")) ReadNested(*nested, &found);
    return found;
  }
  constexpr std::string_view kFolder = "node_modules/";
  for (const auto [place, value] : *packages) {
    dom::object package;
    bool link = false;
    // "" and workspaces are the repository's own packages, links point to them.
    const auto at = place.rfind(kFolder);
    if (at == std::string_view::npos || value.get(package)) continue;
    if (!package["link"].get(link) && link) continue;
    const auto alias = TextAt(package, "name");
    const auto name = alias.empty() ? place.substr(at + kFolder.size()) : alias;
    found.push_back({std::string(name), std::string(TextAt(package, "version")), false});
  }
  return found;
}

DependencyList ReadPipfileLock(std::string_view bytes) {
  dom::parser parser;
  AUSPEX_TRY(const auto root, ParseObject(bytes, &parser));
  std::vector<Dependency> found;
  for (const std::string_view section : {"default", "develop"}) {
    const auto packages = ObjectAt(root, section);
    if (!packages) continue;
    for (const auto [name, value] : *packages) {
      dom::object package;
      if (value.get(package)) continue;
      auto version = TextAt(package, "version");
      if (version.starts_with("==")) version.remove_prefix(2);
      if (version.empty()) version = TextAt(package, "ref");
      found.push_back({NormalPythonName(name), std::string(version), false});
    }
  }
  return found;
}

}  // namespace auspex::change
