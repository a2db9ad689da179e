#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "auspex/api/http.h"

namespace auspex::api {

// `Idempotency-Key` on POST: the same key with the same call gives the first answer again; with
// another call it is a 422. Remembers the last 1,000 keys of this process; server errors (5xx) are
// not remembered. Thread-safe.
class Idempotency {
 public:
  // `handler` with that behaviour.
  [[nodiscard]] static Handler Wrap(std::shared_ptr<Idempotency> memory, Handler handler);

 private:
  struct Remembered {
    std::string call;  // path and body
    HttpReply reply;
  };
  HttpReply Answer(const HttpCall& call, const Handler& handler);
  std::mutex mutex_;  // held over the handler too: a key that is repeated at once must wait for the
                      // first answer
  std::map<std::string, Remembered, std::less<>> answers_;
  std::deque<std::string> order_;
};

}  // namespace auspex::api
