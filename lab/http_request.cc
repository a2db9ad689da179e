#include "lab/http_request.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace auspex::lab {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Parsed Bad(std::string_view reason) { return {ParseState::kBad, {}, reason}; }

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

// What the first line says; false where it is not a request line.
bool ReadFirstLine(std::string_view line, RequestHead& request) {
  const std::size_t method_end = line.find(' ');
  if (method_end == std::string_view::npos) return false;
  const std::size_t target_end = line.find(' ', method_end + 1);
  if (target_end == std::string_view::npos) return false;
  request.method = line.substr(0, method_end);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  request.path = target.substr(0, target.find('?'));
  const std::string_view version = line.substr(target_end + 1);
  request.keep_alive = version == "HTTP/1.1";
  return IsToken(request.method) && target.starts_with('/') &&
         (version == "HTTP/1.1" || version == "HTTP/1.0");
}

struct Headers {
  std::size_t body_bytes = 0;
  bool chunked = false;
};

// False where a line is not a header.
bool ReadHeader(std::string_view line, RequestHead& request, Headers& headers) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trim(line.substr(colon + 1));
  if (EqualsLower(name, "connection")) {
    if (EqualsLower(value, "close")) request.keep_alive = false;
    if (EqualsLower(value, "keep-alive")) request.keep_alive = true;
  } else if (EqualsLower(name, "transfer-encoding")) {
    headers.chunked = true;
  } else if (EqualsLower(name, "content-length")) {
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), headers.body_bytes);
    return error == std::errc{} && end == value.data() + value.size();
  }
  return true;
}

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

// Garbage need not wait for an end of headers that never comes.
bool MayStartARequest(std::string_view text) {
  constexpr std::size_t kLongestMethod = 16;
  const std::string_view method = text.substr(0, std::min(text.find(' '), kLongestMethod + 1));
  return method.size() <= kLongestMethod && IsToken(method);
}

}  // namespace

bool EqualsLower(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(),
                                                [](char x, char y) { return Lower(x) == y; });
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

Parsed ParseRequest(std::string_view text) {
  if (text.empty()) return {};
  if (!MayStartARequest(text)) return Bad("not a request line");
  const std::size_t end = text.substr(0, kMaxHeaderBytes).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return text.size() >= kMaxHeaderBytes ? Bad("headers too large") : Parsed{};
  }
  RequestHead request;
  Headers headers;
  std::string_view head = text.substr(0, end);
  if (!ReadFirstLine(TakeLine(head), request)) return Bad("not a request line");
  while (!head.empty()) {
    if (!ReadHeader(TakeLine(head), request, headers)) return Bad("not a header");
  }
  if (headers.chunked) return Bad("a body of unstated length");
  if (headers.body_bytes > kMaxBodyBytes) return Bad("body too large");
  request.size = end + 4 + headers.body_bytes;
  if (text.size() < request.size) return {};
  return {ParseState::kWhole, request, {}};
}

}  // namespace auspex::lab
