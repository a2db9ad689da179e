#include "auspex/cli/server_configuration.h"

#include <charconv>
#include <utility>

#include "auspex/api/http_server.h"
#include "auspex/cli/alerting.h"

namespace auspex::cli {
namespace {

// "127.0.0.1:8400".
void ReadAddress(const ConfigSection& section, std::string_view key, const std::string& text,
                 std::string* address, int* port) {
  const std::size_t colon = text.rfind(':');
  int number = -1;
  if (colon != std::string::npos) {
    const auto [end, failed] =
        std::from_chars(text.data() + colon + 1, text.data() + text.size(), number);
    if (failed != std::errc() || end != text.data() + text.size()) number = -1;
  }
  if (number < 0 || number > 65535)
    return section.Refuse(
        key, fmt::format("{}: '{}' is not an address; write 127.0.0.1:8400", key, text));
  *address = text.substr(0, colon);
  *port = number;
}

void ReadStore(ConfigSection section, std::string_view adapter, std::string* path) {
  section.Choice("store", adapter, {adapter});
  *path = section.Text("path", *path);
  section.Finish();
}

void ReadAccess(ConfigSection* spec, ServerConfig* server) {
  ConfigSection tls = spec->Section("tls");
  if (spec->Has("tls")) {
    server->tls_certificate = tls.Text("certificate");
    server->tls_key = tls.Text("key");
  }
  tls.Finish();
  ConfigSection tokens = spec->Section("tokens");
  if (spec->Has("tokens")) server->tokens_file = tokens.Text("file");
  tokens.Finish();
  ConfigSection limits = spec->Section("limits");
  server->requests_per_s = limits.Number("requests_per_s", server->requests_per_s, 0.1, 1e6);
  server->burst = limits.Number("burst", server->burst, 1, 1e6);
  const auto count = [&limits](const char* key, std::size_t fallback) {
    return static_cast<std::size_t>(
        limits.Integer(key, static_cast<std::int64_t>(fallback), 1, 100'000));
  };
  server->connections = count("connections", server->connections);
  server->event_streams = count("event_streams", server->event_streams);
  limits.Finish();
}

void CheckListen(const ConfigSection& spec, const ServerConfig& server) {
  const bool tls = !server.tls_certificate.empty();
  const bool tokens = !server.tokens_file.empty();
  if (!api::IsAddress(server.address)) {
    spec.Refuse("listen", fmt::format("listen: '{}' is no address of a network; write 127.0.0.1, "
                                      "0.0.0.0 or [::] for all, or localhost",
                                      server.address));
  } else if (!api::IsLoopbackAddress(server.address) && !(tls && tokens)) {
    spec.Refuse(
        "listen",
        fmt::format("listen: {} can be reached from other machines, so it needs both TLS and "
                    "tokens, and {} missing: write tls: {{certificate: FILE, key: FILE}} and "
                    "tokens: {{file: FILE}}, make a token with `auspex token create --role "
                    "operator --name NAME --file FILE`, or listen on 127.0.0.1",
                    server.address,
                    tls      ? "tokens are"
                    : tokens ? "tls is"
                             : "both are"));
  }
}

}  // namespace

void ReadServer(ConfigSection document, ServerConfig* config) {
  ServerConfig& server = *config;
  ConfigSection metadata = document.Section("metadata");
  server.name = metadata.Text("name", server.name);
  metadata.Finish();
  ConfigSection spec = document.Section("spec");
  ReadAddress(spec, "listen", spec.Text("listen", "127.0.0.1:8400"), &server.address, &server.port);
  ReadAccess(&spec, &server);
  CheckListen(spec, server);
  ReadStore(spec.Section("ledger"), "sqlite", &server.ledger_path);
  ConfigSection objects = spec.Section("objects");
  server.keep_ticks = objects.DurationOf("keep_ticks", server.keep_ticks);
  ReadStore(std::move(objects), "filesystem", &server.objects_path);
  ConfigSection metrics = spec.Section("metrics");
  ConfigSection prometheus = metrics.Section("prometheus");
  if (metrics.Has("prometheus")) {
    server.prometheus_url = prometheus.Text("url");
    server.prometheus_bearer = prometheus.SecretOf("bearer").value_or(Secret());
    server.prometheus_ca = prometheus.Text("ca_file", "");
    server.prometheus_scrape_s = Seconds(prometheus.DurationOf("scrape_interval", 15s));
    if (server.prometheus_scrape_s < 0.1 || server.prometheus_scrape_s > 30.0) {
      prometheus.Refuse("scrape_interval",
                        "scrape_interval: 100ms to 30s, as Prometheus is configured: a tick holds "
                        "two of them, and is at most 60s");
    }
    if (!server.prometheus_url.starts_with("http://") &&
        !server.prometheus_url.starts_with("https://")) {
      prometheus.Refuse("url", "url: an http:// or https:// address is wanted");
    }
  }
  prometheus.Finish();
  metrics.Finish();
  ConfigSection feed = spec.Section("proxy_log");
  std::string listen = feed.Text("listen", "tcp://127.0.0.1:8514");
  server.feed_udp = listen.starts_with("udp://");
  if (server.feed_udp || listen.starts_with("tcp://")) {
    ReadAddress(feed, "listen", listen.substr(6), &server.feed_address, &server.feed_port);
    if (!api::IsLoopbackAddress(server.feed_address)) {
      feed.Refuse("listen", fmt::format("listen: {} is not a loopback address; nobody proves who "
                                        "sends a request log, so only those are allowed",
                                        server.feed_address));
    }
  } else {
    feed.Refuse(
        "listen",
        fmt::format("listen: '{}' is not tcp://ADDRESS:PORT or udp://ADDRESS:PORT", listen));
  }
  feed.Finish();
  ReadAlerts(&spec, &server);
  ConfigSection webhooks = spec.Section("webhooks");
  server.webhooks = {.github = webhooks.SecretOf("github").value_or(Secret()),
                     .gitlab = webhooks.SecretOf("gitlab").value_or(Secret())};
  webhooks.Finish();
  spec.Finish();
}

}  // namespace auspex::cli
