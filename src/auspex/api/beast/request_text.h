#pragma once

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>
#include <optional>
#include <string>

#include "auspex/api/http_server.h"

namespace auspex::api::beast {

namespace http = boost::beast::http;
using boost::system::error_code;
using Parser = http::request_parser<http::string_body>;

// A header, read, as a call without its body. Error: kInvalidArgument for its target.
Result<HttpCall> ToCall(const Parser::value_type& request, std::string peer);

// The answer to a request that could not be read; nothing where nobody is left to read it. `late`:
// it was a deadline that ended the reading.
[[nodiscard]] std::optional<HttpReply> ReadProblem(const error_code& error, bool late,
                                                   const ServerLimits& limits);

}  // namespace auspex::api::beast
