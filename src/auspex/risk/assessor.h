#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/log.h"
#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/builds/ledger/fact_log.h"
#include "auspex/risk/prediction.h"
#include "auspex/storage/ledger.h"

namespace auspex::risk {

// Predicts deployments, and learns from how those that it predicted ended: it reads both in the
// ledger, so that a restart forgets nothing. What it learned at a time is what had ended by then;
// where somebody told how a deployment ended (`told`), that counts, whatever its rollout said.
// Thread-safe; the first call reads up to kMostLearned deployments, later ones what has ended
// since.
class Assessor {
 public:
  // The newest: what is years old says little of now.
  static constexpr std::size_t kMostLearned = 20'000;

  struct Dependencies {
    storage::Ledger* ledger;  // outlives it, as all of these
    const Clock* clock;
    const Logger* log;
    // Of builds, incidents and the service's past, as known at a time; null: none.
    std::function<Known(std::string_view service, const std::string& version,
                        const ChangeFacts& change, WallTime at)>
        facts;
    // As builds::FactLog::ToldOutcomes; null: nobody tells.
    std::function<std::vector<builds::FactLog::Told>(std::size_t* from)> told = {};
  };
  explicit Assessor(Dependencies dependencies) : deps_(std::move(dependencies)) {}

  struct Ask {
    std::string service;
    std::string version;
    double base_risk = 0.15;
    std::optional<double> given = {};
    ChangeFacts change = {};
  };
  // Always answers: a ledger that cannot be read is logged, and what was learned before is used.
  [[nodiscard]] Prediction Predict(const Ask& ask);

 private:
  using Place = std::pair<WallTime, std::string>;  // when a deployment began, and its id
  using Outcomes = std::map<Place, Outcome>;
  void Learn() AUSPEX_REQUIRES(mutex_);
  Status ReadEnded(Outcomes* news) AUSPEX_REQUIRES(mutex_);
  Status ReadTold(Outcomes* news) AUSPEX_REQUIRES(mutex_);
  Result<std::optional<Outcome>> Read(const storage::DeploymentRow& row, bool failed) const;

  const Dependencies deps_;
  Mutex mutex_;
  Outcomes learned_ AUSPEX_GUARDED_BY(mutex_);
  // Read already, also those that teach nothing; none that began before looked_back_to_.
  std::set<Place> read_ AUSPEX_GUARDED_BY(mutex_);
  WallTime looked_back_to_ AUSPEX_GUARDED_BY(mutex_){};  // all that began before it had ended
  // By service and deployment, until it has ended and was learned.
  std::map<std::pair<std::string, std::string>, bool> told_ AUSPEX_GUARDED_BY(mutex_);
  std::size_t told_until_ AUSPEX_GUARDED_BY(mutex_) = 0;
  std::optional<OutcomeModel> model_ AUSPEX_GUARDED_BY(mutex_);
};

}  // namespace auspex::risk
