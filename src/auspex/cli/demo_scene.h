#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "auspex/base/result.h"
#include "auspex/cli/commands.h"
#include "lab/faults.h"
#include "lab/process.h"
#include "lab/relay.h"
#include "lab/rig.h"

namespace auspex::cli {

// How fast the demo's clock runs; it is printed first. Seconds on the wall.
struct DemoProfile {
  double time_scale;
  double bake_s;
  double deadline_s;
};
// Swift is made for ticks of 2 s at time scale 1 and less, and no tick is shorter than a second.
inline constexpr DemoProfile kClassicProfile{.time_scale = .1, .bake_s = 120, .deadline_s = 180};
inline constexpr DemoProfile kSwiftProfile{.time_scale = .5, .bake_s = 150, .deadline_s = 230};
[[nodiscard]] inline const DemoProfile& ProfileOf(const DemoOptions& options) {
  return options.pace == "swift" ? kSwiftProfile : kClassicProfile;
}
inline constexpr double kDemoTickSeconds = 1, kDemoPriorRisk = .15;

// What stands on the demo's stage: the lab, the daemon, and a deployment that was announced.
struct DemoScene {
  std::uint16_t api_port = 0;
  std::uint16_t feed_port = 0;  // the daemon's
  std::unique_ptr<lab::Rig> rig;
  std::unique_ptr<lab::Relay> feed;    // between proxy and daemon, where it is to be cut
  std::optional<lab::Process> daemon;  // ends before the rig and its folder
  ClientOptions client;
  std::string id;

  [[nodiscard]] std::string folder() const { return rig->folder().string(); }
};

// Starts all of it. Errors: as lab::Rig::Start; kUnavailable where the daemon does not come up.
Result<DemoScene> SetUpDemo(const DemoOptions& options, lab::Fault fault);
// Again after it ended, with the same configuration and ledger.
Status StartDemoDaemon(DemoScene* scene);

}  // namespace auspex::cli
