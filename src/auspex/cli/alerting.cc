#include "auspex/cli/alerting.h"

#include <fmt/format.h>

#include <utility>

namespace auspex::cli {
namespace {

constexpr auto kProbe = 3s;

const alert::ChannelRegistry& Channels() {
  static const alert::ChannelRegistry kChannels = [] {
    alert::ChannelRegistry registry;
    RegisterChannels(registry);
    return registry;
  }();
  return kChannels;
}

void ReadAlert(ConfigSection section, ServerConfig* server) {
  alert::ChannelConfig config{.channel = section.Text("channel"), .keys = section.TextMap()};
  for (const char* key : {"secret", "bearer"}) {
    if (!section.Has(key)) continue;
    std::optional<Secret> secret = section.SecretOf(key);
    if (!secret) continue;  // which is noted
    (std::string_view(key) == "secret" ? config.secret : config.bearer) = std::move(secret);
  }
  const RealClock clock;
  const Logger log;
  const auto made =
      Channels().Create(config.channel, config, alert::ChannelTools{.clock = &clock, .log = &log});
  if (!config.channel.empty() && !made.ok()) {
    // What concerns one key begins with it.
    const std::string& message = made.error().message;
    const std::string key = message.substr(0, message.find(':'));
    if (!section.Refused(key)) section.Refuse(section.Has(key) ? key : "channel", message);
  }
  section.Finish();
  server->alerts.push_back(std::move(config));
}

}  // namespace

void ReadAlerts(ConfigSection* spec, ServerConfig* server) {
  for (ConfigSection& section : spec->Sections("alerts")) ReadAlert(std::move(section), server);
  server->public_url = spec->Text("public_url", "");
  while (server->public_url.ends_with('/')) server->public_url.pop_back();
  if (!server->public_url.empty() && !server->public_url.starts_with("http://") &&
      !server->public_url.starts_with("https://"))
    spec->Refuse("public_url", "public_url: an http:// or https:// address is wanted");
}

Result<std::vector<std::unique_ptr<alert::Channel>>> MakeChannels(
    const ServerConfig& server, const alert::ChannelTools& tools) {
  std::vector<std::unique_ptr<alert::Channel>> channels;
  for (const alert::ChannelConfig& config : server.alerts) {
    AUSPEX_TRY(auto channel, Channels().Create(config.channel, config, tools));
    channels.push_back(std::move(channel));
  }
  return channels;
}

std::vector<std::string> DescribeAlerts(const ServerConfig& server) {
  const RealClock clock;
  const Logger log;
  std::vector<std::string> texts;
  const auto channels = MakeChannels(server, {.clock = &clock, .log = &log});
  if (!channels.ok()) return texts;  // ReadAlerts has told
  for (const auto& channel : *channels) texts.push_back(channel->Describe());
  return texts;
}

std::vector<Finding> LookAtAlerts(const ServerConfig& server) {
  const RealClock clock;
  const Logger log;
  std::vector<Finding> findings;
  const auto channels = MakeChannels(server, {.clock = &clock, .log = &log});
  if (!channels.ok()) return {{"alerts", false, channels.error().message}};
  for (const auto& channel : *channels) {
    const std::string what = fmt::format("alerts by {}", channel->Describe());
    const Result<std::string> there = channel->Probe(clock.Now() + kProbe);
    findings.push_back(
        {what, there.ok(),
         there.ok() ? *there
                    : there.error().message + "; start it, or change spec.alerts of the Server"});
  }
  return findings;
}

std::string PublicUrl(const ServerConfig& server) {
  if (!server.public_url.empty()) return server.public_url;
  return fmt::format("{}://{}:{}", server.tls_certificate.empty() ? "http" : "https",
                     server.address, server.port);
}

}  // namespace auspex::cli
