#include "auspex/api/idempotency.h"

#include "auspex/api/problem.h"

namespace auspex::api {
namespace {

constexpr std::size_t kKept = 1000;
constexpr std::size_t kLongestKey = 255;

}  // namespace

Handler Idempotency::Wrap(std::shared_ptr<Idempotency> memory, Handler handler) {
  return [memory = std::move(memory), handler = std::move(handler)](const HttpCall& call) {
    return call.Header("Idempotency-Key") ? memory->Answer(call, handler) : handler(call);
  };
}

HttpReply Idempotency::Answer(const HttpCall& call, const Handler& handler) {
  const std::string key(*call.Header("Idempotency-Key"));
  if (key.empty() || key.size() > kLongestKey)
    return Problem(400, "Idempotency-Key: 1 to 255 characters");
  const std::string what = call.path + "\n" + call.body;
  const std::lock_guard lock(mutex_);
  const auto found = answers_.find(key);
  if (found != answers_.end()) {
    if (found->second.call == what) return found->second.reply;
    return Problem(422, "this Idempotency-Key was used for another call; take a new one");
  }
  HttpReply reply = handler(call);
  if (reply.status >= 500) return reply;
  answers_[key] = {.call = what, .reply = reply};
  order_.push_back(key);
  if (order_.size() > kKept) {
    answers_.erase(order_.front());
    order_.pop_front();
  }
  return reply;
}

}  // namespace auspex::api
