#include "auspex/alert/sender.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>
#include <utility>

#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"

namespace auspex::alert {

// One channel: its queue and its thread.
class AlertSender::Lane {
 public:
  Lane(std::unique_ptr<Channel> channel, const Options& options, const Logger* log)
      : channel_(std::move(channel)), options_(options), log_(log), name_(channel_->Describe()) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Lane() { Join(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Its number among those that were added.
  std::uint64_t Add(const Alert& alert) {
    std::uint64_t number = 0;
    {
      const MutexLock lock(mutex_);
      if (stopping_) return 0;
      number = ++added_;
      queue_.push_back({number, alert});
      if (queue_.size() > options_.queue) {
        NoteDropped(queue_.front().alert, "the channel is behind, and its oldest alert makes room");
        queue_.pop_front();
      }
    }
    wake_.notify_all();
    return number;
  }
  // False where it still waits, or is under way, at `until`.
  bool WaitFor(std::uint64_t number, MonotonicTime until) {
    MutexLock lock(mutex_);
    return wake_.wait_until(lock.native(), until, [&]() AUSPEX_REQUIRES(mutex_) {
      const bool waits = !queue_.empty() && queue_.front().number <= number;
      return stopping_ || (!waits && sending_ != number);
    });
  }

  // Begins to end: the waits end now.
  void Stop() {
    {
      const MutexLock lock(mutex_);
      if (stopping_) return;
      stopping_ = true;
      last_moment_ = RealClock().Now() + options_.last_words;
    }
    wake_.notify_all();
  }
  void Join() {
    Stop();
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] Count CountNow() const {
    const MutexLock lock(mutex_);
    Count count = count_;
    count.channel = name_;
    count.waiting = static_cast<std::int64_t>(queue_.size()) + (sending_ != 0 ? 1 : 0);
    return count;
  }

 private:
  struct Waiting {
    std::uint64_t number = 0;  // from 1, in the order they were added
    Alert alert;
  };

  void Run() {
    while (true) {
      Alert alert;
      {
        MutexLock lock(mutex_);
        wake_.wait(lock.native(),
                   [this]() AUSPEX_REQUIRES(mutex_) { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        if (stopping_ && RealClock().Now() >= last_moment_) {
          for (const Waiting& left : queue_) NoteDropped(left.alert, "the daemon stops");
          queue_.clear();
          return;
        }
        alert = std::move(queue_.front().alert);
        sending_ = queue_.front().number;
        queue_.pop_front();
      }
      Deliver(alert);
    }
  }

  // Until it is taken, refused or late.
  void Deliver(const Alert& alert) {
    const MonotonicTime deadline = RealClock().Now() + options_.deadline;
    Duration wait = options_.first_wait;
    while (true) {
      const MonotonicTime now = RealClock().Now();
      const Status sent =
          channel_->Send(alert, std::min({now + options_.attempt, deadline, LastMoment()}));
      if (sent.ok()) return Note(alert, sent, true);
      const bool again = sent.error().code == ErrorCode::kUnavailable &&
                         RealClock().Now() + wait < std::min(deadline, LastMoment());
      if (!again || !Pause(wait)) return Note(alert, sent, false);
      wait = std::min(2 * wait, options_.longest_wait);
    }
  }

  // False where the end cut it short.
  bool Pause(Duration wait) {
    MutexLock lock(mutex_);
    return !wake_.wait_for(lock.native(), wait,
                           [this]() AUSPEX_REQUIRES(mutex_) { return stopping_; });
  }

  [[nodiscard]] MonotonicTime LastMoment() const {
    const MutexLock lock(mutex_);
    return stopping_ ? last_moment_ : MonotonicTime::max();
  }

  void Note(const Alert& alert, const Status& sent, bool good) {
    const MutexLock lock(mutex_);
    sending_ = 0;
    ++(good ? count_.sent : count_.failed);
    wake_.notify_all();
    if (good) {
      log_->Info("alert_sent", {{"channel", name_}, {"key", alert.key}});
    } else {
      log_->Error("alert_not_sent", {{"channel", name_},
                                     {"key", alert.key},
                                     {"summary", alert.summary},
                                     {"error", sent.error().message}});
    }
  }
  void NoteDropped(const Alert& alert, const char* why) AUSPEX_REQUIRES(mutex_) {
    ++count_.dropped;
    log_->Error("alert_dropped",
                {{"channel", name_}, {"key", alert.key}, {"summary", alert.summary}, {"why", why}});
  }

  const std::unique_ptr<Channel> channel_;
  const Options options_;
  const Logger* log_;
  const std::string name_;
  mutable Mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> queue_ AUSPEX_GUARDED_BY(mutex_);
  Count count_ AUSPEX_GUARDED_BY(mutex_);
  std::uint64_t added_ AUSPEX_GUARDED_BY(mutex_) = 0;
  std::uint64_t sending_ AUSPEX_GUARDED_BY(mutex_) = 0;  // not in the queue any more; 0: none
  bool stopping_ AUSPEX_GUARDED_BY(mutex_) = false;
  MonotonicTime last_moment_ AUSPEX_GUARDED_BY(mutex_) = MonotonicTime::max();
  std::thread thread_;
};

AlertSender::AlertSender(std::vector<std::unique_ptr<Channel>> channels, const Options& options,
                         const Logger* log) {
  for (std::unique_ptr<Channel>& channel : channels)
    lanes_.push_back(std::make_unique<Lane>(std::move(channel), options, log));
}

AlertSender::~AlertSender() {
  for (const auto& lane : lanes_) lane->Stop();  // all at once, not one after another
}

void AlertSender::Send(const Alert& alert) {
  for (const auto& lane : lanes_) lane->Add(alert);
}

bool AlertSender::SendAndWait(const Alert& alert, Duration limit) {
  const MonotonicTime until = RealClock().Now() + limit;
  std::vector<std::uint64_t> numbers;
  numbers.reserve(lanes_.size());
  for (const auto& lane : lanes_) numbers.push_back(lane->Add(alert));
  bool all = true;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    all = lanes_[i]->WaitFor(numbers[i], until) && all;
  return all;
}

std::vector<AlertSender::Count> AlertSender::Counts() const {
  std::vector<Count> counts;
  for (const auto& lane : lanes_) counts.push_back(lane->CountNow());
  return counts;
}

}  // namespace auspex::alert
