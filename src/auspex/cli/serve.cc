#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "auspex/api/event_hub.h"
#include "auspex/api/http_server.h"
#include "auspex/api/rest.h"
#include "auspex/base/log_writer.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/configuration.h"
#include "auspex/cli/exit_code.h"
#include "auspex/rollout/engine.h"
#include "auspex/storage/filesystem/filesystem_store.h"
#include "auspex/storage/sqlite/sqlite_ledger.h"
#include "auspex/telemetry/sources/prometheus.h"
#include "auspex/telemetry/sources/proxy_log.h"
#include "auspex/traffic/register_routers.h"

namespace auspex::cli {
namespace {

constexpr long kHourSeconds = 3600;
constexpr int kHoursOfDay = 24;

// Everything that the daemon stands on. Members are in the order of their making; each outlives
// what follows.
struct Daemon {
  RealClock clock;
  LogWriter log_writer{STDERR_FILENO};
  Logger log{LogLevel::kInfo, log_writer.ToSink()};
  api::EventHub events{{.first_id = api::FirstEventId(RealClock().Wall())}};
  traffic::RouterRegistry routers;
  std::unique_ptr<storage::ObjectStore> objects;
  std::unique_ptr<storage::Ledger> ledger;
  std::unique_ptr<telemetry::ProxyLog> feed;
  std::unique_ptr<telemetry::MetricSource> metrics;
  std::unique_ptr<rollout::Engine> engine;
  std::unique_ptr<api::HttpServer> server;
};

Status Open(const Configuration& configuration, Daemon* d) {
  const ServerConfig& server = configuration.server;
  const std::string address = fmt::format("{}:{}", server.address, server.port);
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
  AUSPEX_TRY(d->engine, rollout::Engine::Create(
                            {.ledger = d->ledger.get(),
                             .requests = d->feed.get(),
                             .metrics = d->metrics.get(),
                             .routers = &d->routers,
                             .clock = &d->clock,
                             .log = &d->log,
                             .on_event =
                                 [d](const auto& event) {
                                   d->events.Publish(event.type, event.deployment, event.json);
                                 }},
                            configuration.services));
  // Only now: lines of running deployments find their servers tracked.
  AUSPEX_TRY(d->feed->Start());
  api::Routes routes;
  AddRestRoutes({.engine = d->engine.get(),
                 .ledger = d->ledger.get(),
                 .requests = d->feed.get(),
                 .events = &d->events,
                 .clock = &d->clock,
                 .log = &d->log},
                &routes);
  AUSPEX_TRY(d->server, api::HttpServer::Start({.address = server.address,
                                                .port = static_cast<std::uint16_t>(server.port)},
                                               routes.ToHandler(), d->log));
  d->log.Info("listening", {{"api", fmt::format("http://{}:{}", server.address, d->server->port())},
                            {"feed_port", d->feed->port()}});
  return {};
}

void Expire(const ServerConfig& server, Daemon* d) {
  const auto expired = d->ledger->Expire(
      d->clock.Wall() - std::chrono::duration_cast<std::chrono::microseconds>(server.keep_ticks));
  if (!expired.ok())
    d->log.Warn("expire_failed", {{"error", expired.error().message}});
  else if (*expired > 0)
    d->log.Info("ticks_expired", {{"objects", *expired}});
}

}  // namespace

int Serve(const std::vector<std::string>& files) {
  const Result<Configuration> configuration = ReadConfiguration(files);
  if (!configuration.ok()) return Complain("serve", configuration.error());
  // Before any thread: all inherit it, and only this one waits for the signals.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT}) sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is a full disk, and no reason to die
  const auto daemon = std::make_unique<Daemon>();
  if (const Status opened = Open(*configuration, daemon.get()); !opened.ok()) {
    const int code = Complain("serve", opened.error());
    if (opened.error().code == ErrorCode::kDataLoss)
      fmt::print(stderr,
                 "`auspex audit verify {0}` tells what is damaged; move {0} away and `auspex "
                 "restore` puts a backup in its place\n",
                 configuration->server.ledger_path);
    return code;
  }
  for (int hour = 0;; ++hour) {
    if (hour % kHoursOfDay == 0) Expire(configuration->server, daemon.get());
    const timespec patience{.tv_sec = kHourSeconds, .tv_nsec = 0};
    if (::sigtimedwait(&signals, nullptr, &patience) > 0) break;
  }
  daemon->log.Info("stopping");
  daemon->events.Close();
  daemon->server->Stop();
  daemon->engine.reset();
  return kGood;
}

}  // namespace auspex::cli
