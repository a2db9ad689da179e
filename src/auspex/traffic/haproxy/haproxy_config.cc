#include "auspex/traffic/haproxy/haproxy_config.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>

#include "auspex/traffic/config_keys.h"
#include "auspex/traffic/haproxy/haproxy_router.h"

namespace auspex::traffic {
namespace {

// HAProxy's own file wants an absolute path; ours may be relative to the working folder.
std::string AbsoluteAddress(const std::string& address) {
  if (address.find('@') != std::string::npos || address.starts_with('/')) return address;
  std::error_code failed;
  const auto path = std::filesystem::absolute(address, failed);
  return failed ? address : path.lexically_normal().string();
}

Result<RuntimeSocket> ReadSocket(std::string_view key, const std::string& address) {
  if (address.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "{}: the path of haproxy's 'stats socket' is wanted",
                key);
  }
  auto socket = RuntimeSocket::Parse(AbsoluteAddress(address));
  if (!socket.ok()) return Within(key, socket.error());
  return socket;
}

Result<std::vector<RuntimeSocket>> ReadSockets(const RouterConfig& config) {
  const auto one = config.keys.find("socket");
  const auto several = config.lists.find("sockets");
  if (one == config.keys.end() && several == config.lists.end()) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "traffic needs the key 'socket', the path of haproxy's 'stats socket', or 'sockets', "
        "a list of several");
  }
  if (one != config.keys.end() && several != config.lists.end()) {
    return Fail(ErrorCode::kInvalidArgument,
                "sockets: 'socket' is given too; put all of them in 'sockets'");
  }
  std::vector<RuntimeSocket> sockets;
  if (one != config.keys.end()) {
    AUSPEX_TRY(RuntimeSocket socket, ReadSocket("socket", one->second));
    sockets.push_back(std::move(socket));
    return sockets;
  }
  if (several->second.empty() || several->second.size() > HaproxyRouter::kMostProxies) {
    return Fail(ErrorCode::kInvalidArgument, "sockets: 1 to {} are wanted, not {}",
                HaproxyRouter::kMostProxies, several->second.size());
  }
  for (const std::string& address : several->second) {
    AUSPEX_TRY(RuntimeSocket socket, ReadSocket("sockets", address));
    const bool twice = std::any_of(sockets.begin(), sockets.end(), [&](const RuntimeSocket& other) {
      return other.address() == socket.address();
    });
    if (twice) {
      return Fail(ErrorCode::kInvalidArgument, "sockets: '{}' stands twice", address);
    }
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

struct Range {
  Duration least;
  Duration most;
};

Result<Duration> ReadDuration(const RouterConfig& config, const std::string& key, Duration fallback,
                              const Range& range) {
  const auto found = config.keys.find(key);
  if (found == config.keys.end()) return fallback;
  const auto read = ParseDuration(found->second);
  if (!read.ok()) return Within(key, read.error());
  if (*read < range.least || *read > range.most) {
    return Fail(ErrorCode::kInvalidArgument, "{}: '{}' is not {} to {}", key, found->second,
                ToText(range.least), ToText(range.most));
  }
  return *read;
}

}  // namespace

Result<HaproxySettings> ReadHaproxySettings(const RouterConfig& config) {
  AUSPEX_TRY(CheckKeys(config, {"socket", "sockets", "timeout", "drain"}));
  AUSPEX_TRY(std::vector<RuntimeSocket> sockets, ReadSockets(config));
  AUSPEX_TRY(const Duration timeout, ReadDuration(config, "timeout", HaproxyRouter::kDefaultTimeout,
                                                  {.least = 1ms, .most = 1min}));
  AUSPEX_TRY(const Duration drain, ReadDuration(config, "drain", HaproxyRouter::kDefaultDrain,
                                                {.least = 0s, .most = 10s}));
  return HaproxySettings{.sockets = std::move(sockets), .timeout = timeout, .drain = drain};
}

}  // namespace auspex::traffic
