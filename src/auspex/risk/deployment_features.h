#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/feature_spec.h"
#include "auspex/risk/outcome_model.h"

namespace auspex::risk {

// What is known of a deployment before its first request, by name: features of the change, of its
// dependencies, of the build and of the service's history, as their modules name them. Absent or
// NaN: not known.
using Known = std::map<std::string, double, std::less<>>;

// One thing that moves P(fail) of a deployment. Its scaled value is 0 where all is as usual, so
// that what is not known moves nothing.
struct DeploymentFeature {
  FeatureSpec spec;
  double (*scale)(double value);
  Belief belief;                // log-odds per unit of the scaled value
  std::string_view lower = {};  // what a person can do about it; empty: nothing
  // The feature that counts the files in question: where all files (nf) are such, they are on their
  // own already. Empty: it does not matter.
  std::string_view part = {};
};

// Advice that others score too, with the whole change scored again.
inline constexpr std::string_view kMigrationAlone =
    "deploy the migration on its own, before the code that needs it";

// Beliefs come from what the studies of change risk agree on and are wide; outcomes move them
// (docs/decisions/0027). In the order of the coefficients.
[[nodiscard]] std::span<const DeploymentFeature> DeploymentFeatures();
[[nodiscard]] std::vector<Belief> DeploymentBeliefs();

// Every name that a deployment's features may have: of its change, dependencies, build and history.
[[nodiscard]] const std::vector<std::string>& FeatureNames();

// One scaled value a feature; NaN: not known.
[[nodiscard]] std::vector<double> Scaled(const Known& known);

}  // namespace auspex::risk
