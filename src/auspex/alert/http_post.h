#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "auspex/alert/channel.h"

// What channels over HTTP share. Private to this module.
namespace auspex::alert {

// Refuses a key that neither all channels have (channel) nor `own` names, and a secret or bearer
// that this channel has no use for. Error: kInvalidArgument, beginning with the key.
struct TakesSecrets {
  bool secret = false;
  bool bearer = false;
};
Status CheckKeys(const ChannelConfig& config, std::initializer_list<std::string_view> own,
                 TakesSecrets takes);
// The key, or `otherwise`.
[[nodiscard]] std::string KeyOr(const ChannelConfig& config, const std::string& key,
                                const std::string& otherwise);
// `url`, an http or https address without a trailing '/'. Error: kInvalidArgument, "url: …".
Result<std::string> UrlOf(const ChannelConfig& config);
// "hooks.example:443" of "https://u:p@hooks.example:443/T0/secret".
[[nodiscard]] std::string HostOf(std::string_view url);

// Sends once. An answer from 200 to 299 is good; 408, 429 and 5xx are kUnavailable, 401 and 403
// kPermissionDenied, the rest kInvalidArgument, each with what the other side said.
Status PostOnce(const ChannelTools& tools, HttpRequest request, MonotonicTime deadline);

}  // namespace auspex::alert
