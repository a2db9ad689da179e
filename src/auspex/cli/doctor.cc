#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "auspex/base/clock.h"
#include "auspex/change/git/repository.h"
#include "auspex/cli/alerting.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/configuration.h"
#include "auspex/cli/environment.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/ledger_sight.h"
#include "auspex/cli/request_log_sight.h"
#include "auspex/storage/audit.h"
#include "auspex/storage/inspection.h"
#include "auspex/telemetry/sources/prometheus.h"
#include "auspex/telemetry/sources/udp_feed.h"
#include "auspex/traffic/register_routers.h"
#include "lab/process.h"

namespace auspex::cli {
namespace {

Finding LookAtGit() {
  const auto git = lab::FindProgram("git");
  return {"git", git.ok(), git.ok() ? git->string() : git.error().message + "; install it"};
}

// One that answers that it lacks something runs.
std::string MendRouter(const Error& error) {
  return error.code == ErrorCode::kNotFound
             ? "; change spec.traffic of the Service, or the router's own configuration"
             : "; start it, or change spec.traffic of the Service";
}

std::string_view Up(bool up) { return up ? "up" : "down"; }

std::string Describe(const std::string& name, const traffic::ServerView& server) {
  return fmt::format(
      "{} {} {}", name, server.share.ToPercent(),
      server.maintenance ? "in maintenance, until a deployment gives it traffic" : Up(server.up));
}

Finding LookAtProxy(const rollout::ServiceConfig& service, const traffic::ProxyView& proxy) {
  Finding finding{fmt::format("router of {}", service.name), false, ""};
  if (proxy.error) return finding.text = proxy.error->message + MendRouter(*proxy.error), finding;
  if (proxy.draw == traffic::Draw::kNotRandom) return finding.text = proxy.draw_note, finding;
  finding.good = true;
  std::string note;
  const auto down = [](const traffic::ServerView& server) {
    return !server.up && !server.maintenance;
  };
  const bool first_serves = proxy.baseline.share == Weight::Whole();
  if (!first_serves && proxy.canary.share != Weight::Whole()) {
    note = "; as in a rollout: for another to begin, one must have 100 %";
  } else if (down(first_serves ? proxy.baseline : proxy.canary)) {
    note = "; the one that serves is down: nothing can be compared with it";
  } else if (down(first_serves ? proxy.canary : proxy.baseline)) {
    note = "; the other is down: a deployment would wait for its health check";
  }
  finding.warning = !note.empty();
  finding.text = fmt::format("{}, {}{}", Describe(service.servers[0], proxy.baseline),
                             Describe(service.servers[1], proxy.canary), note);
  return finding;
}

// One finding for each proxy, and one more where they differ.
std::vector<Finding> LookAtRouter(const rollout::ServiceConfig& service) {
  const std::string what = fmt::format("router of {}", service.name);
  traffic::RouterRegistry routers;
  RegisterRouters(routers);
  auto router = routers.Create(service.router, service.router_config);
  if (!router.ok()) return {{what, false, router.error().message}};
  const auto view = (*router)->Observe(
      {.backend = service.backend, .baseline = service.servers[0], .canary = service.servers[1]},
      RealClock().Now() + 2s);
  if (!view.ok()) return {{what, false, view.error().message + MendRouter(view.error())}};
  std::vector<Finding> findings;
  bool answered = true;
  for (const traffic::ProxyView& proxy : view->proxies) {
    findings.push_back(LookAtProxy(service, proxy));
    if (view->proxies.size() > 1 && !proxy.error) {
      findings.back().text = fmt::format("{}: {}", proxy.name, findings.back().text);
    }
    answered = answered && !proxy.error;
    if (!proxy.error && proxy.draw == traffic::Draw::kUnknown)
      findings.push_back({.what = what, .text = proxy.draw_note, .warning = true});
  }
  if (answered && !traffic::WhoDisobeys(*view, view->weight).empty()) {
    findings.push_back({what, false,
                        "the proxies differ; set the same weights at all of them before a "
                        "deployment"});
  }
  return findings;
}

Finding LookAtMetrics(const ServerConfig& server) {
  const RealClock clock;
  auto source = telemetry::MakePrometheus({.url = server.prometheus_url,
                                           .bearer = server.prometheus_bearer,
                                           .ca_file = server.prometheus_ca},
                                          &clock);
  if (!source.ok()) return {"metrics", false, source.error().message};
  const auto answer = (*source)->Instant("vector(1)", clock.Wall(), clock.Now() + 2s);
  return {"metrics", answer.ok(),
          answer.ok() ? server.prometheus_url + " answers"
                      : answer.error().message +
                            "; start it, or change spec.metrics.prometheus of the Server"};
}

Finding LookAtLedger(const ServerConfig& server) {
  const auto seen = storage::InspectLedgerFile(server.ledger_path);
  if (!seen.ok()) return {"ledger", false, seen.error().message};
  if (const std::string trouble = LedgerTrouble(server.ledger_path, *seen); !trouble.empty())
    return {"ledger", false, trouble};
  const std::string text = DescribeLedger(server.ledger_path, *seen);
  if (!seen->exists) return {"ledger", true, text};
  const auto report = storage::VerifyLedgerFile(server.ledger_path, nullptr);
  if (!report.ok()) return {"ledger", false, report.error().message};
  if (report->Sound()) return {"ledger", true, text + "; chain unbroken"};
  return {
      "ledger", false,
      fmt::format("{}: `auspex audit verify` says more, `auspex restore` puts a backup in place",
                  report->finding)};
}

Finding LookAtSource(const risk::CodeSource& source) {
  const std::string what = fmt::format("source of {}", source.service);
  const auto repository = change::git::Repository::Open(source.repository);
  if (!repository.ok()) return {what, false, repository.error().message};
  if (repository->facts().shallow)
    return {.what = what,
            .text = source.repository +
                    " is a shallow clone, so its past teaches nothing; `git "
                    "fetch --unshallow` completes it",
            .warning = true};
  const auto head = repository->Resolve("HEAD");
  if (!head.ok()) return {what, false, head.error().message};
  if (!source.path.empty() && !repository->HasFolder(*head, source.path))
    return {what, false,
            fmt::format("{} has no folder '{}' at its HEAD; change source.path of the Service",
                        source.repository, source.path)};
  return {what, true, source.repository + " can be read"};
}

// Over TCP there is nothing that the environment could refuse.
Finding LookAtUdpFeed() {
  const auto buffer = telemetry::ProbeReceiveBuffer();
  if (!buffer.ok()) return {.what = "feed", .good = false, .text = buffer.error().message};
  const std::string advice = telemetry::Advice(*buffer);
  if (advice.empty()) {
    return {.what = "feed",
            .good = true,
            .text = fmt::format("UDP with a receive buffer of {} bytes", buffer->granted)};
  }
  return {.what = "feed", .good = true, .text = advice, .warning = true};
}

void Print(const Finding& finding, bool json) {
  if (json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"check", finding.what},
                                              {"good", finding.good},
                                              {"warning", finding.warning},
                                              {"text", finding.text}}
                           .dump());
  } else {
    fmt::print("{}  {:<24} {}\n",
               !finding.good     ? "FAIL"
               : finding.warning ? "warn"
                                 : "ok  ",
               finding.what, finding.text);
  }
}

// Of a daemon's partners and its machine, where there is a configuration.
std::vector<Finding> LookAround(const Configuration& configuration, const ClientOptions& client) {
  const ServerConfig& server = configuration.server;
  std::vector<Finding> findings{LookAtLedger(server), LookAtObjects(server),
                                LookAtPackedTicks(server)};
  for (Finding& port : LookAtPorts(server)) findings.push_back(std::move(port));
  if (!server.prometheus_url.empty()) findings.push_back(LookAtMetrics(server));
  if (server.feed_udp) findings.push_back(LookAtUdpFeed());
  for (Finding& finding : LookAtAlerts(server)) findings.push_back(std::move(finding));
  for (const auto& service : configuration.services) {
    for (Finding& finding : LookAtRouter(service)) findings.push_back(std::move(finding));
  }
  for (const risk::CodeSource& source : configuration.sources)
    findings.push_back(LookAtSource(source));
  for (Finding& finding : LookAtRequestLog(configuration, client))
    findings.push_back(std::move(finding));
  return findings;
}

}  // namespace

int Doctor(const std::vector<std::string>& files, const ClientOptions& client) {
  const bool json = client.json;
  Configuration configuration;
  if (!files.empty()) {
    Result<Configuration> read = ReadConfiguration(files);
    if (!read.ok()) return Complain("doctor", read.error());
    configuration = *std::move(read);
  }
  std::vector<Finding> findings{LookAtClock(configuration.server), LookAtGit()};
  if (!files.empty()) {
    for (Finding& finding : LookAround(configuration, client))
      findings.push_back(std::move(finding));
  }
  bool good = true;
  for (const Finding& finding : findings) {
    good = good && finding.good;
    Print(finding, json);
  }
  if (files.empty() && !json)
    fmt::print(stderr,
               "with --config FILE it looks at router, metrics, ledger, objects and ports too\n");
  return good ? kGood : kOutside;
}

}  // namespace auspex::cli
