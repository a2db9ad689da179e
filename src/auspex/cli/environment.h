#pragma once

#include <string>
#include <vector>

#include "auspex/cli/configuration.h"

// What `auspex doctor` looks at besides the daemon's partners: this machine. Nothing is changed but
// for one small object, written and deleted again.
namespace auspex::cli {

// A line of `auspex doctor`.
struct Finding {
  std::string what;
  bool good = true;
  std::string text;      // what was found, or how to mend it
  bool warning = false;  // good enough to run, and worth a look
};

// This machine's clock, beside the metrics server's where there is one: windows are asked by time.
[[nodiscard]] Finding LookAtClock(const ServerConfig& server);
// Whether objects can be written.
[[nodiscard]] Finding LookAtObjects(const ServerConfig& server);
// Whether what ended deployments left can be proven, so that they can be replayed.
[[nodiscard]] Finding LookAtPackedTicks(const ServerConfig& server);
// The API's port and the log feed's: free, or a daemon's.
[[nodiscard]] std::vector<Finding> LookAtPorts(const ServerConfig& server);

// How far this machine's clock is ahead of another's, in seconds, which said `date` (of an HTTP
// answer, in whole seconds) at some moment between `asked` and `answered`: at least `low`, at most
// `high`.
struct ClockGap {
  double low = 0.0;
  double high = 0.0;
};
// Error: kInvalidArgument where `date` is none.
Result<ClockGap> GapTo(const std::string& date, WallTime asked, WallTime answered);

}  // namespace auspex::cli
