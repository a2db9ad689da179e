#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"

// alert tells people. An Alert is what they should know; a Channel takes it to where they look; an
// AlertSender does so in the background, so that nobody who has something to tell ever waits.
//
//   ChannelRegistry registry;
//   RegisterChannels(registry);
//   AUSPEX_TRY(auto channels, MakeChannels(registry, server.alerts, tools));
//   AlertSender sender(std::move(channels), {}, &log);
//   sender.Send({.key = "checkout-1.8.2/risk", .name = "AuspexRisk", .summary = "…", .at = now});
//
// Read next: channel.h (the port), sender.h, webhook/, alertmanager/,
// tests/contract/channel_contract_test.cc (what each channel promises).
namespace auspex::alert {

enum class Severity { kInfo, kWarning, kCritical };
[[nodiscard]] std::string_view Name(Severity severity);  // "info", "warning", "critical"

struct Alert {
  // What the alert is about: a later one of the same key replaces it, or ends it.
  std::string key = {};
  std::string name = {};  // of its class, as "AuspexRisk": letters and digits
  Severity severity = Severity::kWarning;
  bool resolved = false;     // it was true and is no more
  std::string summary = {};  // a sentence
  std::string service = {};
  std::string deployment = {};
  std::string version = {};
  std::optional<double> probability = {};  // P(fail), 0..1
  std::vector<std::string> reasons = {};   // sentences, the weightiest first
  std::string link = {};                   // where to see more; may be empty
  WallTime at = {};
};

}  // namespace auspex::alert
