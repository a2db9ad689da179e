#include "lab/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace auspex::lab {
namespace {

constexpr int kEventsPerTurn = 512;
// With no timer set the loop still looks up now and then; nothing depends on it.
constexpr Duration kLongestWait = 1s;
// Descriptor numbers are small (the process limit), so a slot for each is cheap.
constexpr int kMaxFd = 1 << 20;

std::uint64_t Tag(int fd, std::uint32_t generation) {
  return std::uint64_t{generation} << 32U | static_cast<std::uint32_t>(fd);
}

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::Create() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return FailErrno("an epoll set");
  Fd wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return FailErrno("an eventfd");
  const int wake_fd = wake.get();
  std::unique_ptr<EventLoop> loop(new EventLoop(std::move(epoll), std::move(wake)));
  AUSPEX_TRY(loop->Watch(wake_fd, EPOLLIN, [](std::uint32_t) {}));
  return loop;
}

EventLoop::EventLoop(Fd epoll, Fd wake) : epoll_(std::move(epoll)), wake_(std::move(wake)) {}

Status EventLoop::Watch(int fd, std::uint32_t events, FdHandler handler) {
  if (fd < 0 || fd >= kMaxFd)
    return Fail(ErrorCode::kUnavailable, "descriptor {} is out of range", fd);
  const auto index = static_cast<std::size_t>(fd);
  if (index >= watched_.size()) watched_.resize(index + 1);
  Watched& watched = watched_[index];
  if (watched.handler) return Fail(ErrorCode::kConflict, "descriptor {} is watched already", fd);
  epoll_event event{};
  event.events = events;
  event.data.u64 = Tag(fd, watched.generation);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return FailErrno("watch a descriptor");
  watched.handler = std::make_unique<FdHandler>(std::move(handler));
  return {};
}

Status EventLoop::Change(int fd, std::uint32_t events) {
  const auto index = static_cast<std::size_t>(fd);
  if (fd < 0 || index >= watched_.size() || !watched_[index].handler) {
    return Fail(ErrorCode::kNotFound, "descriptor {} is not watched", fd);
  }
  epoll_event event{};
  event.events = events;
  event.data.u64 = Tag(fd, watched_[index].generation);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) return FailErrno("change a watch");
  return {};
}

void EventLoop::Unwatch(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (fd < 0 || index >= watched_.size() || !watched_[index].handler) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  retired_.push_back(std::move(watched_[index].handler));
  // An event of this turn still in hand names the old generation and is passed over.
  ++watched_[index].generation;
}

Result<EventLoop::TimerId> EventLoop::At(MonotonicTime when, TimerHandler handler) {
  if (heap_.size() >= kMaxTimers)
    return Fail(ErrorCode::kUnavailable, "{} timers are set", kMaxTimers);
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].handler = std::move(handler);
  const TimerId id{slot, slots_[slot].generation};
  heap_.push_back({when, timers_set_++, id});
  std::push_heap(heap_.begin(), heap_.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.when, a.order) > std::pair(b.when, b.order);
  });
  return id;
}

void EventLoop::Cancel(TimerId id) {
  if (id.generation == 0 || id.slot >= slots_.size()) return;
  if (slots_[id.slot].generation == id.generation) Free(id.slot);
}

void EventLoop::Free(std::uint32_t slot) {
  slots_[slot].handler = nullptr;
  if (++slots_[slot].generation == 0) slots_[slot].generation = 1;
  free_slots_.push_back(slot);
}

Status EventLoop::Run() {
  std::array<epoll_event, kEventsPerTurn> events{};
  while (!stopping_.load(std::memory_order_acquire)) {
    int count = 0;
    AUSPEX_TRY(Wait(events.data(), &count));
    for (int i = 0; i < count; ++i) Dispatch(events[static_cast<std::size_t>(i)]);
    FireTimers();
    retired_.clear();
  }
  return {};
}

// Fine waits matter: rounding up to whole milliseconds would add half a one to every latency.
Status EventLoop::Wait(epoll_event* events, int* count) {
  const Duration wait = std::clamp<Duration>(UntilNextTimer(), 0ns, kLongestWait);
  int got = -1;
  if (fine_wait_) {
    const timespec limit{wait / 1s, (wait % 1s).count()};
    got = epoll_pwait2(epoll_.get(), events, kEventsPerTurn, &limit, nullptr);
    // EPERM: a container's seccomp filter that does not know the call.
    if (got < 0 && (errno == ENOSYS || errno == EPERM)) fine_wait_ = false;
  }
  if (!fine_wait_) {
    const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    got = epoll_wait(epoll_.get(), events, kEventsPerTurn, static_cast<int>(wait_ms));
  }
  if (got < 0 && errno != EINTR) return FailErrno("wait for events");
  *count = std::max(got, 0);
  return {};
}

Duration EventLoop::UntilNextTimer() const {
  return heap_.empty() ? kLongestWait : heap_.front().when - Now();
}

void EventLoop::Dispatch(const epoll_event& event) {
  const auto fd = static_cast<std::size_t>(event.data.u64 & 0xffff'ffffU);
  const auto generation = static_cast<std::uint32_t>(event.data.u64 >> 32U);
  if (watched_[fd].generation != generation || !watched_[fd].handler) return;
  // The handler's own address is stable, even where it grows or clears `watched_`.
  FdHandler& handler = *watched_[fd].handler;
  handler(event.events);
}

void EventLoop::FireTimers() {
  const auto later = [](const Entry& a, const Entry& b) {
    return std::pair(a.when, a.order) > std::pair(b.when, b.order);
  };
  const MonotonicTime now = Now();
  // A timer that its own handler sets again for now fires in the next turn, after the descriptors.
  const std::uint64_t first_new = timers_set_;
  while (!heap_.empty() && heap_.front().when <= now && heap_.front().order < first_new) {
    const TimerId id = heap_.front().id;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    heap_.pop_back();
    if (slots_[id.slot].generation != id.generation) continue;
    const TimerHandler handler = std::move(slots_[id.slot].handler);
    Free(id.slot);
    handler();
  }
}

void EventLoop::Stop() {
  stopping_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  // A full counter wakes the loop as well.
  [[maybe_unused]] const auto written = write(wake_.get(), &one, sizeof(one));
}

StopOnSignals::StopOnSignals(EventLoop& loop) : loop_(loop) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, &before_);
  fd_ = Fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd_.valid()) {
    status_ = FailErrno("a signalfd");
    return;
  }
  status_ = loop_.Watch(fd_.get(), EPOLLIN, [this](std::uint32_t) {
    signalfd_siginfo info{};
    // Taken, so that it is not pending when the mask is given back.
    [[maybe_unused]] const auto taken = read(fd_.get(), &info, sizeof(info));
    loop_.Stop();
  });
}

StopOnSignals::~StopOnSignals() {
  loop_.Unwatch(fd_.get());
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace auspex::lab
