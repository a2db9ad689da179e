#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/change/bytes.h"
#include "auspex/change/change.h"

namespace auspex::change {

// A folder of a repository that belongs to a service, as its configuration says (`source.path`).
struct ServicePath {
  std::string path;  // "services/checkout", no slash at its ends
  std::string service;

  // True for what lies below it.
  [[nodiscard]] bool Holds(std::string_view file) const;
};
// "./services//checkout/" as "services/checkout". Error: kInvalidArgument (empty, absolute, or it
// leads out of the repository).
Result<std::string> FolderOf(std::string_view path);

// Which service or build module a file belongs to. A configured path that holds it says so, the
// longest first; else the nearest folder above it that is a workspace, as the history so far tells
// by the files that make one: BUILD(.bazel), go.mod, package.json, Cargo.toml, pom.xml,
// build.gradle(.kts), pyproject.toml, setup.py, CMakeLists.txt; else the repository as a whole.
// Not thread-safe.
class Services {
 public:
  explicit Services(std::vector<ServicePath> configured = {});

  // Learns from a change which workspaces come and go.
  void Update(const FileChange& change);
  // "checkout", or the folder of a workspace; empty: the repository as a whole.
  [[nodiscard]] std::string_view Of(std::string_view path) const;

  void Write(ByteWriter& writer) const;
  void Read(ByteReader& reader);  // the workspaces; what is configured stays

 private:
  std::vector<ServicePath> configured_;                          // the longest path first
  std::map<std::string, std::int64_t, std::less<>> workspaces_;  // how many files make each
};

}  // namespace auspex::change
