#include <fmt/core.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <set>

#include "auspex/cli/access.h"
#include "auspex/cli/alerting.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/configuration.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/ledger_sight.h"
#include "auspex/storage/inspection.h"
#include "auspex/telemetry/sources/proxy_log.h"
#include "auspex/traffic/haproxy/haproxy_router.h"

namespace auspex::cli {
namespace {

std::string Time(double seconds) { return ToText(FromSeconds(seconds)); }

void PrintPolicy(const rollout::ServiceConfig& service) {
  switch (service.policy) {
    case rollout::Policy::kAdaptive:
      fmt::print("  policy adaptive, pace {}; bake {}, deadline {}\n", Name(service.pace),
                 Time(service.bake_s), Time(service.deadline_s));
      break;
    case rollout::Policy::kSteps: {
      std::string ladder;
      double total = 0.0;
      for (const rollout::LadderStep& step : service.steps) {
        ladder += fmt::format("{} for {}, ", step.weight.ToPercent(), Time(step.for_s));
        total += step.for_s;
      }
      fmt::print(
          "  fixed steps: {}then all of it, after {} with traffic; back above {:g} % errors\n",
          ladder, Time(total), 100 * service.error_rate);
      break;
    }
    case rollout::Policy::kRule:
      fmt::print("  the plain rule: a step a minute; back above {:g} % errors\n",
                 100 * service.error_rate);
      break;
  }
  if (service.approval) {
    fmt::print("  above a risk of {:g} % it waits {} for a person, then {}\n",
               100 * service.approval->above_risk, Time(service.approval->timeout_s),
               service.approval->at_timeout == rollout::AtTimeout::kReject ? "rejects" : "begins");
  }
}

void PrintService(const rollout::ServiceConfig& service) {
  fmt::print("service {}: {} splits backend {} between {} and {}; criticality {}, a tick each {}\n",
             service.name, service.router, service.backend, service.servers[0], service.servers[1],
             service.criticality, Time(service.tick_s));
  PrintPolicy(service);
  if (const auto found = service.router_config.lists.find("sockets");
      found != service.router_config.lists.end()) {
    fmt::print("  at {} proxies: {}; the weight rises only while all of them obey\n",
               found->second.size(), fmt::join(found->second, ", "));
  }
  if (service.policy != rollout::Policy::kRule) {
    fmt::print("  a false rollback by evidence: at most {:g} % of good deployments\n",
               100 * service.alpha);
  }
  fmt::print("  prior risk {:g} %; a failure is foretold from {:g} %\n", 100 * service.prior_risk,
             100 * service.alert_above_risk);
  if (service.Scraped()) {
    fmt::print("  requests are counted by prometheus, which is at most {} behind\n",
               Time(service.scrape_s));
    if (service.tick_s < 2 * service.scrape_s) {
      fmt::print(
          "  but a tick each {} is shorter than two scrapes: some ticks have no requests, "
          "and hold\n",
          Time(service.tick_s));
    }
  }
  for (const auto& signal : service.signals) {
    fmt::print("  signal {} ({}) from prometheus, as a {}\n", signal.name, signal.role,
               signal.IsRate()            ? "rate"
               : signal.histogram.empty() ? "gauge"
                                          : "histogram");
  }
}

// The ledger as it is now. Trouble with it is no fault of the configuration, so it is only told.
std::string SeeLedger(const std::string& path) {
  const auto seen = storage::InspectLedgerFile(path);
  if (!seen.ok()) return seen.error().message;
  const std::string trouble = LedgerTrouble(path, *seen);
  return DescribeLedger(path, *seen) + (trouble.empty() ? "" : "; but " + trouble);
}

std::string HowReached(const ServerConfig& server) {
  return fmt::format("{} and {}", server.tls_certificate.empty() ? "in the clear" : "under TLS",
                     server.tokens_file.empty() ? "without tokens (whoever is on this machine is "
                                                  "its admin)"
                                                : "with tokens");
}

// Of the services that HAProxy serves, each once.
std::set<std::string> HaproxyBackends(const Configuration& configuration) {
  std::set<std::string> backends;
  for (const auto& service : configuration.services) {
    if (service.router == "haproxy") backends.insert(service.backend);
  }
  return backends;
}

int Invalid(const Error& error, bool json) {
  if (json)
    fmt::print("{}\n", nlohmann::ordered_json{{"valid", false}, {"errors", error.message}}.dump());
  return Complain("check", error);
}

}  // namespace

int Check(const std::vector<std::string>& files, bool json) {
  const Result<Configuration> configuration = ReadConfiguration(files);
  if (!configuration.ok()) return Invalid(configuration.error(), json);
  const ServerConfig& server = configuration->server;
  const Logger log;
  const auto access = AccessFiles::Load(server, &log);
  if (!access.ok()) return Invalid(access.error(), json);
  const telemetry::FeedAddress feed = FeedOf(server);
  const std::set<std::string> backends = HaproxyBackends(*configuration);
  if (json) {
    nlohmann::ordered_json out{{"valid", true},
                               {"listen", fmt::format("{}:{}", server.address, server.port)},
                               {"tls", !server.tls_certificate.empty()},
                               {"tokens", !server.tokens_file.empty()},
                               {"ledger", server.ledger_path},
                               {"ledger_state", SeeLedger(server.ledger_path)},
                               {"ring_section", telemetry::ProxyLog::RingSection(feed)},
                               {"log_format", telemetry::ProxyLog::LogFormat(feed)},
                               {"alerts", DescribeAlerts(server)},
                               {"relative_paths", RelativePaths(*configuration)},
                               {"notes", configuration->notes}};
    if (!backends.empty()) out["backend_lines"] = traffic::HaproxyBackendLines();
    for (const auto& service : configuration->services) {
      out["services"].push_back(service.name);
      out["paces"][service.name] = Name(service.pace);
    }
    fmt::print("{}\n", out.dump());
    return kGood;
  }
  fmt::print(
      "valid. The daemon would listen on {}:{} {}, keep its ledger in {} and ticks of ended "
      "deployments in {} for {}.\n",
      server.address, server.port, HowReached(server), server.ledger_path, server.objects_path,
      ToText(server.keep_ticks));
  if (const std::vector<std::string> relative = RelativePaths(*configuration); !relative.empty()) {
    fmt::print("relative paths are from the folder in which the daemon is started, here {}: {}\n",
               WorkingFolder(), fmt::join(relative, ", "));
  }
  fmt::print("ledger {}\n", SeeLedger(server.ledger_path));
  if (!server.prometheus_url.empty()) fmt::print("metrics from {}\n", server.prometheus_url);
  for (const std::string& channel : DescribeAlerts(server))
    fmt::print("alerts go to {}\n", channel);
  for (const auto& service : configuration->services) PrintService(service);
  for (const risk::CodeSource& source : configuration->sources)
    fmt::print("what a version of {} changes is read in {}{}\n", source.service, source.repository,
               source.path.empty() ? "" : fmt::format(", below {}", source.path));
  for (const std::string& note : configuration->notes) fmt::print("note: {}\n", note);
  fmt::print(
      "\nTo paste into haproxy.cfg, as sections of their own:\n\n{}\nand into each frontend whose "
      "requests count:\n\n{}",
      telemetry::ProxyLog::RingSection(feed), telemetry::ProxyLog::LogFormat(feed));
  if (!backends.empty()) {
    fmt::print("\nand into the backend {}:\n\n{}", fmt::join(backends, ", "),
               traffic::HaproxyBackendLines());
  }
  if (server.feed_udp) {
    fmt::print(
        "\nWhat HAProxy sends over UDP while the daemon is away, or faster than it reads, is lost; "
        "that is measured, and holds rollouts while it is grave. tcp:// loses nothing.\n");
  }
  return kGood;
}

}  // namespace auspex::cli
