#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/feature_spec.h"
#include "auspex/builds/builds.h"

// What facts say of a deployment before it begins. Pure. A row has the order of its table; NaN is
// "not known". Windows reach back from the moment that is asked about.
namespace auspex::builds {

// Of the build of what is deployed, beside earlier builds of the same name.
inline constexpr std::array kBuildFeatures = {
    FeatureSpec{"build_duration_s", "s", FeatureScale::kLog1p, "was built in {} s"},
    // Over the median of the last 20 builds that passed; of at least 3.
    FeatureSpec{"build_duration_ratio", "", FeatureScale::kLog1p,
                "took {} times as long to build as usual"},
    FeatureSpec{"build_failed", "", FeatureScale::kFlag, "has a failed build"},
    // Attempts beyond the first, or earlier builds of this commit that did not pass.
    FeatureSpec{"build_retries", "times", FeatureScale::kLog1p, "had its build retried {} times"},
    FeatureSpec{"build_failure_share", "", FeatureScale::kLinear,
                "follows builds of which a share of {} failed"},  // of the last 20
    FeatureSpec{"tests_run", "tests", FeatureScale::kLog1p, "was tested by {} tests"},
    FeatureSpec{"tests_failed", "tests", FeatureScale::kLog1p, "fails {} tests"},
    FeatureSpec{"tests_flaky", "tests", FeatureScale::kLog1p, "has {} flaky tests"},
    FeatureSpec{"tests_skipped", "tests", FeatureScale::kLog1p, "skips {} tests"},
    FeatureSpec{"coverage", "", FeatureScale::kLinear, "is covered by tests to a share of {}"},
    // Share now less share before.
    FeatureSpec{"coverage_change", "", FeatureScale::kLinear,
                "changes the share covered by tests by {}"},
    FeatureSpec{"environment_changed", "", FeatureScale::kFlag,
                "was built in another environment than the last"},
    FeatureSpec{"toolchain_changed", "", FeatureScale::kFlag,
                "was built with another toolchain than the last"},
    FeatureSpec{"artifact_bytes", "bytes", FeatureScale::kLog1p, "has an artefact of {} bytes"},
    // Size now over size before, less 1.
    FeatureSpec{"artifact_change", "", FeatureScale::kLinear,
                "changes the artefact's size by a share of {}"},
    // Named now or before, and not in both.
    FeatureSpec{"build_dependencies_changed", "dependencies", FeatureScale::kLog1p,
                "changes {} dependencies"},
    FeatureSpec{"build_age_s", "s", FeatureScale::kLog1p, "was built {} s ago"}};

// Of the service, of what goes on beside it, and of whoever made the change.
inline constexpr std::array kHistoryFeatures = {
    FeatureSpec{"deployments_7d", "deployments", FeatureScale::kLog1p,
                "follows {} deployments in 7 days"},
    FeatureSpec{"deployments_30d", "deployments", FeatureScale::kLog1p,
                "follows {} deployments in 30 days"},
    FeatureSpec{"failures_30d", "deployments", FeatureScale::kLog1p,
                "follows {} failed deployments in 30 days"},
    FeatureSpec{"rollbacks_30d", "deployments", FeatureScale::kLog1p,
                "follows {} rollbacks in 30 days"},
    // Failures over deployments of 90 days, at most 1.
    FeatureSpec{"failure_share_90d", "", FeatureScale::kLinear,
                "is of a service of whose deployments a share of {} failed"},
    FeatureSpec{"since_deployment_s", "s", FeatureScale::kLog1p,
                "comes {} s after the last deployment"},
    FeatureSpec{"since_failure_s", "s", FeatureScale::kLog1p,
                "comes {} s after the last failed deployment"},
    FeatureSpec{"last_failed", "", FeatureScale::kFlag, "follows a deployment that failed"},
    FeatureSpec{"failures_in_a_row", "deployments", FeatureScale::kLog1p,
                "follows {} failed deployments in a row"},
    // Of other services: our rollouts that have not ended, and what others deployed within an hour.
    FeatureSpec{"concurrent_deployments", "deployments", FeatureScale::kLog1p,
                "runs beside {} other deployments"},
    FeatureSpec{"incidents_open", "incidents", FeatureScale::kLog1p,
                "comes with {} open incidents of the service"},
    FeatureSpec{"incidents_open_elsewhere", "incidents", FeatureScale::kLog1p,
                "comes while {} incidents of other services are open"},
    FeatureSpec{"incidents_30d", "incidents", FeatureScale::kLog1p,
                "follows {} incidents of the service in 30 days"},
    // Of all services, by any of the authors.
    FeatureSpec{"author_deployments_90d", "deployments", FeatureScale::kLog1p,
                "is by authors with {} deployments in 90 days"},
    FeatureSpec{"author_failures_90d", "deployments", FeatureScale::kLog1p,
                "is by authors with {} failed deployments in 90 days"},
    FeatureSpec{"since_author_failure_s", "s", FeatureScale::kLog1p,
                "is by authors whose last failed deployment was {} s ago"},
    // What the last version showed that told of it.
    FeatureSpec{"last_p_fail", "", FeatureScale::kLinear,
                "follows a version that ended at a P(fail) of {}"},
    FeatureSpec{"last_users_harmed", "users", FeatureScale::kLog1p,
                "follows a version that harmed {} users"},
    // The canary's share of errors over the baseline's.
    FeatureSpec{"last_error_ratio", "", FeatureScale::kLog1p,
                "follows a version with {} times the errors of the one before"}};

// What is to be deployed.
struct About {
  std::string service;
  std::string commit = {};                // empty: the service's newest build is looked at
  std::vector<std::string> authors = {};  // empty: not known
  std::string deployment = {};            // of ours, where it has begun: it is not its own history
};

// Of facts in any order only those that were known at `at` are looked at: a row never sees what
// came later. `facts`: FactLog::Around, or a recorded history.
[[nodiscard]] std::vector<double> BuildFeaturesAt(std::span<const Fact> facts, const About& about,
                                                  WallTime at);
[[nodiscard]] std::vector<double> HistoryFeaturesAt(std::span<const Fact> facts, const About& about,
                                                    WallTime at);

}  // namespace auspex::builds
