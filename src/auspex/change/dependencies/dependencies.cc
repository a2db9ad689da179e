#include "auspex/change/dependencies/dependencies.h"

#include <array>

#include "auspex/change/dependencies/readers.h"
#include "auspex/change/dependencies/text.h"

namespace auspex::change {
namespace {

struct FormatRow {
  DependencyFormat format;
  std::string_view file;  // its usual name, in lower case; empty: by pattern
  Ecosystem ecosystem;
  bool lock;
  DependencyList (*read)(std::string_view);
};

using Format = DependencyFormat;

// All that is to know of a format. A row may stand for a second name of the one above.
constexpr std::array kFormats = {
    FormatRow{Format::kPackageJson, "package.json", Ecosystem::kNpm, false, ReadPackageJson},
    FormatRow{Format::kPackageLock, "package-lock.json", Ecosystem::kNpm, true, ReadPackageLock},
    FormatRow{Format::kPackageLock, "npm-shrinkwrap.json", Ecosystem::kNpm, true, ReadPackageLock},
    FormatRow{Format::kPnpmLock, "pnpm-lock.yaml", Ecosystem::kNpm, true, ReadPnpmLock},
    FormatRow{Format::kYarnLock, "yarn.lock", Ecosystem::kNpm, true, ReadYarnLock},
    FormatRow{Format::kGoMod, "go.mod", Ecosystem::kGo, true, ReadGoMod},
    FormatRow{Format::kGoSum, "go.sum", Ecosystem::kGo, false, ReadGoSum},
    FormatRow{Format::kCargoToml, "cargo.toml", Ecosystem::kCargo, false, ReadCargoToml},
    FormatRow{Format::kCargoLock, "cargo.lock", Ecosystem::kCargo, true, ReadTomlPackages},
    FormatRow{Format::kRequirements, "", Ecosystem::kPyPi, false, ReadRequirements},
    FormatRow{Format::kPyproject, "pyproject.toml", Ecosystem::kPyPi, false, ReadPyproject},
    FormatRow{Format::kPythonLock, "poetry.lock", Ecosystem::kPyPi, true, ReadTomlPackages},
    FormatRow{Format::kPythonLock, "uv.lock", Ecosystem::kPyPi, true, ReadTomlPackages},
    FormatRow{Format::kPythonLock, "pdm.lock", Ecosystem::kPyPi, true, ReadTomlPackages},
    FormatRow{Format::kPipfileLock, "pipfile.lock", Ecosystem::kPyPi, true, ReadPipfileLock},
    FormatRow{Format::kPom, "pom.xml", Ecosystem::kMaven, false, ReadPom},
    FormatRow{Format::kGradleLock, "gradle.lockfile", Ecosystem::kMaven, true, ReadGradleLock},
    FormatRow{Format::kGradleLock, "buildscript-gradle.lockfile", Ecosystem::kMaven, true,
              ReadGradleLock},
    FormatRow{Format::kDockerfile, "", Ecosystem::kImage, false, ReadDockerfile},
    FormatRow{Format::kGemfileLock, "gemfile.lock", Ecosystem::kRubyGems, true, ReadGemfileLock},
};

const FormatRow& RowOf(DependencyFormat format) {
  for (const auto& row : kFormats) {
    if (row.format == format) return row;
  }
  return kFormats.front();  // not reached: each format has a row, which a test holds
}

bool IsDockerfile(std::string_view name) {
  return name == "dockerfile" || name == "containerfile" || name.starts_with("dockerfile.") ||
         name.ends_with(".dockerfile");
}

bool IsRequirements(std::string_view name, std::string_view folder) {
  if (!name.ends_with(".txt")) return false;
  return name.starts_with("requirements") || name.starts_with("constraints") ||
         name.ends_with("requirements.txt") || folder == "requirements";
}

}  // namespace

std::optional<DependencyFormat> DependencyFormatOf(std::string_view path) {
  const auto slash = path.rfind('/');
  const auto name = Lower(slash == std::string_view::npos ? path : path.substr(slash + 1));
  auto folder = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  folder = folder.substr(folder.rfind('/') == std::string_view::npos ? 0 : folder.rfind('/') + 1);
  for (const auto& row : kFormats) {
    if (!row.file.empty() && row.file == name) return row.format;
  }
  if (IsDockerfile(name)) return DependencyFormat::kDockerfile;
  if (IsRequirements(name, folder)) return DependencyFormat::kRequirements;
  return std::nullopt;
}

Ecosystem EcosystemOf(DependencyFormat format) { return RowOf(format).ecosystem; }

bool IsLock(DependencyFormat format) { return RowOf(format).lock; }

VersionScheme SchemeOf(Ecosystem ecosystem) {
  switch (ecosystem) {
    case Ecosystem::kNpm:
    case Ecosystem::kGo:
    case Ecosystem::kCargo:
      return VersionScheme::kSemVer;
    case Ecosystem::kPyPi:
      return VersionScheme::kPep440;
    case Ecosystem::kMaven:
      return VersionScheme::kMaven;
    case Ecosystem::kImage:
      return VersionScheme::kTag;
    case Ecosystem::kRubyGems:
      return VersionScheme::kRuby;
  }
  return VersionScheme::kTag;
}

Result<std::vector<Dependency>> ReadDependencies(DependencyFormat format, std::string_view bytes) {
  if (bytes.size() > kMostDependencyFileBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "{} bytes, more than the {} that are read of such files", bytes.size(),
                kMostDependencyFileBytes);
  }
  return RowOf(format).read(bytes);
}

}  // namespace auspex::change
