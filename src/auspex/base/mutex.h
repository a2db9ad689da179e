#pragma once

#include <mutex>

#include "auspex/base/thread_annotations.h"

namespace auspex {

class MutexLock;

// std::mutex with the marks that clang's -Wthread-safety reads; those of libstdc++ have none. A
// member that is AUSPEX_GUARDED_BY(mutex_) can then be touched only where mutex_ is held.
//
//   MutexLock lock(mutex_);
//   changed_.wait(lock.native(), [this]() AUSPEX_REQUIRES(mutex_) { return count_ > 0; });
//
//   Mutex mutex_;
//   std::condition_variable changed_;
//   int count_ AUSPEX_GUARDED_BY(mutex_) = 0;
class AUSPEX_CAPABILITY("mutex") Mutex {
 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds a Mutex for its own life, save between Unlock() and Lock().
class AUSPEX_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) AUSPEX_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  ~MutexLock() AUSPEX_RELEASE() = default;
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() AUSPEX_RELEASE() { lock_.unlock(); }
  void Lock() AUSPEX_ACQUIRE() { lock_.lock(); }
  // For std::condition_variable, whose waits end with the mutex held.
  [[nodiscard]] std::unique_lock<std::mutex>& native() { return lock_; }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace auspex
