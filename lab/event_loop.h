#pragma once

#include <signal.h>

struct epoll_event;

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "lab/posix.h"

namespace auspex::lab {

// One thread's epoll set and timers. Level-triggered. Everything but Stop() belongs to the thread
// that calls Run(); handlers run there and may watch, unwatch, set and cancel anything, themselves
// included.
class EventLoop {
 public:
  using FdHandler = std::function<void(std::uint32_t events)>;  // EPOLLIN | EPOLLOUT | …
  using TimerHandler = std::function<void()>;
  struct TimerId {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;  // 0 is no timer
  };
  // Far above what the lab needs at its greatest rate; a bound, not a target.
  static constexpr std::size_t kMaxTimers = 1U << 20U;

  // Error: kUnavailable (out of descriptors).
  static Result<std::unique_ptr<EventLoop>> Create();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Errors: kUnavailable (the system refuses), kConflict (watched already).
  Status Watch(int fd, std::uint32_t events, FdHandler handler);
  // Errors: kNotFound (not watched), kUnavailable.
  Status Change(int fd, std::uint32_t events);
  // Call before closing `fd`. Nothing where it is not watched.
  void Unwatch(int fd);

  // Fires once, not before `when`; equal times in the order they were set.
  // Error: kUnavailable at kMaxTimers.
  Result<TimerId> At(MonotonicTime when, TimerHandler handler);
  // Nothing where it has fired already.
  void Cancel(TimerId id);

  // Until Stop(), which may have come before. Error: kUnavailable (epoll fails).
  Status Run();
  // From any thread and any handler; Run() returns after the handlers of the present turn.
  void Stop();

  [[nodiscard]] static MonotonicTime Now() { return std::chrono::steady_clock::now(); }

 private:
  struct Watched {
    std::unique_ptr<FdHandler> handler;  // none: not watched
    std::uint32_t generation = 0;
  };
  struct Slot {
    TimerHandler handler;
    std::uint32_t generation = 1;
  };
  struct Entry {
    MonotonicTime when;
    std::uint64_t order;
    TimerId id;
  };

  EventLoop(Fd epoll, Fd wake);
  Status Wait(epoll_event* events, int* count);
  [[nodiscard]] Duration UntilNextTimer() const;
  void Dispatch(const epoll_event& event);
  void FireTimers();
  void Free(std::uint32_t slot);

  Fd epoll_;
  Fd wake_;
  bool fine_wait_ = true;         // epoll_pwait2 is there (Linux 5.11)
  std::vector<Watched> watched_;  // by descriptor
  // Handlers unwatched in this turn: one of them may be running.
  std::vector<std::unique_ptr<FdHandler>> retired_;
  std::vector<Entry> heap_;  // earliest first; cancelled entries are skipped when they come up
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::uint64_t timers_set_ = 0;
  std::atomic<bool> stopping_{false};
};

// While it lives, SIGTERM and SIGINT to this thread stop `loop` instead of ending the process.
// Make it before other threads start, or they get the signal. `loop` must outlive it.
class StopOnSignals {
 public:
  explicit StopOnSignals(EventLoop& loop);
  ~StopOnSignals();
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;

  // What went wrong while making it, if anything.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  EventLoop& loop_;
  sigset_t before_{};
  Fd fd_;
  Status status_;
};

}  // namespace auspex::lab
