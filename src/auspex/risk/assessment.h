#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "auspex/risk/deployment_features.h"
#include "auspex/risk/outcome_model.h"

// risk says how likely a deployment is to fail before its first request, why, and what would lower
// that.
//
//   AUSPEX_TRY(const OutcomeModel model, OutcomeModel::Fit(DeploymentBeliefs(), outcomes));
//   const Assessment answer = Assess(model, question);
//   answer.p_fail; answer.reasons[0].text;  // "touches 3 migrations"
//
// Two models, one behind the other. The first is learned from the repository: how likely is it that
// a commit like this has to be mended later (change/, training/)? Its answer is one feature,
// change_log_odds, of the second, which knows the build, the dependencies and the service's history
// too, is told how deployments ended, and starts from beliefs, so that it answers on the first day.
//
// Read next: deployment_features.h (what counts, and how much), outcome_model.h (how it learns).
namespace auspex::risk {

// Why P(fail) is above or below the usual.
struct Reason {
  std::string feature;
  double value = 0.0;     // in the feature's own unit
  double log_odds = 0.0;  // what it adds; below 0: it lowers the risk
  std::string text;       // reads after "the deployment": "touches 3 migrations"
};

// The same deployment, had a person done something about it.
struct Alternative {
  std::string action;
  Known known;
};

struct Question {
  std::string service;
  double base_risk = 0.15;  // the service's prior_risk, in (0, 1)
  Known known;
  // Parts of change_log_odds, by the repository's model; they take the place of its own line.
  std::vector<Reason> change = {};
  // Beside those that follow from `known` (DeploymentFeature::lower).
  std::vector<Alternative> alternatives = {};
};

struct Lowering {
  std::string action;
  double p_fail = 0.0;  // had it been done
};

struct Assessment {
  double p_fail = 0.0;
  double low = 0.0;  // 80 % interval of what is known of it
  double high = 0.0;
  std::vector<Reason> reasons;     // by size, those that matter: kLeastLogOdds and more
  std::vector<Lowering> lowering;  // best first, those that take a tenth off
  std::string basis;               // what it stands on: "3 outcomes of checkout and 120 of others"
};

// A factor of 1.1 in odds.
inline constexpr double kLeastLogOdds = 0.095;

// Pure.
[[nodiscard]] Assessment Assess(const OutcomeModel& model, const Question& question);

}  // namespace auspex::risk
