#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/config.h"
#include "auspex/base/random.h"
#include "auspex/base/result.h"

namespace auspex {

struct HttpRequest {
  std::string method = "GET";
  std::string url = {};  // http or https
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  Duration timeout = 10s;                 // of the whole exchange
  std::size_t max_body_bytes = 16 << 20;  // of the answer
  Secret bearer = {};                     // sent as `Authorization: Bearer`, where not empty
  std::string ca_file = {};               // empty: the system's
  Duration connect_timeout = 5s;  // of name look-up, connection and TLS; never above `timeout`
  bool verify_peer = true;        // false: any certificate will do
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers = {};  // names in lower case
  std::string body = {};
  [[nodiscard]] std::string Header(std::string_view lower_case_name) const;  // empty where absent
};

// Over libcurl. Follows no redirects. Errors: kInvalidArgument (the URL, the method or a header; an
// answer longer than allowed, which asking again would not shorten); kUnavailable (no connection,
// timeout, TLS, an answer that is cut or not HTTP), with host, port and what went wrong, never a
// secret. Any status is an answer, not an error. A proxy of the environment is used, but not for
// this machine's own addresses. A body goes without a Content-Type unless `headers` has one.
// Thread-safe.
Result<HttpResponse> SendHttp(const HttpRequest& request);

// How to ask again. `clock`, `random` and `sleep` outlive the call.
struct RetryPlan {
  MonotonicTime deadline = {};  // of everything together
  int attempts = 5;             // >= 1
  Duration first_wait = 100ms;  // doubles each time
  Duration longest_wait = 5s;   // Retry-After may ask for more
  const Clock* clock = nullptr;
  Random* random = nullptr;  // jitter: each wait is drawn from [1/2, 1] of its length, so that
                             // callers do not march in step
  std::function<void(Duration)> sleep = {};
};
using HttpSend = std::function<Result<HttpResponse>(const HttpRequest&)>;

// Sends until the answer is neither kUnavailable nor 429, 502, 503 or 504, the attempts are spent,
// or the next wait would reach the deadline; then gives the last answer. Waits at least what
// Retry-After (seconds or a date) says. `request.timeout` is cut to the time left. Only for
// requests that are safe to repeat. Error besides those of `send`: kUnavailable when no time is
// left.
Result<HttpResponse> SendWithRetry(const HttpSend& send, HttpRequest request,
                                   const RetryPlan& plan);

// For URLs and forms: all but letters, digits, '-', '_', '.' and '~' as %XX (RFC 3986, 2.3).
[[nodiscard]] std::string PercentEncode(std::string_view text);

}  // namespace auspex
