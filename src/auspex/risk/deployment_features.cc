#include "auspex/risk/deployment_features.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace auspex::risk {
namespace {

// 30 and more are alike.
double Count(double value) { return std::log1p(std::clamp(value, 0.0, 30.0)); }
double Flag(double value) { return value > 0.0 ? 1.0 : 0.0; }
// A ratio to what is usual: as bad when half as when double; fourfold and more alike.
double Ratio(double value) { return std::min(2.0, std::abs(std::log2(std::max(1e-9, value)))); }
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
     "deploy the migration on its own, before the code that needs it"},
    {{"files_config", "files", S::kLog1p, "touches {} configuration files"}, Count, {0.2, 0.2}, ""},
    {{"files_infrastructure", "files", S::kLog1p, "touches {} infrastructure files"},
     Count,
     {0.25, 0.2},
     ""},
    {{"deps_major", "dependencies", S::kLog1p, "takes {} dependencies over a major version"},
     Count,
     {0.7, 0.35},
     "deploy the major dependency bump on its own"},
    {{"deps_minor", "dependencies", S::kLog1p, "takes {} dependencies over a minor version"},
     Count,
     {0.15, 0.15},
     ""},
    {{"deps_downgraded", "dependencies", S::kLog1p, "takes {} dependencies back"},
     Count,
     {0.4, 0.3},
     ""},
    {{"deps_prerelease", "dependencies", S::kLog1p, "takes {} dependencies to pre-releases"},
     Count,
     {0.4, 0.3},
     "wait for the release of the dependency"},
    {{"build_tests_failed", "tests", S::kLog1p, "was built with {} failed tests"},
     Count,
     {0.8, 0.4},
     "deploy a build whose tests pass"},
    {{"build_tests_flaky", "tests", S::kLog1p, "was built with {} flaky tests"},
     Count,
     {0.2, 0.2},
     "mend the flaky tests"},
    {{"build_retries", "", S::kLog1p, "needed {} retries to build"},
     Count,
     {0.6, 0.3},
     "find out why the build failed before, and build it again"},
    {{"build_duration_ratio", "", S::kLinear, "took {} times its usual time to build"},
     Ratio,
     {0.15, 0.15},
     ""},
    {{"build_coverage_change", "", S::kLinear, "changes the tests' coverage by {}"},
     Loss,
     {0.2, 0.2},
     "add tests for what the change adds"},
    {{"build_environment_changed", "", S::kFlag, "was built in another environment than before"},
     Flag,
     {0.4, 0.3},
     ""},
    {{"build_artefact_ratio", "", S::kLinear, "is {} times the usual size"}, Ratio, {0.2, 0.2}, ""},
    {{"history_last_failed", "", S::kFlag, "follows a deployment that failed"},
     Flag,
     {0.4, 0.3},
     ""},
    {{"history_days_since", "days", S::kLog1p, "comes {} days after the last deployment"},
     Count,
     {0.1, 0.1},
     ""},
    {{"history_concurrent", "deployments", S::kLog1p, "goes out beside {} other deployments"},
     Count,
     {0.3, 0.2},
     "wait until the other deployments have ended"},
    {{"history_incidents_open", "incidents", S::kLog1p, "goes out while {} incidents are open"},
     Count,
     {0.6, 0.3},
     "wait until the incident is resolved"},
    {{"history_author_failures", "", S::kLinear,
      "its authors' deployments failed {} times as often as others'"},
     [](double ratio) { return std::clamp(std::log(std::max(1e-3, ratio)), -2.0, 2.0); },
     {0.3, 0.2},
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
