#include "auspex/api/beast/request_text.h"

#include <utility>

#include "auspex/api/problem.h"
#include "auspex/api/wire.h"

namespace auspex::api::beast {

Result<HttpCall> ToCall(const Parser::value_type& request, std::string peer) {
  AUSPEX_TRY(Target target, ParseTarget(request.target()));
  HttpCall call;
  call.method = std::string(request.method_string());
  call.path = std::move(target.path);
  call.query = std::move(target.query);
  call.peer = std::move(peer);
  for (const auto& field : request) {
    call.headers.emplace(std::string(field.name_string()), std::string(field.value()));
  }
  if (!target.authority.empty()) {
    // RFC 9112 §3.2.2: the absolute form overrides Host.
    call.headers.erase("Host");
    call.headers.emplace("Host", std::move(target.authority));
  }
  return call;
}

std::optional<HttpReply> ReadProblem(const error_code& error, bool late,
                                     const ServerLimits& limits) {
  if (late) return Problem(408, "the request did not arrive in time");
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Problem(431, fmt::format("a header may have {} bytes", limits.header_bytes));
  }
  if (error == http::error::body_limit) {
    return Problem(413, fmt::format("a body may have {} bytes", limits.body_bytes));
  }
  const bool gone = error == http::error::end_of_stream || error == http::error::partial_message;
  const error_code any_of_http = http::error::end_of_stream;
  if (gone || error.category() != any_of_http.category()) return std::nullopt;
  return Problem(400, fmt::format("this is not HTTP/1.1: {}", error.message()));
}

}  // namespace auspex::api::beast
