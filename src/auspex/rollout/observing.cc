#include "auspex/rollout/observing.h"

#include <algorithm>
#include <cmath>

#include "auspex/rollout/json_codec.h"

namespace auspex::rollout {
namespace {

constexpr double kLeastSeconds = 60.0, kMostSeconds = 600.0;  // at time scale 1
constexpr double kLeastRequests = 2000.0;
// Routes that get a test of their own, and the least share that makes one worth it: each dilutes
// the others' weight.
constexpr std::size_t kMostTestedRoutes = 8;
constexpr double kLeastRouteShare = 0.02;
// A route's few requests say little of its error rate: it counts as if it had this many errors
// more, at the whole service's rate. Else a route of 278 requests without an error is held against
// a canary for having one.
constexpr double kRoutePriorErrors = 10.0;

struct NamedRoute {
  std::string name;
  telemetry::RouteCounts counts;
};

std::vector<NamedRoute> BusiestRoutes(const BaselineAggregate& seen) {
  std::vector<NamedRoute> routes;
  for (const auto& [name, counts] : seen.routes) {
    const bool busy = static_cast<double>(counts.requests) >= kLeastRouteShare * seen.requests;
    if (busy && name != telemetry::kOtherRoutes) routes.push_back({name, counts});
  }
  std::sort(routes.begin(), routes.end(), [](const NamedRoute& a, const NamedRoute& b) {
    return a.counts.requests != b.counts.requests ? a.counts.requests > b.counts.requests
                                                  : a.name < b.name;
  });
  if (routes.size() > kMostTestedRoutes) routes.resize(kMostTestedRoutes);
  return routes;
}

}  // namespace

double ObservationNeeded(const Rollout& rollout) {
  return std::max(0.0, kLeastRequests - rollout.observed_requests);
}

bool ObserveTick(Rollout* rollout, const Inputs& inputs) {
  const telemetry::ArmWindow& baseline = inputs.window.baseline;
  rollout->observed_requests += baseline.requests;
  rollout->observed_errors += baseline.errors;
  if (inputs.window.observed) {
    rollout->observed.latency_us.Merge(inputs.window.observed->latency_us);
    for (const auto& [name, counts] : inputs.window.observed->routes) {
      telemetry::RouteCounts& sum = rollout->observed.routes[name];
      sum.requests += counts.requests;
      sum.errors += counts.errors;
    }
  }
  const double t = (inputs.window.t_s - rollout->origin_s) / rollout->spec.time_scale;
  // Silence is not a baseline: without a request it goes on.
  if (rollout->observed_requests == 0 || !inputs.hold.empty() || rollout->paused) return false;
  return t >= kMostSeconds || (t >= kLeastSeconds && rollout->observed_requests >= kLeastRequests);
}

void ApplyHistory(const BaselineAggregate& seen, RolloutSpec* spec) {
  const auto rate = [](double k, double n) { return (k + .5) / (n + 1.0); };
  spec->history.error_rate = rate(seen.errors, seen.requests);
  spec->history.routes.clear();
  spec->route_names.clear();
  for (const NamedRoute& route : BusiestRoutes(seen)) {
    const double requests = static_cast<double>(route.counts.requests);
    const double errors = static_cast<double>(route.counts.errors);
    spec->history.routes.push_back(
        {.share = requests / seen.requests,
         .error_rate = (errors + kRoutePriorErrors) /
                       (requests + kRoutePriorErrors / spec->history.error_rate)});
    spec->route_names.push_back(route.name);
  }
  telemetry::Edges edges;
  static constexpr double kQuantiles[] = {.5, .9, .99};
  for (std::size_t i = 0; i < 3; ++i) {
    const double value = seen.latency_us.Quantile(kQuantiles[i]).value_or(1.0);
    edges.slower_us[i] = std::max<std::int64_t>(1, std::llround(value));
  }
  edges.harm_us = edges.slower_us[2];
  spec->edges = edges;
  spec->t99_s = static_cast<double>(edges.slower_us[2]) / 1e6;
  if (seen.seconds > 0) spec->requests_per_s = seen.requests_both / seen.seconds;
  spec->observe = false;
}

telemetry::Edges CanaryEdges(const telemetry::Edges& baseline) {
  const auto widen = [](std::int64_t us) {
    return static_cast<std::int64_t>(std::ceil(1.05 * static_cast<double>(us)));
  };
  telemetry::Edges edges;
  for (std::size_t i = 0; i < 3; ++i) edges.slower_us[i] = widen(baseline.slower_us[i]);
  edges.harm_us = widen(baseline.harm_us);
  return edges;
}

bool IsEnoughHistory(const BaselineAggregate& seen) {
  return seen.requests >= kLeastRequests && seen.latency_us.count() > 0;
}

void Merge(const BaselineAggregate& other, BaselineAggregate* sum) {
  sum->latency_us.Merge(other.latency_us);
  for (const auto& [name, counts] : other.routes) {
    sum->routes[name].requests += counts.requests;
    sum->routes[name].errors += counts.errors;
  }
  sum->requests += other.requests;
  sum->errors += other.errors;
  sum->requests_both += other.requests_both;
  sum->seconds += other.seconds;
}

std::string ToJson(const BaselineAggregate& seen) {
  Json routes = Json::object();
  for (const auto& [name, counts] : seen.routes) routes[name] = {counts.requests, counts.errors};
  return Json{{"requests", seen.requests},           {"errors", seen.errors},
              {"requests_both", seen.requests_both}, {"seconds", seen.seconds},
              {"routes", std::move(routes)},         {"latency_us", seen.latency_us.Buckets()}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<BaselineAggregate> AggregateFromJson(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    BaselineAggregate seen;
    seen.requests = json.at("requests").get<double>();
    seen.errors = json.at("errors").get<double>();
    seen.requests_both = json.at("requests_both").get<double>();
    seen.seconds = json.at("seconds").get<double>();
    for (const auto& [name, counts] : json.at("routes").items()) {
      seen.routes[name] = {.requests = counts.at(0).get<std::int64_t>(),
                           .errors = counts.at(1).get<std::int64_t>()};
    }
    AUSPEX_TRY(
        seen.latency_us,
        telemetry::Sketch::FromBuckets(
            json.at("latency_us").get<std::vector<std::pair<std::int32_t, std::int64_t>>>()));
    return seen;
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kDataLoss, "a stored baseline aggregate cannot be read: {}",
                error.what());
  }
}

void LearnHistory(Rollout* rollout) {
  ApplyHistory({.latency_us = rollout->observed.latency_us,
                .routes = rollout->observed.routes,
                .requests = rollout->observed_requests,
                .errors = rollout->observed_errors,
                .requests_both = rollout->observed_requests,
                .seconds = rollout->last.t_s - rollout->origin_s},
               &rollout->spec);
  rollout->observed = {};
}

}  // namespace auspex::rollout
