#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auspex/api/http.h"
#include "auspex/base/log.h"
#include "auspex/base/result.h"

namespace auspex::api {

// What is wrong with one part of the input. `pointer`: RFC 6901, "/weight"; "" is the whole
// document.
struct InputError {
  std::string pointer;
  std::string detail;
};

// Problem documents (RFC 9457), application/problem+json.

// A problem of HTTP itself: type about:blank, the title is the status in words. `status`: 400 to
// 599.
[[nodiscard]] HttpReply Problem(int status, std::string_view detail,
                                const std::vector<InputError>& errors = {});

// An Error as a problem: type "urn:auspex:problem:not-found" and so on, one for each ErrorCode.
//   kInvalidArgument 400, kPermissionDenied 403, kNotFound and kNoData 404, kConflict 409,
//   kUnavailable 503, kDataLoss and kInternal 500.
[[nodiscard]] HttpReply ProblemFrom(const Error& error, const std::vector<InputError>& errors = {});
[[nodiscard]] int StatusOf(ErrorCode code);

// 503 with Retry-After: what is full now may soon not be.
[[nodiscard]] HttpReply Busy(std::string_view detail);

// 401 with WWW-Authenticate.
[[nodiscard]] HttpReply AskForToken(std::string_view detail);

// `handler`, with a 500 for what it throws; the log says what that was, the answer does not.
[[nodiscard]] Handler CatchExceptions(Handler handler, Logger log);

// "Not Found" for 404 (RFC 9110 §15); "Unknown" for a status that is none of ours.
[[nodiscard]] std::string_view ReasonPhrase(int status);

}  // namespace auspex::api
