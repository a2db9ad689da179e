#pragma once

#include <string_view>
#include <vector>

#include "auspex/change/dependencies/dependencies.h"

// One reader a format, for ReadDependencies: it has checked the size.
namespace auspex::change {

using DependencyList = Result<std::vector<Dependency>>;

DependencyList ReadPackageJson(std::string_view bytes);   // read_npm.cc
DependencyList ReadPackageLock(std::string_view bytes);   // read_npm.cc
DependencyList ReadPipfileLock(std::string_view bytes);   // read_npm.cc, which knows JSON
DependencyList ReadPnpmLock(std::string_view bytes);      // read_yarn.cc
DependencyList ReadYarnLock(std::string_view bytes);      // read_yarn.cc
DependencyList ReadCargoToml(std::string_view bytes);     // read_toml.cc
DependencyList ReadPyproject(std::string_view bytes);     // read_toml.cc
DependencyList ReadTomlPackages(std::string_view bytes);  // read_toml.cc: Cargo.lock and Python's
DependencyList ReadPom(std::string_view bytes);           // read_pom.cc
DependencyList ReadGoMod(std::string_view bytes);         // read_lines.cc
DependencyList ReadGoSum(std::string_view bytes);         // read_lines.cc
DependencyList ReadRequirements(std::string_view bytes);  // read_lines.cc
DependencyList ReadGradleLock(std::string_view bytes);    // read_lines.cc
DependencyList ReadGemfileLock(std::string_view bytes);   // read_lines.cc
DependencyList ReadDockerfile(std::string_view bytes);    // read_dockerfile.cc

// Whether a requirement lets any future version in: no upper bound, no exact version.
[[nodiscard]] bool IsOpenNpmRange(std::string_view range);    // "*", "latest", ">=1", a branch
[[nodiscard]] bool IsOpenCargoRange(std::string_view range);  // "*", ">=1"
[[nodiscard]] bool IsOpenPythonSpecifier(std::string_view specifiers);  // "", ">=1,!=1.3"

// "requests[socks] >=2 ; python_version < '4'" (PEP 508) → requests, ">=2". No name: an empty one.
[[nodiscard]] Dependency ParsePep508(std::string_view requirement);
// PEP 503: lower case, runs of -_. are one hyphen.
[[nodiscard]] std::string NormalPythonName(std::string_view name);

}  // namespace auspex::change
