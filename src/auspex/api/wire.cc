#include "auspex/api/wire.h"

#include <arpa/inet.h>
#include <fmt/chrono.h>
#include <simdjson.h>

#include <algorithm>
#include <chrono>

#include "auspex/api/problem.h"

namespace auspex::api {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

Result<Query> ParseQuery(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    AUSPEX_TRY(std::string name, PercentDecode(pair.substr(0, equals), Plus::kSpace));
    AUSPEX_TRY(std::string value,
               PercentDecode(pair.substr(std::min(equals + 1, pair.size())), Plus::kSpace));
    query.emplace(std::move(name), std::move(value));
  }
  return query;
}

bool IsSame(std::string_view a, std::string_view b) {
  const CaseInsensitiveLess less;
  return !less(a, b) && !less(b, a);
}

bool IsPort(std::string_view text) {
  return text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsLoopbackIpv4(const std::string& host) {
  in_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24U == 127;
}

// "http://localhost:5173" is an Origin; "null" is that of a sandbox or a file, which anybody can
// make.
bool IsLoopbackOrigin(std::string_view origin) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) return IsLoopbackAuthority(origin.substr(scheme.size()));
  }
  return false;
}

// CR or LF in a value would let whoever chose it write header fields of his own.
bool IsFieldText(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

}  // namespace

Result<std::string> PercentDecode(std::string_view text, Plus plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i] == '+' && plus == Plus::kSpace ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return Fail(
          ErrorCode::kInvalidArgument,
          "'{}' is not percent-encoded: '%' needs two hexadecimal digits; '%' itself is %25", text);
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (!simdjson::validate_utf8(decoded.data(), decoded.size())) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' does not decode to UTF-8", text);
  }
  return decoded;
}

Result<Target> ParseTarget(std::string_view text) {
  Target target;
  std::string_view rest = text;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!rest.starts_with(scheme)) continue;
    rest.remove_prefix(scheme.size());
    target.authority = std::string(rest.substr(0, rest.find_first_of("/?")));
    rest.remove_prefix(target.authority.size());
    break;
  }
  if (!rest.starts_with('/') || rest.find('#') != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidArgument,
                "'{}' is not a path; it starts with '/' and has no '#'", text);
  }
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  target.path = std::string(rest.substr(0, mark));
  AUSPEX_TRY(target.query, ParseQuery(rest.substr(std::min(mark + 1, rest.size()))));
  return target;
}

bool IsLoopbackAuthority(std::string_view authority) {
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view host = authority.substr(0, colon);
  if (colon != std::string_view::npos && !IsPort(authority.substr(colon + 1))) return false;
  return IsSame(host, "localhost") || host == "[::1]" || IsLoopbackIpv4(std::string(host));
}

std::optional<HttpReply> RefuseHosts(const HttpCall& call, bool host_required) {
  const auto hosts = call.headers.count("Host");
  if (hosts == 1 || (hosts == 0 && !host_required)) return std::nullopt;
  return Problem(400, fmt::format("{} Host header fields; send one", hosts));
}

std::optional<HttpReply> RefuseForeign(const HttpCall& call, bool host_required) {
  if (auto refusal = RefuseHosts(call, host_required)) return refusal;
  if (const auto host = call.Header("Host"); host && !IsLoopbackAuthority(*host)) {
    return Problem(421, fmt::format("'{}' is not a name of this server: it answers to localhost, "
                                    "127.0.0.1 and [::1]; a proxy in front must set Host so",
                                    *host));
  }
  if (const auto origin = call.Header("Origin"); origin && !IsLoopbackOrigin(*origin)) {
    return Problem(403, fmt::format("pages of '{}' may not call this server; only pages of "
                                    "localhost, 127.0.0.1 and [::1] may",
                                    *origin));
  }
  return std::nullopt;
}

std::string RenderHead(const HttpReply& reply, bool keep_alive, WallTime now) {
  const bool bodiless = reply.status < 200 || reply.status == 204 || reply.status == 304;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\n"
      "Connection: {}\r\nX-Content-Type-Options: nosniff\r\n",
      reply.status, ReasonPhrase(reply.status),
      fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
      keep_alive ? "keep-alive" : "close");
  const auto add = [&head](std::string_view name, std::string_view value) {
    if (IsFieldText(name) && IsFieldText(value)) head += fmt::format("{}: {}\r\n", name, value);
  };
  if (!bodiless) add("Content-Type", reply.content_type);
  // The end of a stream of events is the end of its connection.
  if (!bodiless && !reply.events) add("Content-Length", std::to_string(reply.body.size()));
  bool cache_control = false;
  for (const auto& [name, value] : reply.headers) {
    cache_control = cache_control || IsSame(name, "Cache-Control");
    add(name, value);
  }
  const bool volatile_type = reply.events || reply.content_type.find("json") != std::string::npos;
  if (volatile_type && !cache_control) add("Cache-Control", "no-store");
  return head + "\r\n";
}

}  // namespace auspex::api
