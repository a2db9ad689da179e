#include "auspex/cli/request_log_sight.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "auspex/base/clock.h"
#include "auspex/cli/client.h"
#include "auspex/traffic/register_routers.h"

namespace auspex::cli {
namespace {

using nlohmann::json;

constexpr Duration kBetweenLooks = 2s;
constexpr Duration kPatience = 2s;  // for a router
// So many requests without a line are no accident of when they were counted.
constexpr std::int64_t kEnough = 5;
// Below that share of the requests as lines the log loses some: what is counted is no longer what
// was served.
constexpr double kGoodShare = 0.95;
// So many lines may still be on their way.
constexpr std::int64_t kOnTheirWay = 2;

// A daemon that listens on all addresses of this machine is asked on its loopback.
std::string Reachable(const std::string& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  if (address == "[::]" || address == "::") return "[::1]";
  return address;
}

std::string AddressOf(const ServerConfig& server) {
  return fmt::format("{}://{}:{}", server.tls_certificate.empty() ? "http" : "https",
                     Reachable(server.address), server.port);
}

// Lines of each service so far.
using Lines = std::map<std::string, std::int64_t>;
Result<Lines> LinesNow(const ClientOptions& client) {
  AUSPEX_TRY(const std::string text, GetApi(client, "/api/v1/feed"));
  const json feed = json::parse(text, nullptr, false);
  if (!feed.is_object() || !feed.contains("servers"))
    return Fail(ErrorCode::kUnavailable, "{} does not say what its feed brought", client.server);
  Lines lines;
  for (const json& server : feed["servers"])
    lines[server.value("service", "")] += server.value("lines", std::int64_t{0});
  return lines;
}

// Requests that all proxies together have ended; nullopt where one does not answer.
std::optional<std::int64_t> EndedNow(traffic::Router* router,
                                     const rollout::ServiceConfig& service) {
  const auto view = router->Observe(
      {.backend = service.backend, .baseline = service.servers[0], .canary = service.servers[1]},
      RealClock().Now() + kPatience);
  if (!view.ok()) return std::nullopt;
  std::int64_t ended = 0;
  for (const traffic::ProxyView& proxy : view->proxies) {
    if (proxy.error) return std::nullopt;
    for (const traffic::ServerView* server : {&proxy.baseline, &proxy.canary})
      ended += server->requests_total - server->in_flight;
  }
  return ended;
}

struct Looked {
  const rollout::ServiceConfig* service;
  std::unique_ptr<traffic::Router> router;
  std::int64_t ended = 0;
};

// Of services that the log counts and whose proxies answer; those that do not have findings of
// their own.
std::vector<Looked> FirstLook(const Configuration& configuration) {
  traffic::RouterRegistry routers;
  RegisterRouters(routers);
  std::vector<Looked> looked;
  for (const rollout::ServiceConfig& service : configuration.services) {
    if (service.Scraped()) continue;
    auto router = routers.Create(service.router, service.router_config);
    if (!router.ok()) continue;
    if (const auto ended = EndedNow(router->get(), service))
      looked.push_back({.service = &service, .router = *std::move(router), .ended = *ended});
  }
  return looked;
}

Finding NotChecked(const Error& error) {
  const bool token = error.code == ErrorCode::kPermissionDenied;
  return {.what = "request log",
          .good = true,
          .text = fmt::format("not checked: {}{}", error.message,
                              token ? "; set AUSPEX_TOKEN to a token of the role viewer" : ""),
          .warning = true};
}

}  // namespace

Finding JudgeRequestLog(const std::string& service, const std::string& backend,
                        const LogLook& look) {
  Finding finding{.what = "request log of " + service, .good = true, .text = ""};
  const auto lines = static_cast<double>(look.lines);
  const auto ended = static_cast<double>(look.ended);
  if (look.lines > 0) {
    // Lines of more than that come where the looks are not quite together.
    const std::string share =
        look.ended > 0 ? fmt::format(" ({:.0f} %)", std::min(100.0, 100.0 * lines / ended)) : "";
    finding.text = fmt::format("{} lines of {} requests{} in {:.1f} s", look.lines,
                               std::max<std::int64_t>(look.ended, 0), share, look.seconds);
    if (lines < kGoodShare * ended && look.ended - look.lines > kOnTheirWay) {
      finding.warning = true;
      finding.text = fmt::format(
          "lossy: {}; what is not told is not judged. Put the lines that `auspex check` prints "
          "into "
          "each frontend that uses backend {}, give its ring room, and use tcp://, which loses "
          "nothing",
          finding.text, backend);
    }
  } else if (look.ended < kEnough) {
    finding.text = fmt::format(
        "not checked: its servers ended {} requests in {:.1f} s; look again under traffic",
        std::max<std::int64_t>(look.ended, 0), look.seconds);
    finding.warning = true;
  } else {
    finding.good = false;
    finding.text = fmt::format(
        "silent: its servers ended {} requests in {:.1f} s, and no line of them came, so a rollout "
        "would hold; put the `log` and `log-format` lines that `auspex check` prints into each "
        "frontend that uses backend {}, and the sections beside them, and reload the proxy",
        look.ended, look.seconds, backend);
  }
  return finding;
}

std::vector<Finding> LookAtRequestLog(const Configuration& configuration, ClientOptions client) {
  const bool counted = std::any_of(configuration.services.begin(), configuration.services.end(),
                                   [](const auto& service) { return !service.Scraped(); });
  if (!counted) return {};
  if (client.server == ClientOptions().server) client.server = AddressOf(configuration.server);
  const auto before = LinesNow(client);
  if (!before.ok()) return {NotChecked(before.error())};
  const MonotonicTime begun = RealClock().Now();
  std::vector<Looked> looked = FirstLook(configuration);
  if (looked.empty()) return {};
  std::this_thread::sleep_for(kBetweenLooks);
  std::vector<Finding> findings;
  for (Looked& one : looked) {
    const auto ended = EndedNow(one.router.get(), *one.service);
    if (!ended) continue;
    const auto after = LinesNow(client);
    if (!after.ok()) return {NotChecked(after.error())};
    const std::string& name = one.service->name;
    const auto lines = [&name](const Lines& of) {
      const auto found = of.find(name);
      return found == of.end() ? std::int64_t{0} : found->second;
    };
    findings.push_back(JudgeRequestLog(name, one.service->backend,
                                       {.ended = *ended - one.ended,
                                        .lines = lines(*after) - lines(*before),
                                        .seconds = Seconds(RealClock().Now() - begun)}));
  }
  return findings;
}

}  // namespace auspex::cli
