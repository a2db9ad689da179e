#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auspex/alert/channel.h"
#include "auspex/alert/sender.h"
#include "auspex/cli/configuration.h"
#include "auspex/cli/environment.h"

namespace auspex::cli {

// The Server's `alerts`; what is wrong with one is noted at its key.
void ReadAlerts(ConfigSection* spec, ServerConfig* server);

// The channels of a configuration that was read without errors.
Result<std::vector<std::unique_ptr<alert::Channel>>> MakeChannels(const ServerConfig& server,
                                                                  const alert::ChannelTools& tools);

// Where alerts go, for people: no secret, and no path of a URL.
[[nodiscard]] std::vector<std::string> DescribeAlerts(const ServerConfig& server);

// Whether each channel's other side is there. Tells nobody anything.
[[nodiscard]] std::vector<Finding> LookAtAlerts(const ServerConfig& server);

// Where the API is for people: `public_url`, or the address that it listens on.
[[nodiscard]] std::string PublicUrl(const ServerConfig& server);

}  // namespace auspex::cli
