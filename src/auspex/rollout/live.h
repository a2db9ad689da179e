#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auspex/rollout/deployment_view.h"
#include "auspex/rollout/history.h"
#include "auspex/rollout/lesson.h"
#include "auspex/rollout/replay.h"
#include "auspex/rollout/rollout.h"
#include "auspex/rollout/scraped.h"
#include "auspex/rollout/service_config.h"
#include "auspex/rollout/signals.h"
#include "auspex/telemetry/feed_balance.h"
#include "auspex/telemetry/telemetry.h"
#include "auspex/traffic/router.h"

namespace auspex::rollout {

// One deployment while the engine runs it: the pure rollout and what the shell knows around it.
// Belongs to the engine's thread; not thread-safe.
struct Live {
  Announced announced;
  const ServiceConfig* service = nullptr;
  std::shared_ptr<traffic::Router> router;
  traffic::Route route;
  Rollout rollout;

  // Ticks: the one at hand ends at `tick_end`; 200 ms later it is closed.
  MonotonicTime epoch;  // t_s = 0
  MonotonicTime tick_end;
  bool closing = false;  // the end has come, lines of the last moments are awaited
  WallTime tick_end_wall;
  std::optional<Duration>
      wall_offset;  // wall clock minus monotonic clock, when last looked: a jump shows as a change
  std::vector<Order> orders;

  // The router.
  std::optional<Weight> given;   // last confirmed; nullopt: unknown
  std::optional<Weight> wanted;  // last asked of the router
  bool applying = false;         // a call is under way
  bool observing = false;
  std::optional<Result<traffic::RouteView>> seen;  // of this tick
  // What the feed had brought when the router was seen: of both servers, and from each proxy that
  // the view names (FeedBalance::Look).
  std::int64_t lines_then = 0;
  std::vector<std::int64_t> proxy_lines_then;
  MonotonicTime retry_at;  // no call before this
  std::string router_error;
  bool admit = false;     // its slot is to be put in service, at whatever weight
  bool admitted = false;  // it is: the first traffic does it in any case
  int evictions = 0;      // times that the router was asked to evict the canary

  // Metrics. A reading counts once, in the tick in which it arrives: a server may take longer than
  // a tick's end allows.
  bool reading = false;
  std::optional<SignalReading> reading_done;
  ScrapeMemory scraped;
  std::optional<double> sample_age_s;  // of a scraped service: SignalReading::age_s, as last told
  std::string metrics_failure;         // of the last answer; holds until there is a good one

  telemetry::FeedBalance balance;  // the feed against the proxy's own count

  // The daemon was not there for so long before the tick at hand, wall time.
  Duration away{};

  bool finishing = false;  // it has ended; the router has yet to confirm
  // What was last alerted, by who found it: the same trouble is told once.
  std::map<std::string, std::string, std::less<>> alerted;
  BaselineAggregate aggregate;  // of its baseline, seen since it was last stored
  LessonRecorder lesson;        // of the rollout, all of it
  std::optional<WallTime> ended_at;

  // One that waits for a person has nothing to measure; an order closes its tick at once.
  [[nodiscard]] double TickSeconds() const {
    constexpr double kWaitingSeconds = 60.0;
    return rollout.phase == Phase::kWaiting ? kWaitingSeconds : rollout.spec.tick_s;
  }
  // Proven bad: weight 0 is not enough, for a cookie keeps its clients on the canary.
  [[nodiscard]] bool MustEvict() const {
    return rollout.last.action == Action::kRollBack && rollout.last.verdict == Verdict::kFail;
  }
  // Without a per-request feed.
  [[nodiscard]] bool IsScraped() const { return service != nullptr && service->Scraped(); }
  [[nodiscard]] telemetry::ServerKey CanaryKey() const { return {route.backend, route.canary}; }
  [[nodiscard]] telemetry::ServerKey BaselineKey() const { return {route.backend, route.baseline}; }
};

struct TickSources {
  telemetry::RequestSource* requests;
  bool clock_jumped = false;  // ends of requests cannot be placed, so all lines are taken
};
// The tick's inputs from what the feed, the router and the metrics server showed; adds to the
// aggregate, takes orders and reading.
[[nodiscard]] Inputs CloseTick(Live* live, double t_s, const TickSources& sources);

[[nodiscard]] DeploymentView ViewOf(const Live& live);

}  // namespace auspex::rollout
