#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"

namespace auspex::rollout {

// A few threads for calls that may wait (routers, metrics servers). Thread-safe.
class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t most_queued);
  // Ends once what runs has ended; what is queued is dropped.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when the queue is full: the job is not taken.
  bool Submit(std::function<void()> job);

 private:
  void Run();
  const std::size_t most_queued_;
  Mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_ AUSPEX_GUARDED_BY(mutex_);
  bool stopping_ AUSPEX_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace auspex::rollout
