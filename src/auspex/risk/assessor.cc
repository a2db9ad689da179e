#include "auspex/risk/assessor.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "auspex/base/nearest.h"
#include "auspex/model/metrics.h"

namespace auspex::risk {
namespace {

constexpr std::size_t kPage = 500;

// How a deployment ended, where that is proven: not where a person promoted it or took it back, or
// its deadline passed without proof.
std::optional<bool> HasFailed(const storage::DeploymentRow& row) {
  const auto body = nlohmann::json::parse(row.body, nullptr, false);
  if (!body.is_object()) return std::nullopt;
  const auto text = [&body](const char* key) {
    const auto found = body.find(key);
    return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (text("verdict") == "pass") return false;
  // Of what the prediction itself ended it would only learn what it said.
  if (text("verdict") == "fail" && text("by") != "prediction") return true;
  return std::nullopt;
}

// A name that is none: by a slip, or by a client that is newer than we are, which is no reason to
// refuse its deployment.
std::vector<std::string> NotesOn(const Known& known) {
  std::vector<std::string> notes;
  const std::vector<std::string>& names = FeatureNames();
  for (const auto& [name, value] : known) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    if (notes.size() == kMostListed) break;
    const auto meant = Nearest(name, names);
    notes.push_back(fmt::format("'{}' counts for nothing: it is no feature that is known here{}",
                                name.substr(0, kMostText / 2),
                                meant ? fmt::format("; did you mean {}?", *meant) : ""));
  }
  return notes;
}

}  // namespace

// nullopt: it was not predicted.
Result<std::optional<Outcome>> Assessor::Read(const storage::DeploymentRow& row,
                                              bool failed) const {
  AUSPEX_TRY(const auto entries,
             deps_.ledger->Entries({.deployment = row.id, .kind = "prediction", .limit = 1}));
  if (entries.empty()) return std::nullopt;
  AUSPEX_TRY(const Prediction prediction, PredictionFromJson(entries.front().body));
  return Outcome{
      .service = row.service,
      .base_log_odds = model::LogOdds(std::clamp(prediction.base_risk, 1e-4, 1.0 - 1e-4)),
      .scaled = Scaled(prediction.known),
      .failed = failed};
}

// Newest first, back to where all had ended at the last look.
Status Assessor::ReadEnded(Outcomes* news) {
  storage::DeploymentQuery query{.limit = kPage};
  std::size_t seen = 0;
  std::optional<WallTime> look_back_to;  // the oldest that runs, or was not read
  std::optional<WallTime> newest;
  for (bool more = true; more && seen < kMostLearned;) {
    AUSPEX_TRY(const auto rows, deps_.ledger->Deployments(query));
    more = rows.size() == kPage;
    for (const storage::DeploymentRow& row : rows) {
      if (!newest) newest = row.started_at;
      if (row.started_at < looked_back_to_) {
        more = false;
        break;
      }
      ++seen;
      if (!row.ended) look_back_to = row.started_at;
      if (!row.ended || !read_.insert({row.started_at, row.id}).second) continue;
      const std::optional<bool> failed = HasFailed(row);
      if (!failed) continue;
      const auto outcome = Read(row, *failed);
      if (!outcome.ok()) {
        // Where it was the ledger that could not, the next look comes back to it.
        if (outcome.error().code == ErrorCode::kUnavailable) {
          read_.erase({row.started_at, row.id});
          look_back_to = row.started_at;
        }
        deps_.log->Warn("outcome_left_out",
                        {{"deployment", row.id}, {"why", outcome.error().message}});
      } else if (*outcome) {
        news->insert_or_assign({row.started_at, row.id}, **outcome);
      }
    }
    if (!rows.empty()) query.after_id = rows.back().id;
  }
  if (newest) looked_back_to_ = look_back_to.value_or(*newest);
  read_.erase(read_.begin(), read_.lower_bound({looked_back_to_, ""}));
  return {};
}

// Those that end later are read then.
Status Assessor::ReadTold(Outcomes* news) {
  if (!deps_.told) return {};
  for (const builds::FactLog::Told& told : deps_.told(&told_until_))
    told_.insert_or_assign({told.service, told.deployment}, told.failed);
  for (auto one = told_.begin(); one != told_.end();) {
    const auto& [service, id] = one->first;
    const auto row = deps_.ledger->Deployment(id);
    if (!row.ok() && row.error().code == ErrorCode::kUnavailable) return Failure{row.error()};
    const bool ours = row.ok() && row->service == service;
    if (ours && !row->ended) {
      ++one;
      continue;
    }
    if (ours) {
      const Place place(row->started_at, row->id);
      const auto outcome = Read(*row, one->second);
      if (!outcome.ok() && outcome.error().code == ErrorCode::kUnavailable)
        return Failure{outcome.error()};
      if (!outcome.ok())
        deps_.log->Warn("outcome_left_out", {{"deployment", id}, {"why", outcome.error().message}});
      if (outcome.ok() && *outcome) news->insert_or_assign(place, **outcome);
      read_.insert(place);  // what its rollout said counts no more
    }
    one = told_.erase(one);
  }
  return {};
}

void Assessor::Learn() {
  Outcomes news;
  if (const Status told = ReadTold(&news); !told.ok())
    deps_.log->Warn("outcomes_not_read", {{"why", told.error().message}});
  if (const Status read = ReadEnded(&news); !read.ok())
    deps_.log->Warn("outcomes_not_read", {{"why", read.error().message}});
  if (model_ && news.empty()) return;
  for (auto& [place, outcome] : news) learned_.insert_or_assign(place, std::move(outcome));
  while (learned_.size() > kMostLearned) learned_.erase(learned_.begin());
  std::vector<Outcome> outcomes;
  outcomes.reserve(learned_.size());
  for (const auto& [place, outcome] : learned_) outcomes.push_back(outcome);
  Result<OutcomeModel> model = OutcomeModel::Fit(DeploymentBeliefs(), outcomes);
  if (!model.ok()) {
    deps_.log->Error("outcomes_not_learned", {{"why", model.error().message}});
    model = OutcomeModel::Fit(DeploymentBeliefs(), {});
  }
  model_ = *std::move(model);
}

Prediction Assessor::Predict(const Ask& ask) {
  Prediction prediction{.at = deps_.clock->Wall(),
                        .service = ask.service,
                        .version = ask.version,
                        .base_risk = std::clamp(ask.base_risk, 1e-4, 1.0 - 1e-4),
                        .given = ask.given,
                        .assessment = {},
                        .known = ask.change.known,
                        .change = ask.change,
                        .notes = NotesOn(ask.change.known)};
  Known others;
  if (deps_.facts) others = deps_.facts(ask.service, ask.version, ask.change, prediction.at);
  for (const auto& [name, value] : others) prediction.known[name] = value;
  Question question{.service = ask.service,
                    .base_risk = prediction.base_risk,
                    .known = prediction.known,
                    .change = ask.change.reasons,
                    .alternatives = ask.change.alternatives};
  // Whoever knows the change alone cannot say what the rest of the alternative is.
  for (Alternative& one : question.alternatives)
    for (const auto& [name, value] : others) one.known[name] = value;
  const MutexLock lock(mutex_);
  Learn();
  prediction.assessment = Assess(*model_, question);
  return prediction;
}

}  // namespace auspex::risk
