#include "auspex/api/problem.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

namespace auspex::api {
namespace {

struct Kind {
  int status;
  std::string type;
  std::string title;
};

HttpReply Write(const Kind& kind, std::string_view detail, const std::vector<InputError>& errors) {
  nlohmann::ordered_json document{
      {"type", kind.type}, {"title", kind.title}, {"status", kind.status}, {"detail", detail}};
  for (const InputError& error : errors) {
    document["errors"].push_back({{"pointer", error.pointer}, {"detail", error.detail}});
  }
  HttpReply reply;
  reply.status = kind.status;
  reply.content_type = "application/problem+json";
  // Details quote what callers sent, which need not be UTF-8.
  reply.body = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return reply;
}

}  // namespace

HttpReply Problem(int status, std::string_view detail, const std::vector<InputError>& errors) {
  return Write({status, "about:blank", std::string(ReasonPhrase(status))}, detail, errors);
}

HttpReply ProblemFrom(const Error& error, const std::vector<InputError>& errors) {
  std::string title(Name(error.code));
  std::string slug = title;
  std::replace(slug.begin(), slug.end(), ' ', '-');
  title[0] = static_cast<char>(title[0] - 'a' + 'A');
  return Write({StatusOf(error.code), "urn:auspex:problem:" + slug, title}, error.message, errors);
}

int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kNotFound:
    case ErrorCode::kNoData:
      return 404;  // there is nothing to show yet
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kDataLoss:
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

HttpReply Busy(std::string_view detail) {
  HttpReply reply = Problem(503, detail);
  reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

HttpReply AskForToken(std::string_view detail) {
  HttpReply refusal = Problem(401, detail);
  refusal.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"auspex\"");
  return refusal;
}

Handler CatchExceptions(Handler handler, Logger log) {
  return [handler = std::move(handler), log = std::move(log)](const HttpCall& call) {
    std::string what = "an exception of unknown type";
    try {
      return handler(call);
    } catch (const std::exception& exception) {
      what = exception.what();
    } catch (...) {  // NOLINT(bugprone-empty-catch): `what` says it
    }
    log.Error("http_handler_failed",
              {{"method", call.method}, {"path", call.path}, {"what", what}});
    return Problem(500, "the server failed to answer; its log says why");
  };
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Unknown";
  }
}

}  // namespace auspex::api
