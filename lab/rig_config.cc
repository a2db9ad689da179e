#include "lab/rig_config.h"

#include <fmt/format.h>

namespace auspex::lab {
namespace {

Status Validate(const HaproxyConfig& config) {
  const std::string& socket = config.socket.native();
  if (!config.socket.is_absolute() || socket.find_first_of(" \"'\\$#\n") != std::string::npos) {
    return Fail(ErrorCode::kInvalidArgument,
                "the runtime socket needs an absolute path without blanks and quotes, got '{}'",
                socket);
  }
  return {};
}

}  // namespace

Result<std::string> HaproxyText(const HaproxyConfig& config) {
  AUSPEX_TRY(Validate(config));
  // Health checks are quick to see a dead server: two refused ones, half a second apart. Without
  // `timeout check` an answer would have to come within that half second too, and on a busy machine
  // HAProxy would take both servers for dead and answer 503 itself.
  return fmt::format(
      R"(global
  maxconn {max_connections}
  stats socket {socket} mode 600 level admin expose-fd listeners
  stats timeout 1h

{log_sections}
defaults
  mode http
  option http-keep-alive
  timeout connect 2s
  timeout client 30s
  timeout server 10s
  timeout http-request 10s
  timeout http-keep-alive 60s
  timeout check 5s
  retries 0

frontend shop
  bind 127.0.0.1:{port}
  http-request deny if {{ path_beg /lab/ }}
{log_lines}
  default_backend {backend}

backend {backend}
  balance random(1)
  option httpchk GET /healthz
  server {a} 127.0.0.1:{port_a} weight 256 check inter 500ms fall 2 rise 1
  server {b} 127.0.0.1:{port_b} weight 0 check inter 500ms fall 2 rise 1
)",
      fmt::arg("max_connections", config.max_connections),
      fmt::arg("socket", config.socket.native()), fmt::arg("log_sections", config.log_sections),
      fmt::arg("port", config.port), fmt::arg("log_lines", config.log_lines),
      fmt::arg("backend", kBackend), fmt::arg("a", kServerA), fmt::arg("b", kServerB),
      fmt::arg("port_a", config.port_a), fmt::arg("port_b", config.port_b));
}

std::string PrometheusText(const ScrapeTarget& a, const ScrapeTarget& b) {
  // honor_labels: the service's own `version` counts; the target's is for `up` and its like.
  return fmt::format(
      R"(global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
scrape_configs:
  - job_name: shop
    honor_labels: true
    static_configs:
      - targets: ['127.0.0.1:{}']
        labels: {{version: '{}'}}
      - targets: ['127.0.0.1:{}']
        labels: {{version: '{}'}}
)",
      a.port, a.version, b.port, b.version);
}

}  // namespace auspex::lab
