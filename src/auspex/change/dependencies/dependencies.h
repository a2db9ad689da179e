#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/change/dependencies/version.h"

// dependencies reads lock and manifest files and says what a change does to what a program stands
// on: which packages and base images came, went, and moved by how much. Pure: bytes in, values out;
// nothing is resolved, fetched or executed.
//
//   const FileVersions lock{"web/package-lock.json", before, after};
//   const DependencyDelta delta = CompareDependencies({&lock, 1});
//   InWords(delta.changes[0]);  // "react 17.0.2 → 18.2.0, major (web/package-lock.json)"
//
// Read next: delta.h (changes, counts, words), version.h (the order of versions), readers.h (one
// reader a format), docs/labels.md is about the other half of change.
namespace auspex::change {

// Files above this are refused: the largest lock files of large monorepos are a third of it.
inline constexpr std::size_t kMostDependencyFileBytes = 32U << 20U;

enum class DependencyFormat {
  kPackageJson,
  kPackageLock,  // npm 5 to 11: lockfileVersion 1 to 3; npm-shrinkwrap.json
  kPnpmLock,     // lockfileVersion 5 to 9
  kYarnLock,     // classic and berry
  kGoMod,
  kGoSum,
  kCargoToml,
  kCargoLock,
  kRequirements,  // requirements*.txt, constraints*.txt
  kPyproject,     // PEP 621, PEP 735, Poetry
  kPythonLock,    // poetry.lock, uv.lock, pdm.lock
  kPipfileLock,
  kPom,
  kGradleLock,
  kDockerfile,  // FROM
  kGemfileLock,
};

enum class Ecosystem { kNpm, kGo, kCargo, kPyPi, kMaven, kImage, kRubyGems };

// A package as one file names it.
struct Dependency {
  std::string name;  // as its registry compares it: PEP 503 for PyPI, group:artifact for Maven
  // A version, a range ("^17.0.2"), an image tag with its digest ("3.19@sha256:…"), a location
  // (git, path); empty where the file leaves it to another.
  std::string version;
  // Any future version may come in, one that breaks too: "*", "latest", ">=1", a branch, no tag.
  bool unpinned = false;

  friend bool operator==(const Dependency&, const Dependency&) = default;
};

// The format that the file's name tells, of its last component in any case but Dockerfiles'.
[[nodiscard]] std::optional<DependencyFormat> DependencyFormatOf(std::string_view path);
[[nodiscard]] Ecosystem EcosystemOf(DependencyFormat format);
[[nodiscard]] VersionScheme SchemeOf(Ecosystem ecosystem);
// Whether the format names what will run, rather than what is asked for. go.mod does (Go builds the
// least versions it asks for); go.sum lists the checksums of more than that.
[[nodiscard]] bool IsLock(DependencyFormat format);

// In the order of the file (tables of TOML by name); a name may stand several times. Errors:
// kInvalidArgument, with what is wrong: over kMostDependencyFileBytes, no JSON/YAML/TOML/XML. What
// the format does not know is passed over: a new key of a tool must not hide its versions.
Result<std::vector<Dependency>> ReadDependencies(DependencyFormat format, std::string_view bytes);

}  // namespace auspex::change
