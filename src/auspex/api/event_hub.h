#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/mutex.h"
#include "auspex/base/result.h"
#include "auspex/base/thread_annotations.h"

namespace auspex::api {

struct HttpCall;
struct HttpReply;

// What a reader takes in one go: server-sent events as text, ready to be written.
struct EventBatch {
  enum class State {
    kOpen,
    kTooSlow,  // the reader fell behind by more than the bound; it is to come back with its last id
    kClosed,   // by Close() on either side
  };
  State state = State::kOpen;
  std::string text;  // empty: nothing new, or not kOpen
};

// One reader's end. Copies share the one reader; when the last is gone, so is the reader.
// Thread-safe.
class EventSubscription {
 public:
  // At most about 64 KiB, in order.
  [[nodiscard]] EventBatch Take() const;
  [[nodiscard]] EventBatch::State state() const;
  // `wake` runs when there is something to take again, or the state changed; now, where it is so
  // already. It runs on the publisher's thread under a lock: it may post, and must not call back.
  void OnReady(std::function<void()> wake) const;
  // After it returns, `wake` is neither running nor will run.
  void Close() const;

 private:
  friend class EventHub;
  struct Queue;
  explicit EventSubscription(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}
  std::shared_ptr<Queue> queue_;
};

struct EventHubOptions {
  // The id of the first event. Ids must go on growing over restarts, so that a reader's last id
  // means the same to the next process: the ledger's last sequence + 1 where each event is one of
  // its records, else FirstEventId(). Ids are sent as decimal numbers, below 2^53 for JavaScript.
  std::uint64_t first_id = 1;                 // at least 1
  std::size_t kept = 4096;                    // events, for readers that come back
  std::size_t kept_bytes = 16 * 1024 * 1024;  // of their text: the older ones go first
  std::size_t queue = 256;                    // events a reader may be behind
  std::size_t readers = 500;
  // Of one token, so that one that forgets to close its streams leaves some for the others; 0: a
  // quarter of `readers`. Without tokens callers cannot be told apart, and only `readers` bounds.
  std::size_t readers_of_token = 0;
};

// Microseconds since 1970: greater than any id of an earlier start, as long as there were fewer
// than a million events a second and nobody set the clock back. (A reader with a greater id gets a
// `reset`.)
[[nodiscard]] std::uint64_t FirstEventId(WallTime now);

// Carries events to readers of `GET /events`. Never waits for a reader. Thread-safe.
class EventHub {
 public:
  explicit EventHub(EventHubOptions options = {});
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  // Returns the event's id, the one before + 1. `type`: a word ("decision"; `reset` is the hub's
  // own). `deployment`: "" where it belongs to none. `data`: JSON.
  std::uint64_t Publish(std::string_view type, std::string_view deployment, std::string_view data);

  // `deployment`: only its events (those of none are left out); "" for all. `after`: the last id
  // that the reader saw; first come the events since. Where they are not all kept any more, or the
  // id is not of this hub, first comes an event `reset`: read the state again, what follows is
  // newer. `token`: the name of the reader's; "" where there is none. Errors: kUnavailable with
  // `readers` readers already, and after Close(); kConflict where its token has as many as it may.
  Result<EventSubscription> Subscribe(std::string_view deployment,
                                      std::optional<std::uint64_t> after,
                                      std::string_view token = {});

  [[nodiscard]] std::size_t readers() const;
  // Ends all readers; Publish() then goes nowhere.
  void Close();

 private:
  struct Kept {
    std::uint64_t id;
    std::string deployment;
    std::shared_ptr<const std::string> text;
  };
  void Keep(Kept event) AUSPEX_REQUIRES(mutex_);
  void DropEnded() const AUSPEX_REQUIRES(mutex_);
  [[nodiscard]] Status CheckRoom(std::string_view token) const AUSPEX_REQUIRES(mutex_);
  [[nodiscard]] bool CanResume(std::uint64_t after) const AUSPEX_REQUIRES(mutex_);

  const EventHubOptions options_;
  mutable Mutex mutex_;
  bool closed_ AUSPEX_GUARDED_BY(mutex_) = false;
  std::uint64_t next_id_ AUSPEX_GUARDED_BY(mutex_);
  std::deque<Kept> kept_ AUSPEX_GUARDED_BY(mutex_);
  std::size_t kept_bytes_ AUSPEX_GUARDED_BY(mutex_) = 0;
  mutable std::vector<std::weak_ptr<EventSubscription::Queue>> readers_ AUSPEX_GUARDED_BY(mutex_);
};

// The handler of `GET /events`: `Last-Event-ID` (or `?last_event_id=`; the header, which a browser
// keeps up to date, wins) and `?deployment=`. Problems: 400 for a name that no deployment can have;
// 503 with Retry-After where the hub is full, 429 with it where the caller's token has its share.
// The call's server writes the stream.
[[nodiscard]] HttpReply ServeEvents(EventHub& hub, const HttpCall& call);

}  // namespace auspex::api
