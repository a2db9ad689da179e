#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "auspex/base/feature_spec.h"

namespace auspex::change {

// What is known of a change before any of it runs, in the order of kChangeFeatures. What each
// counts stands in history.h.
enum class Feature : std::size_t {
  // The 14 of Kamei et al., "A large-scale empirical study of just-in-time quality assurance",
  // IEEE TSE 39(6), 2013.
  kNs,
  kNd,
  kNf,
  kEntropy,
  kLa,
  kLd,
  kLt,
  kFix,
  kNdev,
  kAge,
  kNuc,
  kExp,
  kRexp,
  kSexp,
  // Ours.
  kFilesConfig,
  kFilesMigration,
  kFilesDependency,
  kFilesTest,
  kFilesInfrastructure,
  kFilesGenerated,
  kFilesDocs,
  kFilesInterface,
  kFilesAdded,
  kFilesDeleted,
  kFilesBinary,
  kComplexityDelta,
  kCyclomaticDelta,
  kInterfaceDelta,
  kServices,
  kChurnBefore,
  kChangesBefore,
  kAuthors30d,
  kCoChangeMissing,
  kOwnership,
  kAuthorOwnership,
  kAuthorFileChanges,
  kReviewers,
  kDaysSinceFileChange,
  kDaysSinceAuthorChange,
  kHour,
  kWeekday,
  kRevert,
  kCherryPick,
  kSizePercentile,
  kCount
};

constexpr std::size_t kFeatureCount = static_cast<std::size_t>(Feature::kCount);
constexpr std::size_t kKameiFeatureCount = 14;

constexpr std::array<FeatureSpec, kFeatureCount> kChangeFeatures = {{
    {"ns", "subsystems", FeatureScale::kLog1p, "touches {} subsystems"},
    {"nd", "directories", FeatureScale::kLog1p, "touches {} directories"},
    {"nf", "files", FeatureScale::kLog1p, "touches {} files"},
    {"entropy", "bits", FeatureScale::kLinear, "is spread over its files by {} bits"},
    {"la", "lines", FeatureScale::kLog1p, "adds {} lines"},
    {"ld", "lines", FeatureScale::kLog1p, "deletes {} lines"},
    {"lt", "lines", FeatureScale::kLog1p, "touches files of {} lines"},
    {"fix", "", FeatureScale::kFlag, "is a fix"},
    {"ndev", "people", FeatureScale::kLog1p, "touches files that {} people have changed"},
    {"age", "days", FeatureScale::kLog1p, "touches files last changed {} days ago on average"},
    {"nuc", "changes", FeatureScale::kLog1p, "builds on {} different last changes"},
    {"exp", "changes", FeatureScale::kLog1p, "is by an author of {} changes"},
    {"rexp", "changes", FeatureScale::kLog1p,
     "is by an author of {} changes, counted by how recent they are"},
    {"sexp", "changes", FeatureScale::kLog1p, "is by an author of {} changes to these subsystems"},
    {"files_config", "files", FeatureScale::kLog1p, "touches {} configuration files"},
    {"files_migration", "files", FeatureScale::kLog1p, "touches {} migrations"},
    {"files_dependency", "files", FeatureScale::kLog1p, "touches {} dependency files"},
    {"files_test", "files", FeatureScale::kLog1p, "touches {} test files"},
    {"files_infrastructure", "files", FeatureScale::kLog1p, "touches {} infrastructure files"},
    {"files_generated", "files", FeatureScale::kLog1p, "touches {} generated files"},
    {"files_docs", "files", FeatureScale::kLog1p, "touches {} documents"},
    {"files_interface", "files", FeatureScale::kLog1p, "touches {} files of public interface"},
    {"files_added", "files", FeatureScale::kLog1p, "adds {} files"},
    {"files_deleted", "files", FeatureScale::kLog1p, "deletes {} files"},
    {"files_binary", "files", FeatureScale::kLog1p, "touches {} binary files"},
    {"complexity_delta", "levels", FeatureScale::kLinear,
     "changes the nesting of its lines by {} levels in sum"},
    {"cyclomatic_delta", "decisions", FeatureScale::kLinear,
     "changes the number of decisions in code by {}"},
    {"interface_delta", "declarations", FeatureScale::kLog1p, "changes {} public declarations"},
    {"services", "services", FeatureScale::kLog1p, "touches {} services or build modules"},
    {"churn_before", "lines", FeatureScale::kLog1p,
     "touches files in which {} lines have changed so far"},
    {"changes_before", "changes", FeatureScale::kLog1p,
     "touches files that were changed {} times before"},
    {"authors_30d", "people", FeatureScale::kLog1p,
     "touches files changed by {} people in 30 days"},
    {"co_change_missing", "files", FeatureScale::kLog1p,
     "leaves out {} files that usually change with these"},
    {"ownership", "", FeatureScale::kShare,
     "touches files whose main author made {} of their changes"},
    {"author_ownership", "", FeatureScale::kShare,
     "is by the author of {} of the changes to these files"},
    {"author_file_changes", "changes", FeatureScale::kLog1p,
     "is by an author who changed these files {} times before"},
    {"reviewers", "people", FeatureScale::kLog1p, "names {} reviewers"},
    {"days_since_file_change", "days", FeatureScale::kLog1p,
     "touches a file that was last changed {} days ago"},
    {"days_since_author_change", "days", FeatureScale::kLog1p,
     "is by an author whose last change was {} days ago"},
    {"hour", "h", FeatureScale::kCyclic, "was written at {} o'clock", 24},
    {"weekday", "d", FeatureScale::kCyclic, "was written on day {} of the week (0 is Monday)", 7},
    {"revert", "", FeatureScale::kFlag, "is a revert"},
    {"cherry_pick", "", FeatureScale::kFlag, "is a cherry-pick"},
    {"size_percentile", "", FeatureScale::kShare,
     "is larger than {} of the changes of this repository so far"},
}};

// Of a deployment of several commits, beside the above (deployment.h).
constexpr std::array<FeatureSpec, 2> kRangeFeatures = {{
    {"commits", "commits", FeatureScale::kLog1p, "holds {} commits"},
    {"authors", "people", FeatureScale::kLog1p, "is by {} authors"},
}};

// A row in the order of kChangeFeatures; NaN is "not known".
using FeatureRow = std::vector<double>;

inline double& At(FeatureRow& row, Feature feature) {
  return row[static_cast<std::size_t>(feature)];
}
inline double At(const FeatureRow& row, Feature feature) {
  return row[static_cast<std::size_t>(feature)];
}

}  // namespace auspex::change
