#include <fmt/core.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "auspex/base/clock.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/configuration.h"
#include "auspex/cli/exit_code.h"
#include "auspex/storage/audit.h"
#include "auspex/telemetry/sources/prometheus.h"
#include "auspex/traffic/register_routers.h"
#include "lab/process.h"

namespace auspex::cli {
namespace {

struct Finding {
  std::string what;
  bool good = true;
  std::string text;  // what was found, or how to mend it
};

Finding LookAtGit() {
  const auto git = lab::FindProgram("git");
  return {"git", git.ok(), git.ok() ? git->string() : git.error().message};
}

std::string_view Up(bool up) { return up ? "up" : "down"; }

std::string Describe(const std::string& name, const traffic::ServerView& server) {
  return fmt::format(
      "{} {} {}", name, server.share.ToPercent(),
      server.maintenance ? "in maintenance, until a deployment gives it traffic" : Up(server.up));
}

Finding LookAtProxy(const rollout::ServiceConfig& service, const traffic::ProxyView& proxy) {
  Finding finding{fmt::format("router of {}", service.name), false, ""};
  if (proxy.error) return finding.text = proxy.error->message, finding;
  finding.good = proxy.canary.share == Weight::Whole() || proxy.baseline.share == Weight::Whole();
  finding.text =
      fmt::format("{}, {}{}", Describe(service.servers[0], proxy.baseline),
                  Describe(service.servers[1], proxy.canary),
                  finding.good ? "" : "; before a deployment one of them must have 100 %");
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
  if (!view.ok()) return {{what, false, view.error().message}};
  std::vector<Finding> findings;
  bool answered = true;
  for (const traffic::ProxyView& proxy : view->proxies) {
    findings.push_back(LookAtProxy(service, proxy));
    if (view->proxies.size() > 1 && !proxy.error) {
      findings.back().text = fmt::format("{}: {}", proxy.name, findings.back().text);
    }
    answered = answered && !proxy.error;
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
          answer.ok() ? server.prometheus_url + " answers" : answer.error().message};
}

Finding LookAtLedger(const ServerConfig& server) {
  const std::filesystem::path folder = std::filesystem::path(server.ledger_path).parent_path();
  if (std::filesystem::exists(server.ledger_path)) {
    const auto report = storage::VerifyLedgerFile(server.ledger_path, nullptr);
    if (!report.ok()) return {"ledger", false, report.error().message};
    return {"ledger", report->Sound(),
            report->Sound()
                ? fmt::format("{}: {} entries, chain unbroken", server.ledger_path, report->entries)
                : report->finding};
  }
  std::filesystem::path there = folder.empty() ? "." : folder;
  while (!there.empty() && !std::filesystem::exists(there)) there = there.parent_path();
  const bool writable = ::access(there.empty() ? "." : there.c_str(), W_OK) == 0;
  return {"ledger", writable,
          writable ? server.ledger_path + " will be made"
                   : fmt::format("{} cannot be written; change its owner or spec.ledger.path",
                                 there.string())};
}

Finding LookAtClock() {
  const auto year =
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(RealClock().Wall())).year();
  const bool good = year >= std::chrono::year(2024);
  return {"clock", good,
          good ? ToRfc3339(RealClock().Wall())
               : "the clock says " + ToRfc3339(RealClock().Wall()) + "; set it, or run NTP"};
}

}  // namespace

int Doctor(const std::vector<std::string>& files, bool json) {
  std::vector<Finding> findings{LookAtClock(), LookAtGit()};
  if (!files.empty()) {
    const Result<Configuration> configuration = ReadConfiguration(files);
    if (!configuration.ok()) return Complain("doctor", configuration.error());
    findings.push_back(LookAtLedger(configuration->server));
    if (!configuration->server.prometheus_url.empty())
      findings.push_back(LookAtMetrics(configuration->server));
    for (const auto& service : configuration->services) {
      for (Finding& finding : LookAtRouter(service)) findings.push_back(std::move(finding));
    }
  }
  bool good = true;
  for (const Finding& finding : findings) {
    good = good && finding.good;
    if (json) {
      fmt::print("{}\n",
                 nlohmann::ordered_json{
                     {"check", finding.what}, {"good", finding.good}, {"text", finding.text}}
                     .dump());
    } else {
      fmt::print("{}  {:<24} {}\n", finding.good ? "ok  " : "FAIL", finding.what, finding.text);
    }
  }
  return good ? kGood : kOutside;
}

}  // namespace auspex::cli
