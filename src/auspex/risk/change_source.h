#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
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
// the service's configuration names, from the tag or commit of the version that serves to that of
// the new one. A version V of service S is looked for as S/V, S/vV, S-V, S-vV, S@V, V and vV.
//
// Repositories are read by another process (`auspex risk --json`), one at a time, so that neither
// its memory nor what a repository may hold is the daemon's. As it starts it has each clone read
// once, for what the first time takes minutes. Thread-safe.
class ChangeSource {
 public:
  static constexpr std::size_t kMostWaiting = 2;  // calls of Look; one more is told that it is busy
  static constexpr Duration kLimit = 1h;          // of a process that reads

  struct Dependencies {
    storage::Ledger* ledger;  // outlives it, as all of these
    const Clock* clock;
    const Logger* log;
    std::vector<std::string> program;  // begins the command: {"/proc/self/exe", "risk"}
    std::vector<std::pair<std::string, std::string>> env;  // of it: PATH, HOME, XDG_CACHE_HOME
  };
  ChangeSource(Dependencies dependencies, std::vector<CodeSource> sources);
  // Ends a process that reads.
  ~ChangeSource();
  ChangeSource(const ChangeSource&) = delete;
  ChangeSource& operator=(const ChangeSource&) = delete;

  struct Ask {
    std::string service;
    std::string version;
    std::string baseline_version = {};  // empty: that of its last promoted deployment
  };
  // Where the change is not known within `patience`, or cannot be, `model` says why and nothing
  // else is there; for a service without a source not even that. It is read on then, for the next.
  [[nodiscard]] ChangeFacts Look(const Ask& ask, Duration patience);

 private:
  struct Job {
    CodeSource source;
    Ask ask;  // without a version: reads the clone, for later
    bool done = false;
    ChangeFacts facts = {};
  };
  void Run();
  [[nodiscard]] Result<ChangeFacts> Read(const Job& job);
  [[nodiscard]] Result<std::string> RangeOf(const Job& job) const;
  [[nodiscard]] Result<std::string> BaselineOf(const Ask& ask) const;
  [[nodiscard]] std::vector<std::string> CommandFor(const CodeSource& source,
                                                    const std::string& range) const;

  const Dependencies deps_;
  const std::vector<CodeSource> sources_;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;
  std::condition_variable wake_;   // there is a job, or the end
  std::condition_variable ready_;  // one is done
  std::deque<std::shared_ptr<Job>> jobs_ AUSPEX_GUARDED_BY(mutex_);
  std::size_t waiting_ AUSPEX_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace auspex::risk
