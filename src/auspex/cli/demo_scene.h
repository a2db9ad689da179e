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

// The demo's profile: interface and README state it; it is printed first.
inline constexpr double kDemoTimeScale = 0.1, kDemoTickSeconds = 1, kDemoBakeSeconds = 120,
                        kDemoDeadlineSeconds = 180, kDemoPriorRisk = .15;

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
