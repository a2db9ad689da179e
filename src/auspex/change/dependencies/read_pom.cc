#include <fmt/format.h>

#include <map>
#include <pugixml.hpp>
#include <string>
#include <utility>

#include "auspex/change/dependencies/readers.h"
#include "auspex/change/dependencies/text.h"

namespace auspex::change {
namespace {

// A property may stand for another; a ring of them ends here.
constexpr int kMostSubstitutions = 16;
// No version is longer; what grows beyond it stays as it is written.
constexpr std::size_t kMostVersionBytes = 256;
// What of a deeper tree is looked at: project/profiles/profile/build/plugins/plugin and below.
constexpr int kMostDepth = 32;

using Properties = std::map<std::string, std::string, std::less<>>;

std::string TextOf(const pugi::xml_node& node) {
  return std::string(Trim(std::string_view(node.text().get())));
}

// ${name} by the properties of this file; others stay as written.
std::string Substitute(std::string text, const Properties& properties) {
  for (int i = 0; i < kMostSubstitutions; ++i) {
    const auto begin = text.find("${");
    const auto end = begin == std::string::npos ? begin : text.find('}', begin);
    if (end == std::string::npos) break;
    const auto found = properties.find(std::string_view(text).substr(begin + 2, end - begin - 2));
    if (found == properties.end()) break;
    if (text.size() + found->second.size() > kMostVersionBytes) break;
    text.replace(begin, end - begin + 1, found->second);
  }
  return text;
}

// "[1.0,)", LATEST, RELEASE.
bool IsOpenMavenRange(std::string_view version) {
  return version == "LATEST" || version == "RELEASE" ||
         (version.ends_with(')') && version.find(",)") != std::string_view::npos);
}

void AddArtifact(const pugi::xml_node& node, std::string_view default_group,
                 const Properties& properties, std::vector<Dependency>* found) {
  const auto artifact = Substitute(TextOf(node.child("artifactId")), properties);
  auto group = Substitute(TextOf(node.child("groupId")), properties);
  if (artifact.empty()) return;
  if (group.empty()) group = default_group;
  const auto version = Substitute(TextOf(node.child("version")), properties);
  // No version: a parent or a bill of materials has it, and its own line tells the change.
  found->push_back({fmt::format("{}:{}", group, artifact), version, IsOpenMavenRange(version)});
}

// <dependency>, <plugin> and <extension> wherever they stand.
void Collect(const pugi::xml_node& node, const Properties& properties, int depth,
             std::vector<Dependency>* found) {  // NOLINT(misc-no-recursion): kMostDepth
  if (depth == 0) return;
  for (const auto& child : node.children()) {
    const std::string_view name = child.name();
    if (name == "exclusions") continue;
    if (name == "dependency" || name == "extension") AddArtifact(child, "", properties, found);
    if (name == "plugin") AddArtifact(child, "org.apache.maven.plugins", properties, found);
    Collect(child, properties, depth - 1, found);
  }
}

}  // namespace

DependencyList ReadPom(std::string_view bytes) {
  pugi::xml_document document;
  // pugixml reads no DTD: entities other than the five of XML stay as they are written.
  const auto parsed =
      document.load_buffer(bytes.data(), bytes.size(), pugi::parse_default & ~pugi::parse_doctype);
  if (!parsed) {
    return Fail(ErrorCode::kInvalidArgument, "not XML: byte {}: {}", parsed.offset,
                parsed.description());
  }
  const auto project = document.child("project");
  if (!project) return Fail(ErrorCode::kInvalidArgument, "no <project>: not a Maven POM");
  Properties properties;
  for (const auto& property : project.child("properties").children()) {
    properties.insert_or_assign(property.name(), TextOf(property));
  }
  const auto parent = project.child("parent");
  const auto own = TextOf(project.child("version"));
  properties.insert_or_assign("project.parent.version", TextOf(parent.child("version")));
  properties.insert_or_assign("project.version",
                              own.empty() ? TextOf(parent.child("version")) : own);
  const auto group = TextOf(project.child("groupId"));
  properties.insert_or_assign("project.groupId",
                              group.empty() ? TextOf(parent.child("groupId")) : group);
  std::vector<Dependency> found;
  if (parent) AddArtifact(parent, "", properties, &found);
  Collect(project, properties, kMostDepth, &found);
  return found;
}

}  // namespace auspex::change
