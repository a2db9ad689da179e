#include "auspex/alert/webhook/webhook_channel.h"

#include <cassert>
#include <nlohmann/json.hpp>
#include <utility>

#include "auspex/alert/http_post.h"
#include "auspex/base/hmac.h"

namespace auspex::alert {
namespace {

using Json = nlohmann::ordered_json;

class WebhookChannel final : public Channel {
 public:
  struct Options {
    std::string url;
    std::optional<Secret> secret;
    Secret bearer;
    std::string ca_file;
  };
  WebhookChannel(Options options, ChannelTools tools)
      : options_(std::move(options)), tools_(std::move(tools)) {}

  Status Send(const Alert& alert, MonotonicTime deadline) override {
    HttpRequest request = Request("POST");
    request.body = WebhookBody(alert);
    // Of the sending, not of the alert: who checks the signature asks whether it is recent.
    const std::string timestamp =
        std::to_string(MicrosSinceEpoch(tools_.clock->Wall()) / 1'000'000);
    request.headers = {{"Content-Type", "application/json"},
                       {"User-Agent", "auspex"},
                       {"Auspex-Delivery", DeliveryId(alert)},
                       {"Auspex-Timestamp", timestamp}};
    if (options_.secret) {
      request.headers.emplace_back("Auspex-Signature",
                                   Signature(*options_.secret, timestamp, request.body));
    }
    return PostOnce(tools_, std::move(request), deadline);
  }

  // Any answer will do: a hook need not have HEAD.
  Result<std::string> Probe(MonotonicTime deadline) override {
    HttpRequest request = Request("HEAD");
    request.timeout = deadline - tools_.clock->Now();
    AUSPEX_TRY(const HttpResponse response, tools_.http(request));
    return fmt::format("{} is there (it answered {}){}", HostOf(options_.url), response.status,
                       options_.secret ? "" : "; alerts are not signed: give it a secret");
  }

  [[nodiscard]] std::string Describe() const override { return "webhook " + HostOf(options_.url); }

 private:
  [[nodiscard]] HttpRequest Request(const char* method) const {
    return {.method = method,
            .url = options_.url,
            .bearer = options_.bearer,
            .ca_file = options_.ca_file};
  }

  const Options options_;
  const ChannelTools tools_;
};

Result<std::unique_ptr<Channel>> Make(const ChannelConfig& config, const ChannelTools& tools) {
  AUSPEX_TRY(
      CheckKeys(config, {"url", "secret", "bearer", "ca_file"}, {.secret = true, .bearer = true}));
  AUSPEX_TRY(std::string url, UrlOf(config));
  return std::unique_ptr<Channel>(std::make_unique<WebhookChannel>(
      WebhookChannel::Options{.url = std::move(url),
                              .secret = config.secret,
                              .bearer = config.bearer.value_or(Secret()),
                              .ca_file = KeyOr(config, "ca_file", "")},
      tools));
}

}  // namespace

std::string DeliveryId(const Alert& alert) {
  return ToHex(HashSha256(fmt::format("{}\n{}\n{}", alert.key, MicrosSinceEpoch(alert.at),
                                      alert.resolved)))
      .substr(0, 32);
}

std::string WebhookBody(const Alert& alert) {
  Json body{{"id", DeliveryId(alert)},
            {"key", alert.key},
            {"status", alert.resolved ? "resolved" : "firing"},
            {"name", alert.name},
            {"severity", Name(alert.severity)},
            {"summary", alert.summary},
            {"reasons", alert.reasons},
            {"probability", nullptr},
            {"service", alert.service},
            {"deployment", alert.deployment},
            {"version", alert.version},
            {"link", alert.link},
            {"at", ToRfc3339(alert.at)}};
  if (alert.probability) body["probability"] = *alert.probability;
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Signature(const Secret& secret, std::string_view timestamp, std::string_view body) {
  return "v1=" + ToHex(HmacSha256(secret.Reveal(), fmt::format("{}.{}", timestamp, body)));
}

void RegisterWebhookChannel(ChannelRegistry& registry) {
  [[maybe_unused]] const Status added = registry.Add("webhook", Make);
  assert(added.ok() && "RegisterChannels() runs once a registry");
}

}  // namespace auspex::alert
