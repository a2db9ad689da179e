#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/mutex.h"
#include "auspex/base/result.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/builds/builds.h"
#include "auspex/builds/fact_index.h"
#include "auspex/storage/ledger.h"

namespace auspex::builds {

// Facts for ever: each an entry of the ledger of its own kind (KindOf), about no deployment, its
// body by fact_codec.h; and the newest in memory, read back at the start. The service's own
// rollouts are in the ledger anyway: their beginnings and ends count as Deployed and Outcome of
// source "auspex"; whoever is told how one of them ended knows better. Thread-safe.
class FactLog {
 public:
  // Reads the index back. Entries that are no facts any more are left out and counted: `damaged()`.
  // Errors: the ledger's. `ledger` outlives it.
  static Result<std::unique_ptr<FactLog>> Open(storage::Ledger* ledger,
                                               FactIndex::Limits limits = {});

  struct Kept {
    std::vector<Fact> added;     // on disk now
    std::size_t duplicates = 0;  // were there before, or stand twice among those given
  };
  // All or nothing, on disk when it returns. Errors: the ledger's.
  Result<Kept> Keep(const std::vector<Fact>& facts, WallTime now);

  // FactIndex::Around, and the service's rollouts. Each deployment has one outcome: the last that
  // was told, laid over that of our own rollout where it is one. Errors: the ledger's.
  Result<std::vector<Fact>> Around(std::string_view service, WallTime at) const;

  struct Told {
    std::string service;
    std::string deployment;  // as the sender named it: perhaps none of ours
    bool failed = false;
  };
  // Outcomes of named deployments in the order in which they were kept, from number `from` on (0 is
  // the first); the newest kMostTold. Afterwards `from` is the next one's.
  static constexpr std::size_t kMostTold = 20'000;
  [[nodiscard]] std::vector<Told> ToldOutcomes(std::size_t* from) const;

  [[nodiscard]] std::size_t damaged() const { return damaged_; }

 private:
  FactLog(storage::Ledger* ledger, FactIndex::Limits limits) : ledger_(ledger), index_(limits) {}
  Status ReadBack(std::string_view kind) AUSPEX_REQUIRES(mutex_);
  void Add(const Fact& fact) AUSPEX_REQUIRES(mutex_);

  storage::Ledger* ledger_;
  std::size_t damaged_ = 0;
  mutable Mutex mutex_;
  FactIndex index_ AUSPEX_GUARDED_BY(mutex_);
  std::deque<Told> told_ AUSPEX_GUARDED_BY(mutex_);
  std::size_t told_before_ AUSPEX_GUARDED_BY(mutex_) = 0;  // the number of told_[0]
};

// The beginning and, where it has ended, the end of one of our own rollouts, from its row in the
// ledger. Empty for a row that is damaged.
[[nodiscard]] std::vector<Fact> FactsOf(const storage::DeploymentRow& row);

}  // namespace auspex::builds
