#include "auspex/risk/assessment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "auspex/model/feature.h"
#include "auspex/model/metrics.h"
#include "auspex/model/reasons.h"

namespace auspex::risk {
namespace {

constexpr double kWorthDoing = 0.9;  // of P(fail) that is left
constexpr std::size_t kMostLowering = 5;
constexpr std::string_view kChange = "change_log_odds";

std::string BasisOf(const std::string& service, const OutcomeModel::Answer& answer) {
  if (answer.outcomes_all == 0)
    return "no outcome is known yet: it rests on what is believed of such changes";
  const std::size_t others = answer.outcomes_all - answer.outcomes_own;
  if (answer.outcomes_own == 0)
    return fmt::format("no outcome of {} is known yet: borrowed from {} of other services", service,
                       others);
  return fmt::format("{} {} of {}{}", answer.outcomes_own,
                     answer.outcomes_own == 1 ? "outcome" : "outcomes", service,
                     others == 0 ? "" : fmt::format(" and {} of other services", others));
}

// Those of the repository's model take the place of their sum, weighted as that is.
void AddChange(const Question& question, double coefficient, double contribution, double value,
               std::vector<Reason>* reasons) {
  if (question.change.empty()) {
    reasons->push_back({std::string(kChange), value, contribution,
                        contribution > 0.0
                            ? "changes what more often than usual had to be mended later"
                            : "changes what seldom had to be mended later"});
    return;
  }
  for (Reason reason : question.change) {
    reason.log_odds *= coefficient;
    reasons->push_back(std::move(reason));
  }
}

// What the repository's model and that of deployments say of one feature is one reason.
void Merge(std::vector<Reason>* reasons) {
  std::vector<Reason> merged;
  for (Reason& reason : *reasons) {
    const auto same = std::find_if(merged.begin(), merged.end(), [&reason](const Reason& one) {
      return one.feature == reason.feature;
    });
    if (same == merged.end()) {
      merged.push_back(std::move(reason));
    } else {
      same->log_odds += reason.log_odds;
    }
  }
  *reasons = std::move(merged);
}

std::vector<Reason> ReasonsOf(const OutcomeModel& model, const Question& question,
                              const OutcomeModel::Answer& answer) {
  std::vector<Reason> reasons;
  const auto features = DeploymentFeatures();
  for (std::size_t j = 0; j < features.size(); ++j) {
    const auto found = question.known.find(features[j].spec.name);
    if (found == question.known.end() || !std::isfinite(found->second)) continue;
    if (features[j].spec.name == kChange) {
      AddChange(question, model.coefficients()[j], answer.contributions[j], found->second,
                &reasons);
      continue;
    }
    reasons.push_back({std::string(features[j].spec.name), found->second, answer.contributions[j],
                       model::InWords(model::FeatureOf(features[j].spec), found->second)});
  }
  reasons.push_back({"service_history", static_cast<double>(answer.outcomes_own), answer.shared,
                     answer.shared > 0.0 ? "is of a service that fails more often than assumed"
                                         : "is of a service that fails less often than assumed"});
  Merge(&reasons);
  std::erase_if(reasons,
                [](const Reason& reason) { return !(std::abs(reason.log_odds) >= kLeastLogOdds); });
  std::stable_sort(reasons.begin(), reasons.end(), [](const Reason& a, const Reason& b) {
    return std::abs(a.log_odds) > std::abs(b.log_odds);
  });
  return reasons;
}

// Whether a deployment is nothing but what could be split off.
bool IsAll(const Known& known, std::string_view part) {
  const auto all = known.find("nf");
  const auto some = known.find(part);
  return all != known.end() && some != known.end() && some->second >= all->second;
}

// Of an action that was scored in two ways the one that looks at the whole change counts: the last.
void KeepLast(std::vector<Lowering>* found) {
  for (std::size_t i = 0; i < found->size(); ++i) {
    const auto later =
        std::find_if(found->begin() + static_cast<std::ptrdiff_t>(i) + 1, found->end(),
                     [&](const Lowering& one) { return one.action == (*found)[i].action; });
    if (later != found->end()) (*found)[i].p_fail = 1.0;  // worth nothing
  }
}

std::vector<Lowering> LoweringOf(const OutcomeModel& model, const Question& question, double p) {
  const double base = model::LogOdds(question.base_risk);
  const std::vector<double> scaled = Scaled(question.known);
  std::vector<Lowering> found;
  const auto features = DeploymentFeatures();
  for (std::size_t j = 0; j < features.size(); ++j) {
    if (features[j].lower.empty() || std::isnan(scaled[j]) || scaled[j] <= 0.0) continue;
    if (!features[j].part.empty() && IsAll(question.known, features[j].part)) continue;
    std::vector<double> without = scaled;
    without[j] = 0.0;
    found.push_back(
        {std::string(features[j].lower), model.Predict(question.service, base, without).p});
  }
  for (const Alternative& other : question.alternatives)
    found.push_back({other.action, model.Predict(question.service, base, Scaled(other.known)).p});
  KeepLast(&found);
  std::erase_if(found, [p](const Lowering& one) { return !(one.p_fail <= kWorthDoing * p); });
  std::stable_sort(found.begin(), found.end(),
                   [](const Lowering& a, const Lowering& b) { return a.p_fail < b.p_fail; });
  if (found.size() > kMostLowering) found.resize(kMostLowering);
  return found;
}

}  // namespace

Assessment Assess(const OutcomeModel& model, const Question& question) {
  const OutcomeModel::Answer answer =
      model.Predict(question.service, model::LogOdds(question.base_risk), Scaled(question.known));
  return {.p_fail = answer.p,
          .low = answer.low,
          .high = answer.high,
          .reasons = ReasonsOf(model, question, answer),
          .lowering = LoweringOf(model, question, answer.p),
          .basis = BasisOf(question.service, answer)};
}

}  // namespace auspex::risk
