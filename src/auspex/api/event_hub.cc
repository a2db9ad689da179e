#include "auspex/api/event_hub.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "auspex/api/http.h"
#include "auspex/api/problem.h"
#include "auspex/base/ids.h"

namespace auspex::api {
namespace {

constexpr std::size_t kBatchBytes = 64 * 1024;

// Line ends would start a field of their own: in a type they are dropped, in data each line is a
// field (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
std::string Render(std::uint64_t id, std::string_view type, std::string_view data) {
  std::string text = fmt::format("id: {}\nevent: ", id);
  std::copy_if(type.begin(), type.end(), std::back_inserter(text),
               [](char c) { return c != '\n' && c != '\r'; });
  text += "\ndata: ";
  for (const char c : data) {
    if (c == '\n') text += "\ndata: ";
    if (c != '\n' && c != '\r') text += c;
  }
  return text + "\n\n";
}

EventHubOptions WithShare(EventHubOptions options) {
  if (options.readers_of_token == 0)
    options.readers_of_token = std::max<std::size_t>(1, options.readers / 4);
  return options;
}

// Sets the browser's pause before it comes back, and its last id before the first event.
std::string Preamble(std::uint64_t id) { return fmt::format("retry: 2000\nid: {}\n\n", id); }

}  // namespace

struct EventSubscription::Queue {
  Mutex mutex;
  EventBatch::State state AUSPEX_GUARDED_BY(mutex) = EventBatch::State::kOpen;
  std::deque<std::shared_ptr<const std::string>> waiting AUSPEX_GUARDED_BY(mutex);
  // How many of `waiting` were there at the start: what a reader missed does not make it slow.
  std::size_t backlog AUSPEX_GUARDED_BY(mutex) = 0;
  std::function<void()> wake AUSPEX_GUARDED_BY(mutex);
  std::string deployment;  // constant
  std::string token;       // constant
  std::size_t bound = 0;   // constant

  void Push(const std::shared_ptr<const std::string>& text) {
    const MutexLock lock(mutex);
    if (state != EventBatch::State::kOpen) return;
    if (waiting.size() - backlog >= bound) return End(EventBatch::State::kTooSlow);
    waiting.push_back(text);
    if (waiting.size() == 1 && wake) wake();
  }

  // For its reader alone.
  void Add(std::string text) AUSPEX_REQUIRES(mutex) {
    waiting.push_back(std::make_shared<const std::string>(std::move(text)));
  }

  void End(EventBatch::State end) AUSPEX_REQUIRES(mutex) {
    state = end;
    waiting.clear();
    backlog = 0;
    if (wake) wake();
  }

  bool IsOpen() {
    const MutexLock lock(mutex);
    return state == EventBatch::State::kOpen;
  }
};

EventBatch EventSubscription::Take() const {
  const MutexLock lock(queue_->mutex);
  EventBatch batch{queue_->state, {}};
  while (!queue_->waiting.empty() && batch.text.size() < kBatchBytes) {
    batch.text += *queue_->waiting.front();
    queue_->waiting.pop_front();
    if (queue_->backlog > 0) --queue_->backlog;
  }
  return batch;
}

EventBatch::State EventSubscription::state() const {
  const MutexLock lock(queue_->mutex);
  return queue_->state;
}

void EventSubscription::OnReady(std::function<void()> wake) const {
  const MutexLock lock(queue_->mutex);
  queue_->wake = std::move(wake);
  const bool ready = !queue_->waiting.empty() || queue_->state != EventBatch::State::kOpen;
  if (ready && queue_->wake) queue_->wake();
}

void EventSubscription::Close() const {
  const MutexLock lock(queue_->mutex);
  queue_->wake = nullptr;
  if (queue_->state == EventBatch::State::kOpen) queue_->End(EventBatch::State::kClosed);
}

std::uint64_t FirstEventId(WallTime now) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(1, MicrosSinceEpoch(now)));
}

EventHub::EventHub(EventHubOptions options)
    : options_(WithShare(options)), next_id_(std::max<std::uint64_t>(1, options.first_id)) {}

EventHub::~EventHub() { Close(); }

std::uint64_t EventHub::Publish(std::string_view type, std::string_view deployment,
                                std::string_view data) {
  // Held throughout, so that every reader gets the events in the order of their ids.
  const MutexLock lock(mutex_);
  const std::uint64_t id = next_id_++;
  if (closed_) return id;
  const auto text = std::make_shared<const std::string>(Render(id, type, data));
  for (const auto& reader : readers_) {
    const auto queue = reader.lock();
    if (queue && (queue->deployment.empty() || queue->deployment == deployment)) queue->Push(text);
  }
  DropEnded();
  Keep({id, std::string(deployment), text});
  return id;
}

void EventHub::Keep(Kept event) {
  kept_bytes_ += event.text->size();
  kept_.push_back(std::move(event));
  while (kept_.size() > options_.kept || kept_bytes_ > options_.kept_bytes) {
    kept_bytes_ -= kept_.front().text->size();
    kept_.pop_front();
    if (kept_.empty()) return;
  }
}

void EventHub::DropEnded() const {
  std::erase_if(readers_, [](const auto& reader) {
    const auto queue = reader.lock();
    return !queue || !queue->IsOpen();
  });
}

bool EventHub::CanResume(std::uint64_t after) const {
  const std::uint64_t oldest = kept_.empty() ? next_id_ : kept_.front().id;
  return after < next_id_ && after + 1 >= oldest;
}

Status EventHub::CheckRoom(std::string_view token) const {
  if (closed_) return Fail(ErrorCode::kUnavailable, "the server is stopping");
  if (readers_.size() >= options_.readers) {
    return Fail(ErrorCode::kUnavailable, "all {} streams of events are taken; close one, or retry",
                options_.readers);
  }
  if (token.empty()) return {};
  const auto of_token = std::count_if(readers_.begin(), readers_.end(), [&](const auto& reader) {
    const auto queue = reader.lock();
    return queue && queue->token == token;
  });
  if (static_cast<std::size_t>(of_token) < options_.readers_of_token) return {};
  return Fail(ErrorCode::kConflict,
              "the token '{}' has {} streams of events open, as many as one token may: close some, "
              "read several deployments over one, or give each program a token of its own",
              token, of_token);
}

Result<EventSubscription> EventHub::Subscribe(std::string_view deployment,
                                              std::optional<std::uint64_t> after,
                                              std::string_view token) {
  const MutexLock lock(mutex_);
  DropEnded();
  AUSPEX_TRY(CheckRoom(token));
  const auto queue = std::make_shared<EventSubscription::Queue>();
  queue->deployment = std::string(deployment);
  queue->token = std::string(token);
  queue->bound = options_.queue;
  const MutexLock queue_lock(queue->mutex);
  const std::uint64_t newest = next_id_ - 1;
  const bool resumes = after && CanResume(*after);
  queue->Add(Preamble(resumes ? *after : newest));
  if (after && !resumes) queue->Add(Render(newest, "reset", R"({"reason":"events were missed"})"));
  for (const Kept& event : kept_) {
    const bool matches = deployment.empty() || event.deployment == deployment;
    if (resumes && event.id > *after && matches) queue->waiting.push_back(event.text);
  }
  queue->backlog = queue->waiting.size();
  readers_.push_back(queue);
  return EventSubscription(queue);
}

std::size_t EventHub::readers() const {
  const MutexLock lock(mutex_);
  DropEnded();
  return readers_.size();
}

void EventHub::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  for (const auto& reader : readers_) {
    const auto queue = reader.lock();
    if (!queue) continue;
    const MutexLock queue_lock(queue->mutex);
    if (queue->state == EventBatch::State::kOpen) queue->End(EventBatch::State::kClosed);
  }
  readers_.clear();
}

HttpReply ServeEvents(EventHub& hub, const HttpCall& call) {
  const std::string_view deployment = call.QueryValue("deployment").value_or("");
  if (!deployment.empty()) {
    const auto id = DeploymentId::Parse(deployment);
    if (!id.ok()) return ProblemFrom(id.error());
  }
  std::string_view last = call.Header("Last-Event-ID").value_or("");
  if (last.empty()) last = call.QueryValue("last_event_id").value_or("");
  std::optional<std::uint64_t> after;
  if (!last.empty()) {
    // One that is no number was never ours; no hub has given the greatest number, so it resets.
    std::uint64_t id = 0;
    const auto [end, failed] = std::from_chars(last.data(), last.data() + last.size(), id);
    after = failed == std::errc() && end == last.data() + last.size() ? id : ~std::uint64_t{0};
  }
  auto subscription = hub.Subscribe(deployment, after, call.caller.name);
  if (!subscription.ok()) {
    const bool share = subscription.error().code == ErrorCode::kConflict;
    HttpReply refusal =
        share ? Problem(429, subscription.error().message) : ProblemFrom(subscription.error());
    refusal.headers.emplace_back("Retry-After", "5");
    return refusal;
  }
  HttpReply reply;
  reply.content_type = "text/event-stream";
  reply.headers.emplace_back("X-Accel-Buffering", "no");  // nginx in front passes events at once
  reply.events = *std::move(subscription);
  return reply;
}

}  // namespace auspex::api
