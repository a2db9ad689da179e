#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/config.h"
#include "auspex/base/result.h"

namespace auspex {

struct HttpRequest {
  std::string method = "GET";
  std::string url;                                            // http or https
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Duration timeout = 10s;                                     // of the whole exchange
  std::size_t max_body_bytes = 16 << 20;                      // of the answer
  Secret bearer;                                              // sent as `Authorization: Bearer`, where not empty
  std::string ca_file;                                        // empty: the system's
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;   // names in lower case
  std::string body;
  [[nodiscard]] std::string Header(std::string_view lower_case_name) const;  // empty where absent
};

// Over libcurl. Follows no redirects. Errors: kInvalidArgument (the URL; an answer longer than allowed); kUnavailable (no
// connection, timeout, TLS, an answer that is not HTTP), with host, port and what went wrong, never a secret. Any
// status is an answer, not an error. Thread-safe.
Result<HttpResponse> SendHttp(const HttpRequest& request);

// As SendHttp, but hands over the body as it comes until `take` returns false (then it ends well) or nothing comes for
// `request.timeout`. `take` sees only bodies of status 200; any other status is an error kUnavailable with the body's begin.
Status StreamHttp(const HttpRequest& request, const std::function<bool(std::string_view chunk)>& take);

}  // namespace auspex
