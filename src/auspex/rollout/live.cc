#include "auspex/rollout/live.h"

#include <algorithm>
#include <utility>

namespace auspex::rollout {
namespace {

using telemetry::ArmWindow;
using telemetry::ServerTick;

ArmWindow WindowOf(const ServerTick& tick, const std::vector<std::string>& routes) {
  ArmWindow arm;
  arm.requests = static_cast<double>(tick.requests);
  arm.errors = static_cast<double>(tick.errors);
  if (tick.has_edges) {
    for (const std::int64_t slower : tick.slower) arm.slower.push_back(static_cast<double>(slower));
    arm.harmed = static_cast<double>(tick.harmed);
  }
  for (const std::string& name : routes) {
    const auto found = tick.routes.find(name);
    if (found == tick.routes.end()) {
      arm.routes.push_back({});
    } else {
      arm.routes.push_back(
          {static_cast<double>(found->second.requests), static_cast<double>(found->second.errors)});
    }
  }
  return arm;
}

void AddHealth(const traffic::ServerView& server, ArmWindow* arm) {
  arm->up = server.up;
  arm->in_flight = static_cast<double>(server.in_flight);
  arm->queued = static_cast<double>(server.queued);
  arm->most_in_flight = static_cast<double>(server.most_in_flight);
}

void AddToAggregate(const ScrapedTicks& ticks, const ScrapedCounts& scraped, double seconds,
                    BaselineAggregate* sum) {
  const ServerTick& baseline = ticks.baseline;
  BaselineAggregate seen{
      .latency_us = baseline.latency_us,
      .routes = baseline.routes,
      .requests = static_cast<double>(baseline.requests),
      .errors = static_cast<double>(baseline.errors),
      .requests_both = static_cast<double>(ticks.canary.requests + baseline.requests),
      .seconds = seconds,
      .bucket_edges_us = ticks.bucket_edges_us};
  for (const auto& [name, arms] : scraped.rates) seen.behaviour[name] = arms.baseline;
  Merge(seen, sum);
}

void CompareWithProxy(Live* live, const traffic::RouteView& view) {
  std::vector<std::int64_t> requests;
  for (const traffic::ProxyView& one : view.proxies) {
    if (one.error) return;  // its requests are in the feed and not in this count
    requests.push_back(one.canary.requests_total + one.baseline.requests_total);
  }
  live->balance.Add({.requests = std::move(requests),
                     .in_flight = view.canary.in_flight + view.baseline.in_flight,
                     .lines = live->lines_then,
                     .lines_of_proxy = live->proxy_lines_then});
}

// Names the proxies whose log is not connected, where that is why lines are missing.
std::string WhatTheFeedLacks(const Live& live, const traffic::RouteView& view) {
  std::string complaint = live.balance.Complaint();
  std::vector<std::string_view> silent;
  for (const std::size_t i : live.balance.Silent()) {
    if (i < view.proxies.size()) silent.push_back(view.proxies[i].name);
  }
  if (silent.empty()) return complaint;
  return fmt::format("{}; no line came from the proxy at {}: its log is not connected", complaint,
                     fmt::join(silent, ", "));
}

std::string WhyHold(const Live& live, const TickSources& sources) {
  if (sources.clock_jumped) return "the clock jumped";
  if (!live.seen) return "the router did not answer in time";
  if (!live.seen->ok()) return "the router does not answer: " + live.seen->error().message;
  const traffic::RouteView& view = live.seen->value();
  if (live.given) {
    const std::string who = traffic::WhoDisobeys(view, *live.given);
    if (!who.empty()) return fmt::format("the router does not obey: {}; it is set again", who);
  } else {
    const std::string who =
        live.wanted ? traffic::WhoDisobeys(view, live.router->Nearest(*live.wanted)) : "";
    return fmt::format("the router has not confirmed the weight{}{}", who.empty() ? "" : ": ", who);
  }
  if (std::string who = traffic::WhoDraws(view, traffic::Draw::kNotRandom); !who.empty())
    return who;
  const bool scraped = live.IsScraped();
  if (!scraped && !sources.requests->Health().connected)
    return "the proxy's request log is not connected" + sources.requests->HowToConnect();
  if (live.away > 2 * FromSeconds(live.TickSeconds()))
    return fmt::format("the daemon was away for {}", ToText(live.away));
  if (!live.metrics_failure.empty()) return live.metrics_failure;
  return scraped ? "" : WhatTheFeedLacks(live, view);
}

// What the metrics server said since the last tick, and the requests of the tick by whoever counts
// them.
ScrapedTicks TakeTicks(Live* live, const TickSources& sources, Inputs* inputs,
                       ScrapedCounts* scraped) {
  if (live->reading_done) {
    *scraped = live->scraped.Take(*live->reading_done);
    inputs->window.gauges = std::move(live->reading_done->gauges);
    for (const evidence::History::Gauge& gauge : live->rollout.spec.history.gauges) {
      const auto value = live->reading_done->baseline.find(gauge.name);
      if (gauge.learn && value != live->reading_done->baseline.end())
        inputs->window.baseline_values.insert(*value);
    }
    live->sample_age_s = live->reading_done->age_s;
    inputs->unseen = std::move(live->reading_done->unseen);
    live->metrics_failure = std::move(live->reading_done->failure);
    live->reading_done.reset();
  }
  const std::optional<WallTime> until =
      sources.clock_jumped ? std::nullopt : std::optional(live->tick_end_wall);
  ScrapedTicks ticks{.canary = sources.requests->Take(live->CanaryKey(), until),
                     .baseline = sources.requests->Take(live->BaselineKey(), until),
                     .bucket_edges_us = {},
                     .unseen = {}};
  if (!live->IsScraped()) return ticks;
  const bool running = live->rollout.phase == Phase::kRunning;
  ScrapedTicks counted =
      TicksOf(*scraped, live->service->signals, running ? live->rollout.spec.edges : std::nullopt);
  inputs->unseen.insert(inputs->unseen.end(), counted.unseen.begin(), counted.unseen.end());
  return counted;
}

}  // namespace

Inputs CloseTick(Live* live, double t_s, const TickSources& sources) {
  Inputs inputs;
  inputs.window.t_s = t_s;
  ScrapedCounts scraped;
  const ScrapedTicks ticks = TakeTicks(live, sources, &inputs, &scraped);
  const ServerTick& canary = ticks.canary;
  const ServerTick& baseline = ticks.baseline;
  inputs.window.canary = WindowOf(canary, live->rollout.spec.route_names);
  inputs.window.baseline = WindowOf(baseline, live->rollout.spec.route_names);
  AddBehaviour(scraped, live->rollout.spec, &inputs.window);
  if (live->seen && live->seen->ok() && !live->IsScraped())
    CompareWithProxy(live, live->seen->value());
  inputs.hold = WhyHold(*live, sources);
  inputs.weight_given = live->given;
  // A metrics server has looked where the baseline's counters moved: each tick has its requests.
  inputs.ends_known =
      live->IsScraped() ? baseline.requests > 0 : sources.requests->Health().connected;
  inputs.health_known = inputs.load_known = live->seen && live->seen->ok();
  if (live->seen && live->seen->ok()) {
    const traffic::RouteView& view = live->seen->value();
    inputs.weight_given = view.weight;
    AddHealth(view.canary, &inputs.window.canary);
    AddHealth(view.baseline, &inputs.window.baseline);
  }
  // The plain rule looks at no silence of its own. Before it runs its canary has no requests.
  const bool silent =
      live->rollout.phase == Phase::kRunning && (canary.requests == 0 || baseline.requests == 0);
  if (inputs.hold.empty() && live->rollout.spec.policy == Policy::kRule && silent)
    inputs.hold = "no requests on both versions";
  if (live->rollout.phase == Phase::kObserving) {
    inputs.window.observed =
        telemetry::Window::Observation{.latency_us = baseline.latency_us,
                                       .routes = baseline.routes,
                                       .bucket_edges_us = ticks.bucket_edges_us};
  }
  inputs.orders = std::move(live->orders);
  live->orders.clear();
  const double seconds = t_s - live->rollout.last.t_s;
  if (live->away > Duration(0)) inputs.covers_s = seconds + Seconds(live->away);
  AddToAggregate(ticks, scraped, std::max(seconds, inputs.covers_s), &live->aggregate);
  live->away = Duration(0);
  return inputs;
}

DeploymentView ViewOf(const Live& live) {
  DeploymentView view;
  view.id = live.announced.id;
  view.service = live.announced.service;
  view.version = live.announced.version;
  const Rollout& rollout = live.rollout;
  const bool before = rollout.phase == Phase::kObserving || rollout.phase == Phase::kStarting;
  view.state = live.ended_at                      ? "ended"
               : rollout.phase == Phase::kWaiting ? "waiting"
               : rollout.paused                   ? "paused"
               : before                           ? "observing"
                                                  : "running";
  view.pace = rollout.spec.pace;
  view.awaits_person =
      view.state == "waiting" || (view.state == "running" && rollout.awaits_person);
  view.last = rollout.last;
  view.weight_given = live.given;
  view.risk = rollout.spec.risk;
  view.alpha = rollout.spec.alpha;
  view.users_harmed = rollout.UsersHarmed();
  view.canary = rollout.canary;
  view.baseline = rollout.baseline;
  view.feed_lost = live.balance.lost();
  view.schedule = ScheduleOf(rollout);
  view.sample_age_s = live.sample_age_s;
  view.started_at = live.announced.at;
  view.ended_at = live.ended_at;
  return view;
}

}  // namespace auspex::rollout
