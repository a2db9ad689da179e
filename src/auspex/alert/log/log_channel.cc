#include "auspex/alert/log/log_channel.h"

#include <fmt/ranges.h>

#include <cassert>

#include "auspex/alert/http_post.h"

namespace auspex::alert {
namespace {

class LogChannel final : public Channel {
 public:
  explicit LogChannel(const Logger* log) : log_(log) {}

  Status Send(const Alert& alert, MonotonicTime /*deadline*/) override {
    log_->Warn("alert_told", {{"key", alert.key},
                              {"name", alert.name},
                              {"severity", Name(alert.severity)},
                              {"status", alert.resolved ? "resolved" : "firing"},
                              {"summary", alert.summary},
                              {"reasons", fmt::format("{}", fmt::join(alert.reasons, "; "))},
                              {"service", alert.service},
                              {"deployment", alert.deployment},
                              {"probability", alert.probability.value_or(-1.0)},
                              {"link", alert.link}});
    return {};
  }
  Result<std::string> Probe(MonotonicTime /*deadline*/) override {
    return std::string("the daemon's own log");
  }
  [[nodiscard]] std::string Describe() const override { return "log"; }

 private:
  const Logger* log_;
};

Result<std::unique_ptr<Channel>> Make(const ChannelConfig& config, const ChannelTools& tools) {
  AUSPEX_TRY(CheckKeys(config, {}, {}));
  return std::unique_ptr<Channel>(std::make_unique<LogChannel>(tools.log));
}

}  // namespace

void RegisterLogChannel(ChannelRegistry& registry) {
  [[maybe_unused]] const Status added = registry.Add("log", Make);
  assert(added.ok() && "RegisterChannels() runs once a registry");
}

}  // namespace auspex::alert
