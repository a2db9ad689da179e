#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auspex/alert/alert.h"
#include "auspex/base/clock.h"
#include "auspex/base/config.h"
#include "auspex/base/http_client.h"
#include "auspex/base/log.h"
#include "auspex/base/registry.h"

namespace auspex::alert {

// Thread-safe: calls may run at once from several threads.
class Channel {
 public:
  virtual ~Channel() = default;
  // Returns once the other side has taken the alert, or when `deadline` passes. Sending an alert
  // again is safe: whoever gets it can tell by its key and time. Errors: kUnavailable (no answer,
  // or it cannot now: send it again); kPermissionDenied and kInvalidArgument (it refuses, and would
  // again). No message holds a secret.
  virtual Status Send(const Alert& alert, MonotonicTime deadline) = 0;
  // Whether the other side is there, in words; tells nobody anything. Errors as Send.
  virtual Result<std::string> Probe(MonotonicTime deadline) = 0;
  // For logs: the adapter and the host, "webhook hooks.example:443". No secret, no path.
  [[nodiscard]] virtual std::string Describe() const = 0;
};

// One of the Server's `alerts`, as written. An adapter's error about one key begins with it
// ("url: …"), so that the reader of the file can name the place.
struct ChannelConfig {
  std::string channel;                      // the adapter's name
  std::map<std::string, std::string> keys;  // all that are plain texts, `channel` among them
  std::optional<Secret> secret = {};        // {env: …} or {file: …}
  std::optional<Secret> bearer = {};
};

// What channels are made with; all outlive them.
struct ChannelTools {
  HttpSend http = SendHttp;
  const Clock* clock = nullptr;
  const Logger* log = nullptr;
};

using ChannelRegistry = Registry<Channel, const ChannelConfig&, const ChannelTools&>;

// Every channel there is: "alertmanager", "log", "webhook". Once a registry.
void RegisterChannels(ChannelRegistry& registry);

}  // namespace auspex::alert
