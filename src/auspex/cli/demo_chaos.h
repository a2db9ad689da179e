#pragma once

#include <map>
#include <string>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/random.h"
#include "auspex/cli/demo_scene.h"

namespace auspex::cli {

// Ends parts of the demo as a crash would, at random moments from the demo's seed, and starts them
// again after up to four seconds: the daemon, the proxy, the metrics server (SIGKILL), and the
// connection of the proxy's log. One at a time.
class DemoChaos {
 public:
  // `parts`: of kDemoParts. `every_s`: seconds between two, on average; 0: never.
  DemoChaos(const std::vector<std::string>& parts, double every_s, std::uint64_t seed);

  // To be called often. Error: kUnavailable where a part does not come back.
  Status Step(DemoScene* scene);
  // How often each part was ended.
  [[nodiscard]] const std::map<std::string, int>& kills() const { return kills_; }
  // The daemon is away by our hand.
  [[nodiscard]] bool DaemonIsAway() const { return away_ == "daemon"; }

 private:
  void End(const std::string& part, DemoScene* scene);
  Status Begin(const std::string& part, DemoScene* scene);

  std::vector<std::string> parts_;
  double every_s_;
  Random random_;
  MonotonicTime due_;
  std::string away_;
  std::map<std::string, int> kills_;
};

inline const std::vector<std::string> kDemoParts = {"daemon", "feed", "haproxy", "prometheus"};

}  // namespace auspex::cli
