#include "auspex/alert/http_post.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace auspex::alert {
namespace {

ErrorCode CodeOf(int status) {
  if (status == 408 || status == 429 || status >= 500) return ErrorCode::kUnavailable;
  if (status == 401 || status == 403) return ErrorCode::kPermissionDenied;
  return ErrorCode::kInvalidArgument;
}

// The beginning of what the other side says of itself, fit for a line of a log.
std::string Said(const std::string& body) {
  std::string text = body.substr(0, 200);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text.empty() ? "" : ": " + text;
}

}  // namespace

Status CheckKeys(const ChannelConfig& config, std::initializer_list<std::string_view> own,
                 TakesSecrets takes) {
  for (const auto& [key, value] : config.keys) {
    if (key == "channel" || std::find(own.begin(), own.end(), key) != own.end()) continue;
    return Fail(ErrorCode::kInvalidArgument, "{}: channel {} has no such key; it has {}", key,
                config.channel, fmt::join(own, ", "));
  }
  if (config.secret && !takes.secret)
    return Fail(ErrorCode::kInvalidArgument, "secret: channel {} signs nothing", config.channel);
  if (config.bearer && !takes.bearer)
    return Fail(ErrorCode::kInvalidArgument, "bearer: channel {} sends no token", config.channel);
  return {};
}

std::string KeyOr(const ChannelConfig& config, const std::string& key,
                  const std::string& otherwise) {
  const auto found = config.keys.find(key);
  return found == config.keys.end() ? otherwise : found->second;
}

Result<std::string> UrlOf(const ChannelConfig& config) {
  std::string url = KeyOr(config, "url", "");
  while (url.ends_with('/')) url.pop_back();
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.starts_with(scheme) && url.size() > scheme.size()) return url;
  }
  return Fail(ErrorCode::kInvalidArgument, "url: an http:// or https:// address is wanted");
}

std::string HostOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  const std::size_t at = url.rfind('@');
  return std::string(at == std::string_view::npos ? url : url.substr(at + 1));
}

Status PostOnce(const ChannelTools& tools, HttpRequest request, MonotonicTime deadline) {
  const Duration left = deadline - tools.clock->Now();
  const std::string host = HostOf(request.url);
  if (left <= Duration::zero())
    return Fail(ErrorCode::kUnavailable, "{}: no time is left to send it", host);
  request.timeout = left;
  request.max_body_bytes = 64 * 1024;
  const Result<HttpResponse> response = tools.http(request);
  if (!response.ok()) return Failure{response.error()};
  if (response->status >= 200 && response->status < 300) return {};
  return Fail(CodeOf(response->status), "{} answered {}{}", host, response->status,
              Said(response->body));
}

}  // namespace auspex::alert
