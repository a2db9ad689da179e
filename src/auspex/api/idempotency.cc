#include "auspex/api/idempotency.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "auspex/api/problem.h"

namespace auspex::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kKept = std::chrono::hours(24);
constexpr std::size_t kLongestKey = 255;

bool IsKey(std::string_view key) {
  return !key.empty() && key.size() <= kLongestKey &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string ToText(const HttpReply& reply) {
  Json headers = Json::array();
  for (const auto& [name, value] : reply.headers) headers.push_back({name, value});
  const Json kept{{"status", reply.status},
                  {"content_type", reply.content_type},
                  {"headers", headers},
                  {"body", reply.body}};
  return kept.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<HttpReply> FromText(std::string_view text) {
  const Json kept = Json::parse(text, nullptr, false);
  if (!kept.is_object()) return std::nullopt;
  HttpReply reply;
  reply.status = kept.value("status", 0);
  reply.content_type = kept.value("content_type", "");
  reply.body = kept.value("body", "");
  for (const Json& header : kept.value("headers", Json::array())) {
    reply.headers.emplace_back(header.at(0), header.at(1));
  }
  reply.headers.emplace_back("Idempotency-Replayed", "true");
  return reply;
}

HttpReply Again(const storage::KeyedCall& claim, const storage::KeptAnswer& kept) {
  if (kept.call != claim.call) {
    return Problem(422, "this Idempotency-Key was used for another call; take a new one");
  }
  if (kept.answer.empty()) {
    return Problem(409,
                   "the daemon ended while it carried out the call with this Idempotency-Key, and "
                   "nobody knows what it did: look at the deployment, then take a new key");
  }
  return FromText(kept.answer).value_or(Problem(500, "the answer kept for this key is damaged"));
}

HttpReply UnderWay() {
  HttpReply refusal = Problem(409, "a call with this Idempotency-Key is under way; ask again");
  refusal.headers.emplace_back("Retry-After", "1");
  return refusal;
}

}  // namespace

Handler Idempotency::Wrap(Handler handler) {
  return [self = shared_from_this(), handler = std::move(handler)](const HttpCall& call) {
    return call.Header("Idempotency-Key") ? self->Answer(call, handler) : handler(call);
  };
}

HttpReply Idempotency::Answer(const HttpCall& call, const Handler& handler) {
  const std::string key(*call.Header("Idempotency-Key"));
  if (!IsKey(key) || call.headers.count("Idempotency-Key") > 1) {
    return Problem(400, "Idempotency-Key: once, 1 to 255 printable characters without a space");
  }
  const storage::KeyedCall claim{
      .caller = call.caller.name,
      .key = key,
      .call = HashSha256(fmt::format("{} {}\n{}", call.method, call.path, call.body))};
  const Key id(claim.caller, claim.key);
  {
    const MutexLock lock(mutex_);
    if (!running_.insert(id).second) return UnderWay();
  }
  // Also where the handler throws.
  const auto done = [this, &id](void*) {
    const MutexLock lock(mutex_);
    running_.erase(id);
  };
  const std::unique_ptr<void, decltype(done)> guard(this, done);
  return AnswerOnce(claim, call, handler);
}

HttpReply Idempotency::AnswerOnce(const storage::KeyedCall& claim, const HttpCall& call,
                                  const Handler& handler) {
  const WallTime now = clock_->Wall();
  const auto before = ledger_->ClaimKey(claim, now, now - kKept);
  if (!before.ok()) return ProblemFrom(before.error());
  if (*before) return Again(claim, **before);
  HttpReply reply = handler(call);
  Keep(claim, reply);
  return reply;
}

void Idempotency::Keep(const storage::KeyedCall& claim, const HttpReply& reply) {
  const std::string answer = reply.status >= 500 ? "" : ToText(reply);
  const Status kept = ledger_->KeepAnswer(claim.caller, claim.key, answer);
  // The caller gets its answer; one who repeats the call is told that its end is not known.
  if (!kept.ok()) log_->Warn("keyed_answer_not_kept", {{"error", kept.error().message}});
}

}  // namespace auspex::api
