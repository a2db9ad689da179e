#include "auspex/api/metrics_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "auspex/alert/sender.h"

namespace auspex::api {
namespace {

void Add(std::string* page, std::string_view name, std::string_view type, std::string_view help,
         double value) {
  fmt::format_to(std::back_inserter(*page), "# HELP {0} {2}\n# TYPE {0} {1}\n{0} {3}\n", name, type,
                 help, value);
}

template <typename Value>
void AddEach(std::string* page, const std::vector<rollout::DeploymentView>& running,
             std::string_view name, std::string_view help, Value value) {
  if (running.empty()) return;
  fmt::format_to(std::back_inserter(*page), "# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
  for (const rollout::DeploymentView& view : running) {
    // Names of services and deployments need no escaping: letters, digits, '.', '_', '-'.
    fmt::format_to(std::back_inserter(*page),
                   "{}{{service=\"{}\",deployment=\"{}\",version=\"{}\"}} {}\n", name, view.service,
                   view.id, view.version, static_cast<double>(value(view)));
  }
}

// Of every server of each service that the log counts, whether or not a rollout runs: a log that is
// silent is found before a rollout needs it.
void AddLinesOfServers(std::string* page, const RestDependencies& d) {
  *page +=
      "# HELP auspex_feed_server_lines_total Request log lines of a server of a service.\n"
      "# TYPE auspex_feed_server_lines_total counter\n";
  for (const rollout::ServiceConfig& service : d.engine->services()) {
    if (service.Scraped()) continue;
    for (const std::string& server : service.servers) {
      fmt::format_to(std::back_inserter(*page),
                     "auspex_feed_server_lines_total{{service=\"{}\",server=\"{}\"}} {}\n",
                     service.name, server, d.requests->LinesHeard({service.backend, server}));
    }
  }
}

// Where nothing came yet there is no sample: 1970 would be an alert.
void AddLastLine(std::string* page, const telemetry::FeedHealth& feed) {
  if (!feed.last_line) return;
  Add(page, "auspex_feed_last_line_timestamp_seconds", "gauge",
      "End of the request whose line came last, since 1970.",
      static_cast<double>(MicrosSinceEpoch(*feed.last_line)) / 1e6);
}

// Every state of a rollout that has not ended, also those that none is in: a series that comes and
// goes is none to alert on.
void AddStates(std::string* page, const std::vector<rollout::DeploymentView>& running) {
  *page +=
      "# HELP auspex_rollouts Rollouts that have not ended, by state.\n"
      "# TYPE auspex_rollouts gauge\n";
  for (const std::string_view state : {"waiting", "observing", "running", "paused"}) {
    const auto count = std::count_if(running.begin(), running.end(),
                                     [&](const auto& view) { return MetricState(view) == state; });
    fmt::format_to(std::back_inserter(*page), "auspex_rollouts{{state=\"{}\"}} {}\n", state, count);
  }
}

void AddEnds(std::string* page, const rollout::Engine& engine) {
  *page +=
      "# HELP auspex_deployments_ended_total Deployments that ended, as the API's fields of these "
      "names say.\n"
      "# TYPE auspex_deployments_ended_total counter\n";
  for (const auto& [service, end, deployments] : engine.Ends()) {
    fmt::format_to(std::back_inserter(*page),
                   "auspex_deployments_ended_total{{service=\"{}\",decision=\"{}\",verdict=\"{}\","
                   "by=\"{}\"}} {}\n",
                   service, rollout::Name(end.decision), rollout::Name(end.verdict), end.by,
                   deployments);
  }
}

// What became of alerts, by channel.
void AddAlerts(std::string* page, const alert::AlertSender& alerts) {
  const auto counts = alerts.Counts();
  if (counts.empty()) return;
  *page +=
      "# HELP auspex_alerts_total Alerts by channel: sent, failed (refused, or not taken in time), "
      "dropped (the queue was full).\n"
      "# TYPE auspex_alerts_total counter\n";
  for (const auto& count : counts) {
    for (const auto& [result, value] :
         {std::pair{"sent", count.sent}, {"failed", count.failed}, {"dropped", count.dropped}}) {
      fmt::format_to(std::back_inserter(*page),
                     "auspex_alerts_total{{channel=\"{}\",result=\"{}\"}} {}\n", count.channel,
                     result, value);
    }
  }
  *page +=
      "# HELP auspex_alerts_waiting Alerts that wait for their channel.\n"
      "# TYPE auspex_alerts_waiting gauge\n";
  for (const auto& count : counts) {
    fmt::format_to(std::back_inserter(*page), "auspex_alerts_waiting{{channel=\"{}\"}} {}\n",
                   count.channel, count.waiting);
  }
}

}  // namespace

std::string_view MetricState(const rollout::DeploymentView& view) {
  return view.awaits_person ? std::string_view("waiting") : view.state;
}

std::string MetricsPage(const RestDependencies& d) {
  std::string page;
  const rollout::Engine::Counters counters = d.engine->counters();
  const telemetry::FeedHealth feed = d.requests->Health();
  const std::vector<rollout::DeploymentView> running = d.engine->Running();
  Add(&page, "auspex_decisions_total", "counter", "Decisions taken.",
      static_cast<double>(counters.decisions));
  Add(&page, "auspex_ledger_transactions_total", "counter", "Transactions of the engine.",
      static_cast<double>(counters.passes));
  Add(&page, "auspex_ledger_errors_total", "counter",
      "Transactions that the ledger refused and that were tried again.",
      static_cast<double>(counters.ledger_errors));
  Add(&page, "auspex_ledger_refuses", "gauge",
      "1 while the ledger takes no decisions and rollouts hold.",
      d.engine->LedgerTrouble().empty() ? 0 : 1);
  Add(&page, "auspex_router_errors_total", "counter", "Calls to routers that failed.",
      static_cast<double>(counters.router_errors));
  Add(&page, "auspex_router_reasserted_total", "counter",
      "Weights that had changed at the router and were set again.",
      static_cast<double>(counters.reasserted));
  Add(&page, "auspex_feed_connected", "gauge", "1 while a proxy sends its request log.",
      feed.connected ? 1 : 0);
  Add(&page, "auspex_feed_lines_total", "counter", "Request log lines understood.",
      static_cast<double>(feed.lines));
  Add(&page, "auspex_feed_malformed_total", "counter",
      "Request log frames or lines that were not understood.", static_cast<double>(feed.malformed));
  Add(&page, "auspex_feed_missing", "gauge",
      "Requests that the proxy numbered and the feed has not brought within a minute; falls when "
      "the line of a very long one comes after all.",
      static_cast<double>(feed.missing));
  Add(&page, "auspex_feed_unmatched_total", "counter", "Lines of servers that no rollout follows.",
      static_cast<double>(feed.unmatched));
  Add(&page, "auspex_feed_dropped_total", "counter",
      "Lines that the kernel threw away because the receive buffer was full (UDP).",
      static_cast<double>(feed.dropped));
  Add(&page, "auspex_feed_duplicates_total", "counter", "Lines that came twice and count once.",
      static_cast<double>(feed.duplicates));
  Add(&page, "auspex_feed_early_total", "counter",
      "Lines that came more than a second before the end they claim.",
      static_cast<double>(feed.early));
  Add(&page, "auspex_feed_clock_offset_seconds", "gauge",
      "By how much the furthest proxy's clock is ahead of ours; below 0: behind, or held up.",
      Seconds(feed.clock_offset));
  Add(&page, "auspex_feed_buffer_bytes", "gauge",
      "Receive buffer that the kernel granted; 0 over TCP.",
      static_cast<double>(feed.buffer_bytes));
  AddLastLine(&page, feed);
  AddLinesOfServers(&page, d);
  Add(&page, "auspex_event_streams", "gauge", "Readers of GET /api/v1/events.",
      static_cast<double>(d.events->readers()));
  AddStates(&page, running);
  AddEnds(&page, *d.engine);
  if (d.alerts != nullptr) AddAlerts(&page, *d.alerts);
  AddEach(&page, running, "auspex_weight_ratio", "Share of traffic asked for the canary, 0 to 1.",
          [](const auto& v) { return v.last.weight.share(); });
  AddEach(&page, running, "auspex_p_fail_ratio",
          "Probability that the canary is faulty now, 0 to 1.",
          [](const auto& v) { return v.last.p_fail; });
  AddEach(&page, running, "auspex_log_e", "Natural logarithm of the evidence against the canary.",
          [](const auto& v) { return v.last.log_e; });
  AddEach(&page, running, "auspex_feed_lost",
          "Requests that the proxy counted and the feed did not bring.",
          [](const auto& v) { return v.feed_lost; });
  AddEach(&page, running, "auspex_users_harmed",
          "Requests harmed beyond what the baseline would have.",
          [](const auto& v) { return v.users_harmed; });
  return page;
}

}  // namespace auspex::api
