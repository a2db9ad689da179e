#include <map>
#include <set>

#include "auspex/builds/features.h"
#include "auspex/builds/known.h"

namespace auspex::builds {
namespace {

using std::chrono::hours;

constexpr auto kDay = hours(24);
// How long what others deployed counts as going on: nobody tells us its end.
constexpr auto kUnderWay = hours(1);
// A rollout of ours that is said to run for longer was forgotten.
constexpr auto kLongestRollout = 7 * kDay;

// A deployment, as far as it is known.
struct Past {
  std::string service;
  WallTime began;
  std::vector<std::string> authors;
};
// That one failed.
struct Failure {
  std::string service;
  WallTime at;
  std::vector<std::string> authors;
};

// All that was known, sorted out once.
struct History {
  std::vector<Past> deployments;
  std::vector<Failure> failures;
  std::vector<std::pair<WallTime, bool>> ends;  // of the service: when, and whether it failed
  std::vector<WallTime> rollbacks;              // of the service
  std::vector<const Outcome*> outcomes;         // of the service
  std::set<std::string> running_elsewhere;
};

// The authors of a commit, where a merge or a build told them.
class Authors {
 public:
  explicit Authors(const std::vector<const Fact*>& known) {
    for (const Fact* fact : known) {
      if (const auto* change = std::get_if<ChangeMerged>(&fact->what))
        Add(change->commit, change->authors);
      if (const auto* build = std::get_if<Build>(&fact->what)) Add(build->commit, build->authors);
    }
  }
  [[nodiscard]] std::vector<std::string> Of(const std::vector<std::string>& told,
                                            const std::string& commit) const {
    if (!told.empty()) return told;
    const auto found = by_commit_.find(commit);
    return found == by_commit_.end() ? told : found->second;
  }

 private:
  void Add(const std::string& commit, const std::vector<std::string>& authors) {
    if (!commit.empty() && !authors.empty()) by_commit_[commit] = authors;
  }
  std::map<std::string, std::vector<std::string>> by_commit_;
};

// What Deployed facts told of, so that an outcome of the same deployment is not another one.
struct Told {
  std::set<std::pair<std::string, std::string>> ids;       // service, id
  std::set<std::pair<std::string, std::string>> versions;  // service, version
  [[nodiscard]] bool Knows(const std::string& service, const Outcome& outcome) const {
    return (!outcome.deployment.empty() && ids.contains({service, outcome.deployment})) ||
           (!outcome.version.empty() && versions.contains({service, outcome.version}));
  }
};

void TakeDeployed(const Fact& fact, const Deployed& deployed, const About& about,
                  const Authors& authors, History* history, Told* told) {
  const std::vector<std::string> by = authors.Of(deployed.authors, deployed.commit);
  const bool own = fact.service == about.service;
  if (deployed.rolled_back) {
    history->failures.push_back({fact.service, fact.at, by});
    if (own) history->ends.emplace_back(fact.at, true);
    if (own) history->rollbacks.push_back(fact.at);
    return;
  }
  if (fact.id == about.deployment) return;
  history->deployments.push_back({fact.service, fact.at, by});
  told->ids.emplace(fact.service, fact.id);
  if (!deployed.version.empty()) told->versions.emplace(fact.service, deployed.version);
}

void TakeOutcome(const Fact& fact, const Outcome& outcome, const About& about,
                 const Authors& authors, History* history, const Told& told) {
  if (!about.deployment.empty() && outcome.deployment == about.deployment) return;
  const std::vector<std::string> by = authors.Of(outcome.authors, outcome.commit);
  if (!told.Knows(fact.service, outcome))
    history->deployments.push_back({fact.service, outcome.started.value_or(fact.at), by});
  if (outcome.failed) history->failures.push_back({fact.service, fact.at, by});
  if (fact.service != about.service) return;
  history->ends.emplace_back(fact.at, outcome.failed);
  if (outcome.rolled_back) history->rollbacks.push_back(fact.at);
  history->outcomes.push_back(&outcome);
}

// Deployments of other services that have not ended.
std::set<std::string> RunningElsewhere(const std::vector<const Fact*>& known, const About& about,
                                       WallTime at) {
  std::set<std::string> running;
  for (const Fact* fact : known) {
    const auto* deployed = std::get_if<Deployed>(&fact->what);
    if (deployed == nullptr || deployed->rolled_back || fact->service == about.service) continue;
    const bool ours = fact->source == "auspex";
    if (at - fact->at <= (ours ? Duration(kLongestRollout) : Duration(kUnderWay)))
      running.insert(fact->service + "/" + fact->id);
  }
  for (const Fact* fact : known) {
    if (const auto* outcome = std::get_if<Outcome>(&fact->what))
      running.erase(fact->service + "/" + outcome->deployment);
  }
  return running;
}

History Sort(const std::vector<const Fact*>& known, const About& about, WallTime at) {
  History history;
  const Authors authors(known);
  Told told;
  for (const Fact* fact : known) {
    if (const auto* deployed = std::get_if<Deployed>(&fact->what))
      TakeDeployed(*fact, *deployed, about, authors, &history, &told);
  }
  for (const Fact* fact : known) {
    if (const auto* outcome = std::get_if<Outcome>(&fact->what))
      TakeOutcome(*fact, *outcome, about, authors, &history, told);
  }
  std::stable_sort(history.ends.begin(), history.ends.end());
  history.running_elsewhere = RunningElsewhere(known, about, at);
  return history;
}

struct Incidents {
  double open = 0.0, open_elsewhere = 0.0, recent = 0.0;
};

Incidents IncidentsAt(const std::vector<const Fact*>& known, const About& about, WallTime at) {
  Incidents incidents;
  std::map<std::pair<std::string, std::string>, bool> open;  // service, incident
  std::set<std::string> recent;
  for (const Fact* fact : known) {
    const auto* incident = std::get_if<Incident>(&fact->what);
    if (incident == nullptr) continue;
    // One that is reported after it was resolved is open again.
    open[{fact->service, incident->incident}] = !incident->resolved;
    if (fact->service == about.service && !incident->resolved && at - fact->at <= 30 * kDay)
      recent.insert(incident->incident);
  }
  for (const auto& [which, is_open] : open) {
    if (is_open) ++(which.first == about.service ? incidents.open : incidents.open_elsewhere);
  }
  incidents.recent = static_cast<double>(recent.size());
  return incidents;
}

bool ByAnyOf(const std::vector<std::string>& authors, const std::vector<std::string>& wanted) {
  return std::find_first_of(authors.begin(), authors.end(), wanted.begin(), wanted.end()) !=
         authors.end();
}

template <typename Events, typename Time>
double CountWithin(const Events& events, Duration window, WallTime at, const Time& time) {
  return static_cast<double>(std::count_if(events.begin(), events.end(), [&](const auto& event) {
    const std::optional<WallTime> when = time(event);
    return when && at - *when <= window;
  }));
}

// Seconds since the newest; unknown where there was none.
template <typename Events, typename Time>
double SinceLast(const Events& events, WallTime at, const Time& time) {
  std::optional<WallTime> last;
  for (const auto& event : events) {
    const std::optional<WallTime> when = time(event);
    if (when && (!last || *when > *last)) last = when;
  }
  return last ? std::max(0.0, SecondsBetween(*last, at)) : kUnknown;
}

// Of the newest outcome that told of it.
double LastTold(const History& history, std::optional<double> Outcome::*what) {
  for (auto outcome = history.outcomes.rbegin(); outcome != history.outcomes.rend(); ++outcome) {
    if ((*outcome)->*what) return *((*outcome)->*what);
  }
  return kUnknown;
}

double FailuresInARow(const History& history) {
  if (history.ends.empty()) return kUnknown;
  double row = 0.0;
  for (auto end = history.ends.rbegin(); end != history.ends.rend() && end->second; ++end)
    row += 1.0;
  return row;
}

}  // namespace

std::vector<double> HistoryFeaturesAt(std::span<const Fact> facts, const About& about,
                                      WallTime at) {
  const std::vector<const Fact*> known = KnownAt(facts, at);
  const History history = Sort(known, about, at);
  const Incidents incidents = IncidentsAt(known, about, at);
  const auto own = [&about](const auto& event) { return event.service == about.service; };
  const auto began = [&](const Past& past) {
    return own(past) ? std::optional(past.began) : std::nullopt;
  };
  const auto failed = [&](const Failure& failure) {
    return own(failure) ? std::optional(failure.at) : std::nullopt;
  };
  const auto any_time = [](WallTime time) { return std::optional(time); };
  const auto by_began = [&](const Past& past) {
    return ByAnyOf(past.authors, about.authors) ? std::optional(past.began) : std::nullopt;
  };
  const auto by_failed = [&](const Failure& failure) {
    return ByAnyOf(failure.authors, about.authors) ? std::optional(failure.at) : std::nullopt;
  };
  const bool authors = !about.authors.empty();
  const double deployed_90d = CountWithin(history.deployments, 90 * kDay, at, began);
  const double failed_90d = CountWithin(history.failures, 90 * kDay, at, failed);
  return {CountWithin(history.deployments, 7 * kDay, at, began),
          CountWithin(history.deployments, 30 * kDay, at, began),
          CountWithin(history.failures, 30 * kDay, at, failed),
          CountWithin(history.rollbacks, 30 * kDay, at, any_time),
          deployed_90d > 0.0 ? std::min(1.0, failed_90d / deployed_90d) : kUnknown,
          SinceLast(history.deployments, at, began),
          SinceLast(history.failures, at, failed),
          history.ends.empty() ? kUnknown : static_cast<double>(history.ends.back().second),
          FailuresInARow(history),
          static_cast<double>(history.running_elsewhere.size()),
          incidents.open,
          incidents.open_elsewhere,
          incidents.recent,
          authors ? CountWithin(history.deployments, 90 * kDay, at, by_began) : kUnknown,
          authors ? CountWithin(history.failures, 90 * kDay, at, by_failed) : kUnknown,
          authors ? SinceLast(history.failures, at, by_failed) : kUnknown,
          LastTold(history, &Outcome::p_fail),
          LastTold(history, &Outcome::users_harmed),
          LastTold(history, &Outcome::error_ratio)};
}

}  // namespace auspex::builds
