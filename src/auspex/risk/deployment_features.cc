#include "auspex/risk/deployment_features.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "auspex/builds/features.h"
#include "auspex/change/dependencies/delta.h"
#include "auspex/change/features.h"

namespace auspex::risk {
namespace {

// 30 and more are alike.
double Count(double value) { return std::log1p(std::clamp(value, 0.0, 30.0)); }
double Flag(double value) { return value > 0.0 ? 1.0 : 0.0; }
// A ratio to what is usual: as bad when half as when double; fourfold and more alike.
double Ratio(double value) { return std::min(2.0, std::abs(std::log2(std::max(1e-9, value)))); }
// Of a size, less 1: as much is said by growth as by loss; beyond three times all is alike.
double Share(double value) { return std::min(2.0, std::abs(value)); }
double Days(double seconds) { return std::log1p(std::clamp(seconds / 86400.0, 0.0, 365.0)); }
// Points lost count, points won do not.
double Loss(double value) { return std::min(3.0, std::max(0.0, -value) / 0.01); }
// Log-odds by a model of another thing: half is believed, and none of it beyond 4 (e^4: 55 times).
double LogOdds(double value) { return std::clamp(value, -4.0, 4.0); }
// Saturday, Sunday, Friday from 15 h; or from 18 to 7 h. Hours of the week from Monday 0 h.
double OffHours(double hour_of_week) {
  const double hour = std::fmod(hour_of_week, 24.0);
  const bool weekend = hour_of_week >= 111.0;
  return weekend || hour < 7.0 || hour >= 18.0 ? 1.0 : 0.0;
}

using S = FeatureScale;

// Means: a factor of 1.5 in odds is .4, of 2 is .7. Sources: Kamei et al. 2013 and McIntosh & Kamei
// 2018 for the change; for the rest the direction is what practitioners' reports agree on, and the
// size is a guess that outcomes correct.
constexpr DeploymentFeature kFeatures[] = {
    {{"change_log_odds", "", S::kLinear, "the change as a whole: {} in log-odds of what is usual"},
     LogOdds,
     {0.5, 0.25},
     ""},
    {{"files_migration", "files", S::kLog1p, "touches {} migrations"},
     Count,
     {0.7, 0.35},
     kMigrationAlone,
     "files_migration"},
    {{"files_config", "files", S::kLog1p, "touches {} configuration files"}, Count, {0.2, 0.2}, ""},
    {{"files_infrastructure", "files", S::kLog1p, "touches {} infrastructure files"},
     Count,
     {0.25, 0.2},
     ""},
    {{"deps_added", "packages", S::kLog1p, "adds {} dependencies"}, Count, {0.15, 0.15}, ""},
    {{"deps_major", "packages", S::kLog1p, "moves {} dependencies to another major version"},
     Count,
     {0.7, 0.35},
     "deploy the dependencies of another major version on their own",
     "files_dependency"},
    {{"deps_minor", "packages", S::kLog1p, "moves {} dependencies to another minor version"},
     Count,
     {0.15, 0.15},
     ""},
    {{"deps_downgraded", "packages", S::kLog1p, "downgrades {} dependencies"},
     Count,
     {0.4, 0.3},
     ""},
    {{"deps_pre_release", "packages", S::kLog1p, "takes {} dependencies before their release"},
     Count,
     {0.4, 0.3},
     "wait for the release of the dependency"},
    {{"deps_unpinned", "packages", S::kLog1p, "leaves the version of {} dependencies open"},
     Count,
     {0.3, 0.25},
     "pin the versions of the dependencies"},
    {{"deps_base_image", "images", S::kLog1p, "changes {} base images"}, Count, {0.4, 0.3}, ""},
    {{"build_failed", "", S::kFlag, "has a failed build"},
     Flag,
     {0.8, 0.4},
     "deploy a build that passed"},
    {{"build_retries", "times", S::kLog1p, "had its build retried {} times"},
     Count,
     {0.6, 0.3},
     "find out why its build failed before, and build it again"},
    {{"tests_failed", "tests", S::kLog1p, "fails {} tests"},
     Count,
     {0.6, 0.3},
     "deploy a build whose tests pass"},
    {{"tests_flaky", "tests", S::kLog1p, "has {} flaky tests"},
     Count,
     {0.2, 0.2},
     "mend the flaky tests"},
    {{"build_duration_ratio", "", S::kLog1p, "took {} times as long to build as usual"},
     Ratio,
     {0.15, 0.15},
     ""},
    {{"coverage_change", "", S::kLinear, "changes the share covered by tests by {}"},
     Loss,
     {0.2, 0.2},
     "add tests of what the change adds"},
    {{"environment_changed", "", S::kFlag, "was built in another environment than the last"},
     Flag,
     {0.4, 0.3},
     ""},
    {{"toolchain_changed", "", S::kFlag, "was built with another toolchain than the last"},
     Flag,
     {0.4, 0.3},
     ""},
    {{"artifact_change", "", S::kLinear, "changes the artefact's size by a share of {}"},
     Share,
     {0.3, 0.25},
     ""},
    {{"last_failed", "", S::kFlag, "follows a deployment that failed"}, Flag, {0.4, 0.3}, ""},
    {{"since_deployment_s", "s", S::kLog1p, "comes {} after the last deployment"},
     Days,
     {0.1, 0.1},
     ""},
    {{"concurrent_deployments", "deployments", S::kLog1p, "runs beside {} other deployments"},
     Count,
     {0.2, 0.2},
     "wait until the other deployments have ended"},
    {{"incidents_open", "incidents", S::kLog1p, "comes with {} open incidents of the service"},
     Count,
     {0.6, 0.3},
     "wait until the incident is resolved"},
    {{"author_failures_90d", "deployments", S::kLog1p,
      "is by authors with {} failed deployments in 90 days"},
     Count,
     {0.2, 0.2},
     ""},
    {{"hour_of_week", "h", S::kCyclic, "goes out outside of working hours", 168.0},
     OffHours,
     {0.15, 0.15},
     "deploy between 7 and 18 h on a working day, before Friday afternoon"},
};

}  // namespace

std::span<const DeploymentFeature> DeploymentFeatures() { return kFeatures; }

std::vector<Belief> DeploymentBeliefs() {
  std::vector<Belief> beliefs;
  for (const DeploymentFeature& feature : kFeatures) beliefs.push_back(feature.belief);
  return beliefs;
}

const std::vector<std::string>& FeatureNames() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    const auto add = [&names](const auto& specs) {
      for (const FeatureSpec& spec : specs) names.emplace_back(spec.name);
    };
    add(change::kChangeFeatures);
    add(change::kRangeFeatures);
    add(change::kDependencyFeatures);
    add(builds::kBuildFeatures);
    add(builds::kHistoryFeatures);
    for (const DeploymentFeature& feature : DeploymentFeatures())
      names.emplace_back(feature.spec.name);
    return names;
  }();
  return kNames;
}

std::vector<double> Scaled(const Known& known) {
  std::vector<double> scaled;
  for (const DeploymentFeature& feature : kFeatures) {
    const auto found = known.find(feature.spec.name);
    const bool there = found != known.end() && std::isfinite(found->second);
    scaled.push_back(there ? feature.scale(found->second)
                           : std::numeric_limits<double>::quiet_NaN());
  }
  return scaled;
}

}  // namespace auspex::risk
