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

HttpReply Repeated(HttpReply reply) {
  reply.headers.emplace_back("Idempotency-Replayed", "true");
  return reply;
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
  return Repeated(std::move(reply));
}

// Nothing: the call was begun and took no effect, so it may be carried out.
std::optional<HttpReply> Again(const storage::KeyedCall& claim, const storage::KeptAnswer& kept,
                               const Idempotency::EffectReply& effect) {
  if (kept.call != claim.call) {
    return Problem(422, "this Idempotency-Key was used for another call; take a new one");
  }
  if (!kept.answer.empty()) {
    return FromText(kept.answer).value_or(Problem(500, "the answer kept for this key is damaged"));
  }
  if (!kept.effect) return std::nullopt;
  if (!kept.effect->empty()) return Repeated(effect(*kept.effect));
  return Problem(409,
                 "an older daemon ended while it carried out the call with this Idempotency-Key, "
                 "and nobody knows what it did: look at the deployment, then take a new key");
}

// All that must be the same when a call is repeated.
std::string WholeCall(const HttpCall& call) {
  std::string query;
  for (const auto& [name, value] : call.query)
    query += fmt::format("{}{}={}", query.empty() ? '?' : '&', name, value);
  return fmt::format("{} {}{}\n{}", call.method, call.path, query, call.body);
}

HttpReply UnderWay() {
  HttpReply refusal = Problem(409, "a call with this Idempotency-Key is under way; ask again");
  refusal.headers.emplace_back("Retry-After", "1");
  return refusal;
}

}  // namespace

Handler Idempotency::Wrap(KeyedHandler handler, EffectReply effect) {
  return [self = shared_from_this(),
          way = Way{std::move(handler), std::move(effect)}](const HttpCall& call) {
    return call.Header("Idempotency-Key") ? self->Answer(call, way)
                                          : way.handler(call, std::nullopt);
  };
}

HttpReply Idempotency::Answer(const HttpCall& call, const Way& way) {
  const std::string key(*call.Header("Idempotency-Key"));
  if (!IsKey(key) || call.headers.count("Idempotency-Key") > 1) {
    return Problem(400, "Idempotency-Key: once, 1 to 255 printable characters without a space");
  }
  const storage::KeyedCall claim{
      .caller = call.caller.name, .key = key, .call = HashSha256(WholeCall(call))};
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
  return AnswerOnce(claim, call, way);
}

HttpReply Idempotency::AnswerOnce(const storage::KeyedCall& claim, const HttpCall& call,
                                  const Way& way) {
  const WallTime now = clock_->Wall();
  const auto before = ledger_->ClaimKey(claim, now, now - kKept);
  if (!before.ok()) return ProblemFrom(before.error());
  if (*before) {
    if (auto known = Again(claim, **before, way.effect)) return *std::move(known);
  }
  HttpReply reply = way.handler(call, claim);
  if (reply.status >= 400) {
    if (auto effect = TookEffect(claim, way)) reply = *std::move(effect);
  }
  Keep(claim, reply);
  return reply;
}

std::optional<HttpReply> Idempotency::TookEffect(const storage::KeyedCall& claim,
                                                 const Way& way) const {
  const WallTime now = clock_->Wall();
  const auto kept = ledger_->ClaimKey(claim, now, now - kKept);
  if (!kept.ok() || !*kept || (*kept)->call != claim.call) return std::nullopt;
  const auto& deployment = (*kept)->effect;
  if (!deployment || deployment->empty()) return std::nullopt;
  return Repeated(way.effect(*deployment));
}

void Idempotency::Keep(const storage::KeyedCall& claim, const HttpReply& reply) {
  const std::string answer = reply.status >= 500 ? "" : ToText(reply);
  const Status kept = ledger_->KeepAnswer(claim.caller, claim.key, answer);
  // The caller gets its answer; one who repeats the call is told that its end is not known.
  if (!kept.ok()) log_->Warn("keyed_answer_not_kept", {{"error", kept.error().message}});
}

}  // namespace auspex::api
