#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "auspex/base/result.h"

namespace auspex::lab {

// Names in the proxy's configuration, log lines and runtime socket.
inline constexpr std::string_view kBackend = "checkout";
inline constexpr std::string_view kServerA = "a";
inline constexpr std::string_view kServerB = "b";

struct HaproxyConfig {
  std::uint16_t port = 0;             // where it listens on 127.0.0.1
  std::uint16_t port_a = 0;           // gets all of the traffic at first
  std::uint16_t port_b = 0;           // gets none at first
  std::filesystem::path socket = {};  // runtime socket, an absolute path
  std::string log_sections = {};      // whole sections of their own, as a `ring`
  std::string log_lines = {};         // lines of the frontend, as `log` and `log-format`
  int max_connections = 4000;         // two descriptors each
};

// Pure. Each request is one weighted draw (`balance random(1)`), so that both servers see the same
// mix; a failure stays the failure of the server it was sent to (no retries, no redispatch). The
// services' own pages under /lab/ are not served through it.
// Error: kInvalidArgument (a path that cannot be written there).
Result<std::string> HaproxyText(const HaproxyConfig& config);

struct ScrapeTarget {
  std::uint16_t port = 0;
  std::string version = {};
};

// Pure. Scrapes both each second; every series, `up` too, has the label `version`.
[[nodiscard]] std::string PrometheusText(const ScrapeTarget& a, const ScrapeTarget& b);

}  // namespace auspex::lab
