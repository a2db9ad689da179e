#include <fmt/core.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "auspex/api/access.h"
#include "auspex/api/event_hub.h"
#include "auspex/api/http_server.h"
#include "auspex/api/rest.h"
#include "auspex/base/log_writer.h"
#include "auspex/builds/ledger/fact_log.h"
#include "auspex/builds/payload.h"
#include "auspex/change/git/history_cache.h"
#include "auspex/cli/access.h"
#include "auspex/cli/alerting.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/configuration.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/foretold.h"
#include "auspex/cli/ledger_sight.h"
#include "auspex/cli/rollout_alerts.h"
#include "auspex/risk/assessor.h"
#include "auspex/risk/change_source.h"
#include "auspex/risk/known_facts.h"
#include "auspex/rollout/engine.h"
#include "auspex/storage/filesystem/filesystem_store.h"
#include "auspex/storage/retention.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "auspex/telemetry/sources/prometheus.h"
#include "auspex/telemetry/sources/proxy_log.h"
#include "auspex/traffic/register_routers.h"

namespace auspex::cli {
namespace {

constexpr timespec kFollowEvery{.tv_sec = 1, .tv_nsec = 0};
// Beside connections: ledger, feed, routers, metrics, files.
constexpr rlim_t kOtherDescriptors = 512;

// Everything that the daemon stands on. Members are in the order of their making; each outlives
// what follows.
struct Daemon {
  RealClock clock;
  LogWriter log_writer{STDERR_FILENO};
  Logger log{LogLevel::kInfo, log_writer.ToSink()};
  std::unique_ptr<AccessFiles> access;
  std::unique_ptr<api::EventHub> events;
  std::unique_ptr<RolloutAlerts> rollout_alerts;
  std::unique_ptr<alert::AlertSender> alerts;
  traffic::RouterRegistry routers;
  std::unique_ptr<storage::ObjectStore> objects;
  std::unique_ptr<storage::Ledger> ledger;
  std::unique_ptr<telemetry::ProxyLog> feed;
  std::unique_ptr<telemetry::MetricSource> metrics;
  std::unique_ptr<rollout::Engine> engine;
  std::unique_ptr<builds::FactLog> facts;
  std::unique_ptr<risk::Assessor> assessor;
  std::unique_ptr<risk::ChangeSource> changes;  // null: no service has a source
  std::unique_ptr<api::HttpServer> server;
  std::unique_ptr<storage::Retention> retention;
};

// The usual limit of 1,024 is below what the configuration may ask for; the hard one seldom is.
void RaiseDescriptorLimit(std::size_t connections, const Logger& log) {
  const rlim_t wanted = connections + kOtherDescriptors;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) {
    log.Warn("few_descriptors", {{"have", limit.rlim_cur},
                                 {"wanted", wanted},
                                 {"mend", "raise `ulimit -Hn`, or lower limits.connections"}});
  }
}

Result<std::unique_ptr<api::HttpServer>> StartServer(const ServerConfig& server,
                                                     const api::Routes& routes, const Daemon& d) {
  api::ServerOptions options{.address = server.address,
                             .port = static_cast<std::uint16_t>(server.port),
                             .limits = {.connections = server.connections,
                                        .large_under = api::kIngestPrefix,
                                        .large_body_bytes = builds::kMaxPayloadBytes},
                             .tls = d.access->tls(),
                             .gate = nullptr};
  options.gate = std::make_shared<api::Access>(
      d.access->tokens(), api::RateLimits{.per_s = server.requests_per_s, .burst = server.burst},
      &d.clock);
  return api::HttpServer::Start(options, routes.ToHandler(), d.log);
}

Status OpenAlerts(const ServerConfig& server, Daemon* d) {
  AUSPEX_TRY(auto channels, MakeChannels(server, {.clock = &d->clock, .log = &d->log}));
  d->rollout_alerts = std::make_unique<RolloutAlerts>(PublicUrl(server));
  d->alerts = std::make_unique<alert::AlertSender>(std::move(channels),
                                                   alert::AlertSender::Options{}, &d->log);
  return {};
}

// To readers of events, and to whom alerts go. On the engine's thread: nothing here waits.
void OnEvent(const rollout::Engine::Event& event, Daemon* d) {
  d->events->Publish(event.type, event.deployment, event.json);
  for (const alert::Alert& alert :
       d->rollout_alerts->From(event.type, event.deployment, event.json, d->clock.Wall()))
    d->alerts->Send(alert);
}

constexpr Duration kForetellPatience = 2s;

// Before the deployment is stored or moves: on the thread of whoever announces it.
void Foretell(const std::string& deployment, const risk::Prediction& prediction,
              const std::string& public_url, Daemon* d) {
  const alert::Alert alert = ForetoldAlert(deployment, prediction, public_url);
  d->log.Warn("failure_predicted",
              {{"deployment", deployment}, {"p_fail", prediction.risk()}, {"what", alert.summary}});
  d->events->Publish("alert", deployment, ForetoldEvent(deployment, prediction, alert));
  d->rollout_alerts->Add(alert);
  if (!d->alerts->SendAndWait(alert, kForetellPatience))
    d->log.Warn("foretold_late",
                {{"deployment", deployment},
                 {"why", "a channel has not taken the alert yet, and is tried on"}});
}

// What else is known at the time of an announcement.
risk::Known FactsOf(const Daemon& d, std::string_view service, const risk::ChangeFacts& change,
                    WallTime at) {
  Result<risk::Known> known = KnownFacts(*d.facts, service, change, at);
  if (known.ok()) return *std::move(known);
  d.log.Warn("facts_not_read", {{"service", service}, {"why", known.error().message}});
  return {};
}

// What the program that reads repositories needs of our environment. Where that has no place for
// caches, theirs is beside the ledger: without one it would learn everything anew each time.
std::vector<std::pair<std::string, std::string>> ReaderEnvironment(const ServerConfig& server) {
  std::vector<std::pair<std::string, std::string>> env;
  for (const char* name : {"PATH", "HOME", "XDG_CACHE_HOME", "TMPDIR", "TZ"}) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread of ours changes the environment
    if (const char* const value = std::getenv(name); value != nullptr)
      env.emplace_back(name, value);
  }
  if (change::git::HistoryCache::DefaultFolder().empty()) {
    std::error_code failed;
    const auto ledger = std::filesystem::absolute(server.ledger_path, failed);
    env.emplace_back("XDG_CACHE_HOME", (ledger.parent_path() / "cache").string());
  }
  return env;
}

// The API, and what predicts the deployments that it announces.
api::Routes RoutesOf(const ServerConfig& server, Daemon* d) {
  d->assessor = std::make_unique<risk::Assessor>(risk::Assessor::Dependencies{
      .ledger = d->ledger.get(),
      .clock = &d->clock,
      .log = &d->log,
      .facts = [d](std::string_view service, const std::string&, const risk::ChangeFacts& change,
                   WallTime at) { return FactsOf(*d, service, change, at); },
      .told = [d](std::size_t* from) { return d->facts->ToldOutcomes(from); }});
  api::Routes routes;
  AddRestRoutes({.engine = d->engine.get(),
                 .ledger = d->ledger.get(),
                 .requests = d->feed.get(),
                 .events = d->events.get(),
                 .alerts = d->alerts.get(),
                 .facts = d->facts.get(),
                 .webhooks = server.webhooks,
                 .clock = &d->clock,
                 .log = &d->log,
                 .assessor = d->assessor.get(),
                 .changes = d->changes.get(),
                 .foretell =
                     [d, url = PublicUrl(server)](const std::string& deployment,
                                                  const risk::Prediction& prediction) {
                       Foretell(deployment, prediction, url, d);
                     },
                 .withdraw =
                     [d](const std::string& deployment) {
                       for (const alert::Alert& alert :
                            d->rollout_alerts->Withdraw(deployment, d->clock.Wall()))
                         d->alerts->Send(alert);
                     }},
                &routes);
  return routes;
}

Status Open(const Configuration& configuration, Daemon* d) {
  const ServerConfig& server = configuration.server;
  const std::string address = fmt::format("{}:{}", server.address, server.port);
  for (const std::string& note : configuration.notes)
    d->log.Warn("configuration_ignored", {{"note", note}});
  AUSPEX_TRY(d->access, AccessFiles::Load(server, &d->log));
  d->events = std::make_unique<api::EventHub>(api::EventHubOptions{
      .first_id = api::FirstEventId(RealClock().Wall()), .readers = server.event_streams});
  AUSPEX_TRY(OpenAlerts(server, d));
  RegisterRouters(d->routers);
  AUSPEX_TRY(d->objects, storage::FilesystemStore::Open(server.objects_path));
  AUSPEX_TRY(d->ledger, storage::SqliteLedger::Open({.path = server.ledger_path,
                                                     .objects = d->objects.get(),
                                                     .clock = &d->clock,
                                                     .address = address}));
  AUSPEX_TRY(d->feed, telemetry::ProxyLog::Listen(FeedOf(server), d->log));
  if (!server.prometheus_url.empty()) {
    AUSPEX_TRY(d->metrics, telemetry::MakePrometheus({.url = server.prometheus_url,
                                                      .bearer = server.prometheus_bearer,
                                                      .ca_file = server.prometheus_ca},
                                                     &d->clock));
  }
  AUSPEX_TRY(d->engine,
             rollout::Engine::Create({.ledger = d->ledger.get(),
                                      .requests = d->feed.get(),
                                      .metrics = d->metrics.get(),
                                      .routers = &d->routers,
                                      .clock = &d->clock,
                                      .log = &d->log,
                                      .on_event = [d](const auto& event) { OnEvent(event, d); }},
                                     configuration.services));
  AUSPEX_TRY(d->facts, builds::FactLog::Open(d->ledger.get()));
  if (d->facts->damaged() > 0) d->log.Warn("facts_not_read", {{"entries", d->facts->damaged()}});
  if (!configuration.sources.empty()) {
    d->changes = std::make_unique<risk::ChangeSource>(
        risk::ChangeSource::Dependencies{.ledger = d->ledger.get(),
                                         .clock = &d->clock,
                                         .log = &d->log,
                                         .program = {"/proc/self/exe", "risk"},
                                         .env = ReaderEnvironment(server)},
        configuration.sources);
  }
  // Only now: lines of running deployments find their servers tracked.
  AUSPEX_TRY(d->feed->Start());
  const api::Routes routes = RoutesOf(server, d);
  AUSPEX_TRY(d->server, StartServer(server, routes, *d));
  d->log.Info("listening", {{"api", fmt::format("{}://{}:{}", d->access->tls() ? "https" : "http",
                                                server.address, d->server->port())},
                            {"tokens", d->access->tokens() != nullptr},
                            {"feed_port", d->feed->port()},
                            {"folder", WorkingFolder()}});
  d->retention = std::make_unique<storage::Retention>(
      d->ledger.get(), &d->clock, &d->log, storage::Retention::Options{.keep = server.keep_ticks});
  return {};
}

void RunUntilSignalled(const sigset_t& signals, Daemon* d) {
  while (true) {
    const int number = ::sigtimedwait(&signals, nullptr, &kFollowEvery);
    if (number == SIGTERM || number == SIGINT) return;
    d->access->Follow(number == SIGHUP, d->server.get());
    if (number == SIGHUP) {
      d->log.Info("reload_asked",
                  {{"read_again", d->access->WhatIsFollowed()},
                   {"not_read_again", "the configuration: its changes need a restart"}});
    }
  }
}

}  // namespace

int Serve(const std::vector<std::string>& files) {
  const Result<Configuration> configuration = ReadConfiguration(files);
  if (!configuration.ok()) return Complain("serve", configuration.error());
  // Before any thread: all inherit it, and only this one waits for the signals.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is a full disk, and no reason to die
  const auto daemon = std::make_unique<Daemon>();
  if (const Status opened = Open(*configuration, daemon.get()); !opened.ok()) {
    return ComplainOfLedger("serve", opened.error(), configuration->server.ledger_path);
  }
  RaiseDescriptorLimit(configuration->server.connections, daemon->log);
  RunUntilSignalled(signals, daemon.get());
  daemon->log.Info("stopping");
  if (daemon->changes) daemon->changes->Stop();  // nobody waits for it any more
  daemon->events->Close();
  daemon->server->Stop();
  daemon->retention.reset();
  daemon->engine.reset();
  return kGood;
}

}  // namespace auspex::cli
