#pragma once

#include <memory>
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

// `Idempotency-Key` on POST. The key is taken in the ledger before the handler runs, and its answer
// kept there afterwards, so that a call is carried out at most once, also over a restart:
//   - the same key with the same call gives the first answer again, with `Idempotency-Replayed:
//     true`, for 24 h (the last 100,000 keys);
//   - with another path or body: 422;
//   - while the first is still under way: 409 with Retry-After. It does not wait, for a worker that
//     waits is one that answers nobody;
//   - where the daemon ended in the middle of the first: 409, for nobody knows what it did.
// An answer from 500 up gives the key back. It changed nothing that lasts, but for one: a 503 that
// says "this may yet take effect" (the disk took more than ten seconds): look before you repeat
// that one. Each token has keys of its own. Thread-safe; no lock is held while a handler runs.
class Idempotency : public std::enable_shared_from_this<Idempotency> {
 public:
  // All outlive it.
  Idempotency(storage::Ledger* ledger, const Clock* clock, const Logger* log)
      : ledger_(ledger), clock_(clock), log_(log) {}

  // `handler` with that behaviour. Calls without a key go straight on.
  [[nodiscard]] Handler Wrap(Handler handler);

 private:
  using Key = std::pair<std::string, std::string>;  // caller, key
  HttpReply Answer(const HttpCall& call, const Handler& handler);
  HttpReply AnswerOnce(const storage::KeyedCall& claim, const HttpCall& call,
                       const Handler& handler);
  void Keep(const storage::KeyedCall& claim, const HttpReply& reply);

  storage::Ledger* ledger_;
  const Clock* clock_;
  const Logger* log_;
  Mutex mutex_;
  std::set<Key> running_ AUSPEX_GUARDED_BY(mutex_);
};

}  // namespace auspex::api
