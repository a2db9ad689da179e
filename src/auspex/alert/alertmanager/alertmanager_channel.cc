#include "auspex/alert/alertmanager/alertmanager_channel.h"

#include <fmt/ranges.h>

#include <cassert>
#include <nlohmann/json.hpp>
#include <utility>

#include "auspex/alert/http_post.h"

namespace auspex::alert {
namespace {

using Json = nlohmann::ordered_json;

class AlertmanagerChannel final : public Channel {
 public:
  struct Options {
    std::string url;
    Duration resolve_after;
    Secret bearer;
    std::string ca_file;
  };
  AlertmanagerChannel(Options options, ChannelTools tools)
      : options_(std::move(options)), tools_(std::move(tools)) {}

  Status Send(const Alert& alert, MonotonicTime deadline) override {
    HttpRequest request = Request("/api/v2/alerts");
    request.method = "POST";
    request.headers = {{"Content-Type", "application/json"}, {"User-Agent", "auspex"}};
    request.body = AlertmanagerBody(alert, options_.resolve_after);
    return PostOnce(tools_, std::move(request), deadline);
  }

  Result<std::string> Probe(MonotonicTime deadline) override {
    HttpRequest request = Request("/-/ready");
    request.timeout = deadline - tools_.clock->Now();
    AUSPEX_TRY(const HttpResponse response, tools_.http(request));
    if (response.status == 200) return HostOf(options_.url) + " is ready";
    return Fail(ErrorCode::kUnavailable, "{} answered {} to /-/ready: is it Alertmanager's url?",
                HostOf(options_.url), response.status);
  }

  [[nodiscard]] std::string Describe() const override {
    return "alertmanager " + HostOf(options_.url);
  }

 private:
  [[nodiscard]] HttpRequest Request(const char* path) const {
    return {.url = options_.url + path, .bearer = options_.bearer, .ca_file = options_.ca_file};
  }

  const Options options_;
  const ChannelTools tools_;
};

Result<std::unique_ptr<Channel>> Make(const ChannelConfig& config, const ChannelTools& tools) {
  AUSPEX_TRY(CheckKeys(config, {"url", "resolve_after", "bearer", "ca_file"},
                       {.secret = false, .bearer = true}));
  AUSPEX_TRY(std::string url, UrlOf(config));
  const Result<Duration> resolve_after = ParseDuration(KeyOr(config, "resolve_after", "1h"));
  if (!resolve_after.ok()) return Within("resolve_after", resolve_after.error());
  if (*resolve_after < 1min)
    return Fail(ErrorCode::kInvalidArgument, "resolve_after: 1m or longer, not {}",
                ToText(*resolve_after));
  return std::unique_ptr<Channel>(std::make_unique<AlertmanagerChannel>(
      AlertmanagerChannel::Options{.url = std::move(url),
                                   .resolve_after = *resolve_after,
                                   .bearer = config.bearer.value_or(Secret()),
                                   .ca_file = KeyOr(config, "ca_file", "")},
      tools));
}

void Put(Json* labels, const char* name, const std::string& value) {
  if (!value.empty()) (*labels)[name] = value;
}

}  // namespace

std::string AlertmanagerBody(const Alert& alert, Duration resolve_after) {
  Json labels{{"alertname", alert.name}, {"severity", Name(alert.severity)}};
  Put(&labels, "service", alert.service);
  Put(&labels, "deployment", alert.deployment);
  Put(&labels, "key", alert.key);
  Json annotations{{"summary", alert.summary}};
  Put(&annotations, "description", fmt::format("{}", fmt::join(alert.reasons, "; ")));
  Put(&annotations, "version", alert.version);
  if (alert.probability) annotations["probability"] = fmt::format("{:.3f}", *alert.probability);
  const WallTime ends =
      alert.resolved
          ? alert.at
          : alert.at + std::chrono::duration_cast<std::chrono::microseconds>(resolve_after);
  Json body{{"labels", labels}, {"annotations", annotations}};
  // What is resolved keeps the start that it was told with.
  if (!alert.resolved) body["startsAt"] = ToRfc3339(alert.at);
  body["endsAt"] = ToRfc3339(ends);
  Put(&body, "generatorURL", alert.link);
  return Json::array({body}).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void RegisterAlertmanagerChannel(ChannelRegistry& registry) {
  [[maybe_unused]] const Status added = registry.Add("alertmanager", Make);
  assert(added.ok() && "RegisterChannels() runs once a registry");
}

}  // namespace auspex::alert
