#pragma once

#include <condition_variable>
#include <thread>

#include "auspex/base/clock.h"
#include "auspex/base/log.h"
#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/storage/ledger.h"

namespace auspex::storage {

// Expires what a ledger need not keep any longer, at the start and then once a period, on a thread
// of its own: deleting many objects takes as long as the disk does, and nobody must wait for it.
// What fails is logged and tried again in the next period.
class Retention {
 public:
  struct Options {
    Duration keep = std::chrono::hours(24 * 90);  // after a deployment's end
    Duration every = std::chrono::hours(24);
  };
  // All outlive it.
  Retention(Ledger* ledger, const Clock* clock, const Logger* log, const Options& options);
  // Waits for the call that is under way, of kMostExpired objects at most.
  ~Retention();
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

 private:
  void Run();
  bool Expire();  // whether there may be more

  Ledger* ledger_;
  const Clock* clock_;
  const Logger* log_;
  const Options options_;
  Mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ AUSPEX_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace auspex::storage
