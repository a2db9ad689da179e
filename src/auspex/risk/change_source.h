#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/log.h"
#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/risk/prediction.h"
#include "auspex/storage/ledger.h"

namespace auspex::risk {

// Where the code of a service lies, as its configuration says (`source`).
struct CodeSource {
  std::string service;
  std::string repository;  // a clone on this machine
  std::string path = {};   // the service's folder in it (FolderOf); empty: all of it
};

// Finds out what a deployment changes, where whoever announces it did not say: in the clone that
// the service's configuration names, from the version that serves to the new one (version_range.h).
//
// Repositories are read by another process (`auspex risk --json`), one at a time, at low priority:
// neither its memory nor what a repository may hold is the daemon's. What takes minutes the first
// time is read ahead: each clone at the start and every kReadAheadEvery. Thread-safe.
class ChangeSource {
 public:
  static constexpr std::size_t kMostWaiting = 2;  // calls of Look; one more is told that it is busy
  static constexpr std::size_t kMostQueued = 16;  // ranges that nobody waits for any more
  static constexpr Duration kReadAheadEvery = 6h;
  static constexpr Duration kLimit = 1h;  // of a process that reads

  struct Dependencies {
    storage::Ledger* ledger;  // outlives it, as all of these
    const Clock* clock;
    const Logger* log;
    std::vector<std::string> program;  // begins the command: {"/proc/self/exe", "risk"}
    std::vector<std::pair<std::string, std::string>> env;  // of it: PATH, HOME, XDG_CACHE_HOME
  };
  ChangeSource(Dependencies dependencies, std::vector<CodeSource> sources);
  ~ChangeSource();  // Stop
  ChangeSource(const ChangeSource&) = delete;
  ChangeSource& operator=(const ChangeSource&) = delete;

  struct Ask {
    std::string service;
    std::string version;
    std::string baseline_version = {};  // empty: that of its last promoted deployment
  };
  // Where the change is not known within `patience`, or cannot be, `model` says why and nothing
  // else is there; for a service without a source not even that. A range that took too long is
  // read to its end, for the next time.
  [[nodiscard]] ChangeFacts Look(const Ask& ask, Duration patience);
  // Ends a process that reads; Look answers at once from now on.
  void Stop();

 private:
  struct Job {
    CodeSource source;
    Ask ask;  // without a version: reads ahead
    bool begun = false;
    bool done = false;
    ChangeFacts facts = {};
  };
  void Run();
  [[nodiscard]] std::shared_ptr<Job> Next();
  void ReadAhead() AUSPEX_REQUIRES(mutex_);
  [[nodiscard]] ChangeFacts FactsFor(const Job& job);
  [[nodiscard]] Result<ChangeFacts> Read(const Job& job);
  [[nodiscard]] Result<std::string> RangeFor(const Job& job) const;
  [[nodiscard]] Result<std::string> BaselineOf(const Ask& ask) const;
  [[nodiscard]] std::vector<std::string> CommandFor(const CodeSource& source,
                                                    const std::string& range) const;

  const Dependencies deps_;
  const std::vector<CodeSource> sources_;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;
  std::condition_variable wake_;   // there is a job, or the end
  std::condition_variable ready_;  // one is done
  std::deque<std::shared_ptr<Job>> asked_ AUSPEX_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<Job>> ahead_ AUSPEX_GUARDED_BY(mutex_);  // when nobody asks
  std::size_t waiting_ AUSPEX_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace auspex::risk
