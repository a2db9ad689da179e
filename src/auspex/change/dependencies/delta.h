#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "auspex/base/feature_spec.h"
#include "auspex/change/dependencies/dependencies.h"

namespace auspex::change {

// A file before and after a change; nullopt where it is not there.
struct FileVersions {
  std::string path;
  std::optional<std::string> before;
  std::optional<std::string> after;
};

enum class DependencyChangeKind { kAdded, kRemoved, kMoved };

// What a change does to one package.
struct DependencyChange {
  Ecosystem ecosystem = Ecosystem::kNpm;
  DependencyChangeKind kind = DependencyChangeKind::kMoved;
  std::string name;
  std::string before;  // as its file has it; empty where there was none
  std::string after;
  VersionStep step = VersionStep::kNone;  // kMoved only
  bool downgrade = false;                 // kMoved only
  bool pre_release = false;               // comes to stand on a pre-release, and did not before
  bool unpinned = false;                  // comes to be unpinned, and was not before
  std::string file;
};

struct DependencyDelta {
  std::vector<DependencyChange> changes;  // by file in the order given, then by name
  std::vector<std::string> unreadable;    // a sentence for each file that could not be read
};

// Files that are no dependency files are passed over. Of a package that a manifest and a lock file
// of its ecosystem in the same folder both change, the lock file's change counts, since it names
// what will run; the manifest's word on `unpinned` is kept. A new major version under a new path
// (Go's /v2) is a move, no removal and addition. A package that stands several times in a lock file
// is compared version by version, the highest with the highest.
[[nodiscard]] DependencyDelta CompareDependencies(std::span<const FileVersions> files);

// "react 17.0.2 → 18.2.0, major (package-lock.json)"; "adds left-pad 1.3.0 (…)". At most 200 bytes
// of each text of the file, control bytes shown as "?".
[[nodiscard]] std::string InWords(const DependencyChange& change);

inline constexpr std::array kDependencyFeatures = {
    FeatureSpec{"deps_added", "packages", FeatureScale::kLog1p, "adds {} dependencies"},
    FeatureSpec{"deps_removed", "packages", FeatureScale::kLog1p, "removes {} dependencies"},
    FeatureSpec{"deps_major", "packages", FeatureScale::kLog1p,
                "moves {} dependencies to another major version"},
    FeatureSpec{"deps_minor", "packages", FeatureScale::kLog1p,
                "moves {} dependencies to another minor version"},
    FeatureSpec{"deps_patch", "packages", FeatureScale::kLog1p,
                "moves {} dependencies by a patch or less"},
    FeatureSpec{"deps_downgraded", "packages", FeatureScale::kLog1p, "downgrades {} dependencies"},
    FeatureSpec{"deps_pre_release", "packages", FeatureScale::kLog1p,
                "takes {} dependencies before their release"},
    FeatureSpec{"deps_unpinned", "packages", FeatureScale::kLog1p,
                "leaves the version of {} dependencies open"},
    FeatureSpec{"deps_base_image", "images", FeatureScale::kLog1p, "changes {} base images"},
};

// In the order of kDependencyFeatures; deps_base_image counts image changes of any kind beside
// their other counts. All 0 where no file is a dependency file; all NaN where files are and none
// could be read.
[[nodiscard]] std::vector<double> DependencyFeatures(const DependencyDelta& delta);

}  // namespace auspex::change
