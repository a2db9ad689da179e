#pragma once

#include <vector>

#include "auspex/cli/commands.h"
#include "auspex/cli/configuration.h"
#include "auspex/cli/environment.h"

namespace auspex::cli {

// Whether the requests that the proxies count reach the daemon as lines of their log: a finding for
// each service that is counted by it, or one where no daemon answers. Looks twice, some 2 s apart,
// where one does. Without a server of its own, `client` asks the configuration's.
[[nodiscard]] std::vector<Finding> LookAtRequestLog(const Configuration& configuration,
                                                    ClientOptions client);

// One service between two looks.
struct LogLook {
  std::int64_t ended = 0;  // requests, by the proxies' own count of both servers
  std::int64_t lines = 0;  // of them, as the daemon got them
  double seconds = 0.0;
};
// What they say. Pure.
[[nodiscard]] Finding JudgeRequestLog(const std::string& service, const std::string& backend,
                                      const LogLook& look);

}  // namespace auspex::cli
