#include "auspex/builds/ledger/fact_log.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "auspex/builds/fact_codec.h"

namespace auspex::builds {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kPage = 1000;
// Of our own rollouts, the newest: features look back 30 days and at the last twenty.
constexpr std::size_t kMostRollouts = 1000;

std::optional<double> NumberIn(const Json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::string TextIn(const Json& body, const char* key) {
  const auto found = body.find(key);
  return found == body.end() || !found->is_string() ? "" : found->get<std::string>();
}

// The canary's share of errors over the baseline's; nothing where one of them served nothing, or
// the baseline had no error to compare with.
std::optional<double> ErrorRatio(const Json& body) {
  if (!body.contains("requests") || !body.contains("errors")) return std::nullopt;
  const Json& requests = body.at("requests");
  const Json& errors = body.at("errors");
  if (!requests.is_object() || !errors.is_object()) return std::nullopt;
  const double canary = NumberIn(requests, "canary").value_or(0.0);
  const double baseline = NumberIn(requests, "baseline").value_or(0.0);
  const double canary_errors = NumberIn(errors, "canary").value_or(0.0);
  const double baseline_errors = NumberIn(errors, "baseline").value_or(0.0);
  if (canary <= 0.0 || baseline <= 0.0 || baseline_errors <= 0.0) return std::nullopt;
  return canary_errors / canary / (baseline_errors / baseline);
}

constexpr std::string_view kOurs = "auspex";

// What somebody told of the end of one of our rollouts, laid over what it said itself: whether it
// failed, and what else was told. When it ended and how the canary did is ours to know.
void LayOver(const Outcome& told, Outcome* own) {
  own->failed = told.failed;
  own->rolled_back = own->rolled_back || told.rolled_back;
  if (told.users_harmed) own->users_harmed = told.users_harmed;
  if (!told.commit.empty()) own->commit = told.commit;
  if (!told.authors.empty()) own->authors = told.authors;
}

// Sorted by known_at: of each deployment one outcome, the last that was told, or our own with that
// laid over it.
std::vector<Fact> OneOutcomeEach(std::vector<Fact> facts) {
  const auto outcome_of = [](Fact& fact) {
    auto* const outcome = std::get_if<Outcome>(&fact.what);
    return outcome != nullptr && !outcome->deployment.empty() ? outcome : nullptr;
  };
  std::map<std::pair<std::string, std::string>, std::size_t> own, told;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    if (const Outcome* const outcome = outcome_of(facts[i]))
      (facts[i].source == kOurs ? own : told)[{facts[i].service, outcome->deployment}] = i;
  }
  std::vector<bool> stays(facts.size(), true);
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const Outcome* const outcome = outcome_of(facts[i]);
    if (outcome == nullptr || facts[i].source == kOurs) continue;
    const std::pair key(facts[i].service, outcome->deployment);
    const auto ours = own.find(key);
    stays[i] = ours == own.end() && told[key] == i;
    if (ours != own.end() && told[key] == i) LayOver(*outcome, outcome_of(facts[ours->second]));
  }
  std::size_t i = 0;
  std::erase_if(facts, [&](const Fact&) { return !stays[i++]; });
  return facts;
}

}  // namespace

std::vector<Fact> FactsOf(const storage::DeploymentRow& row) {
  const Json body = Json::parse(row.body, nullptr, false);
  if (!body.is_object()) return {};
  Fact begun{.source = std::string(kOurs),
             .id = row.id,
             .service = row.service,
             .at = row.started_at,
             .known_at = row.started_at,
             .what = Deployed{.rolled_back = false,
                              .version = TextIn(body, "version"),
                              .commit = {},
                              .environment = {},
                              .authors = {}}};
  // What a person refused before it had any traffic was no deployment.
  if (TextIn(body, "by") == "approval") return {};
  std::vector<Fact> facts{begun};
  if (!row.ended || !row.ended_at) return facts;
  Fact ended = begun;
  ended.at = ended.known_at = *row.ended_at;
  // Where the prediction alone ended it, nobody knows.
  ended.what =
      Outcome{.failed = TextIn(body, "verdict") == "fail" && TextIn(body, "by") != "prediction",
              .rolled_back = TextIn(body, "decision") == "roll_back",
              .deployment = row.id,
              .version = TextIn(body, "version"),
              .commit = {},
              .authors = {},
              .started = row.started_at,
              .p_fail = NumberIn(body, "p_fail"),
              .users_harmed = NumberIn(body, "users_harmed"),
              .error_ratio = ErrorRatio(body)};
  facts.push_back(std::move(ended));
  return facts;
}

Result<std::unique_ptr<FactLog>> FactLog::Open(storage::Ledger* ledger, FactIndex::Limits limits) {
  std::unique_ptr<FactLog> log(new FactLog(ledger, limits));
  {
    const MutexLock lock(log->mutex_);
    for (const std::string_view kind : FactKinds()) AUSPEX_TRY(log->ReadBack(kind));
  }
  return log;
}

Status FactLog::ReadBack(std::string_view kind) {
  std::int64_t after = 0;
  while (true) {
    AUSPEX_TRY(const auto entries,
               ledger_->Entries(
                   {.deployment = {}, .kind = std::string(kind), .after = after, .limit = kPage}));
    for (const storage::Entry& entry : entries) {
      const Result<Fact> fact = FactFromJson(kind, entry.body);
      if (fact.ok()) {
        Add(*fact);
      } else {
        ++damaged_;
      }
    }
    if (entries.size() < kPage) return {};
    after = entries.back().seq;
  }
}

void FactLog::Add(const Fact& fact) {
  if (!index_.Add(fact)) return;
  const auto* const outcome = std::get_if<Outcome>(&fact.what);
  if (outcome == nullptr || outcome->deployment.empty()) return;
  told_.push_back({fact.service, outcome->deployment, outcome->failed});
  if (told_.size() <= kMostTold) return;
  told_.pop_front();
  ++told_before_;
}

std::vector<FactLog::Told> FactLog::ToldOutcomes(std::size_t* from) const {
  const MutexLock lock(mutex_);
  const std::size_t skipped = std::min(*from - std::min(*from, told_before_), told_.size());
  *from = told_before_ + told_.size();
  return {told_.begin() + static_cast<std::ptrdiff_t>(skipped), told_.end()};
}

Result<FactLog::Kept> FactLog::Keep(const std::vector<Fact>& facts, WallTime now) {
  const MutexLock lock(mutex_);
  Kept kept;
  storage::Batch batch;
  FactIndex given;
  for (const Fact& fact : facts) {
    if (index_.Has(fact) || !given.Add(fact)) {
      ++kept.duplicates;
      continue;
    }
    batch.entries.push_back(
        {.at = now, .deployment = {}, .kind = std::string(KindOf(fact)), .body = ToJson(fact)});
    kept.added.push_back(fact);
  }
  if (batch.entries.empty()) return kept;
  AUSPEX_TRY(const auto stored, ledger_->Commit(batch));
  for (const Fact& fact : kept.added) Add(fact);
  return kept;
}

Result<std::vector<Fact>> FactLog::Around(std::string_view service, WallTime at) const {
  std::vector<Fact> facts;
  {
    const MutexLock lock(mutex_);
    facts = index_.Around(service, at);
  }
  // Of all services: what else is being deployed matters too.
  AUSPEX_TRY(
      const auto rows,
      ledger_->Deployments({.service = {}, .ended = {}, .limit = kMostRollouts, .after_id = {}}));
  AUSPEX_TRY(
      const auto own,
      ledger_->Deployments(
          {.service = std::string(service), .ended = {}, .limit = kMostRollouts, .after_id = {}}));
  const auto add = [&](const std::vector<storage::DeploymentRow>& from, bool others) {
    for (const storage::DeploymentRow& row : from) {
      if ((row.service != service) != others) continue;
      for (Fact& fact : FactsOf(row)) {
        if (fact.known_at <= at) facts.push_back(std::move(fact));
      }
    }
  };
  add(rows, true);
  add(own, false);
  std::stable_sort(facts.begin(), facts.end(),
                   [](const Fact& a, const Fact& b) { return a.known_at < b.known_at; });
  return OneOutcomeEach(std::move(facts));
}

}  // namespace auspex::builds
