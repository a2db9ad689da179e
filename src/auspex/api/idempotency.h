#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "auspex/api/http.h"
#include "auspex/base/clock.h"
#include "auspex/base/log.h"
#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/storage/ledger.h"

namespace auspex::api {

// `Idempotency-Key` on POST. The key is taken in the ledger before the handler runs, what the call
// does is stored there in one transaction with the key, and its answer is kept afterwards, so that
// a call takes effect at most once, also over a daemon that is killed in the middle:
//   - the same key with the same call gives the first answer again, with `Idempotency-Replayed:
//     true`, for 24 h (the last 100,000 keys);
//   - with another path or body: 422;
//   - while the first is still under way: 409 with Retry-After. It does not wait, for a worker that
//     waits is one that answers nobody;
//   - where the first took effect and its answer was lost (the daemon was killed, or answered 503
//     "this may yet take effect"): the deployment as it is now, also as a repeated answer;
//   - where it took none: it is carried out.
// An answer from 500 up gives the key back, unless the call took effect after all. Each token has
// keys of its own. Thread-safe; no lock is held while a handler runs.
class Idempotency : public std::enable_shared_from_this<Idempotency> {
 public:
  // Carries a call out. `call`: to be stored in the transaction that stores what it does; nullopt
  // where it has no key.
  using KeyedHandler =
      std::function<HttpReply(const HttpCall&, const std::optional<storage::KeyedCall>& call)>;
  // The answer to a call that took effect on a deployment, made anew.
  using EffectReply = std::function<HttpReply(const std::string& deployment)>;

  // All outlive it.
  Idempotency(storage::Ledger* ledger, const Clock* clock, const Logger* log)
      : ledger_(ledger), clock_(clock), log_(log) {}

  // `handler` with that behaviour. Calls without a key go straight on.
  [[nodiscard]] Handler Wrap(KeyedHandler handler, EffectReply effect);

 private:
  using Key = std::pair<std::string, std::string>;  // caller, key
  struct Way {
    KeyedHandler handler;
    EffectReply effect;
  };
  HttpReply Answer(const HttpCall& call, const Way& way);
  HttpReply AnswerOnce(const storage::KeyedCall& claim, const HttpCall& call, const Way& way);
  // Of a call that was refused: an earlier one with its key may have taken effect, or it did so
  // itself after its answer was given up.
  [[nodiscard]] std::optional<HttpReply> TookEffect(const storage::KeyedCall& claim,
                                                    const Way& way) const;
  void Keep(const storage::KeyedCall& claim, const HttpReply& reply);

  storage::Ledger* ledger_;
  const Clock* clock_;
  const Logger* log_;
  Mutex mutex_;
  std::set<Key> running_ AUSPEX_GUARDED_BY(mutex_);
};

}  // namespace auspex::api
