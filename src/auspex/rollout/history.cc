#include "auspex/rollout/history.h"

#include <algorithm>
#include <cmath>

#include "auspex/rollout/json_codec.h"
#include "auspex/rollout/scraped.h"

namespace auspex::rollout {
namespace {

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

Json JsonOf(const evidence::SpreadSums& sums) {
  return {sums.blocks, sums.freedom,      sums.excess_s,        sums.counting_s,
          sums.weight, sums.neighbours_s, sums.neighbour_weight};
}

evidence::SpreadSums SpreadFrom(const Json& list) {
  const auto number = [&](std::size_t i) { return list.at(i).get<double>(); };
  return {.blocks = number(0),
          .freedom = number(1),
          .excess_s = number(2),
          .counting_s = number(3),
          .weight = number(4),
          .neighbours_s = number(5),
          .neighbour_weight = number(6)};
}

Json JsonOf(const Lesson& lesson) {
  Json slower = Json::array();
  for (const evidence::SpreadSums& sums : lesson.slower) slower.push_back(JsonOf(sums));
  Json gauges = Json::array();
  for (const Lesson::Gauge& gauge : lesson.gauges) {
    const evidence::PairSums& pairs = gauge.pairs;
    gauges.push_back({{"name", gauge.name},
                      {"tick_s", gauge.tick_s},
                      {"pairs", {pairs.pairs, pairs.records, pairs.xx, pairs.xy, pairs.yy}},
                      {"highest", gauge.highest}});
  }
  Json out{{"errors", JsonOf(lesson.errors)},
           {"slower", std::move(slower)},
           {"gauges", std::move(gauges)},
           {"cold_start_s", lesson.cold_start_s}};
  for (const auto& [name, sums] : lesson.behaviour) out["behaviour"][name] = JsonOf(sums);
  return out;
}

Lesson LessonFrom(const Json& json) {
  Lesson lesson;
  lesson.errors = SpreadFrom(json.at("errors"));
  for (const Json& sums : json.at("slower")) lesson.slower.push_back(SpreadFrom(sums));
  for (const Json& gauge : json.at("gauges")) {
    const Json& pairs = gauge.at("pairs");
    lesson.gauges.push_back({.name = gauge.at("name").get<std::string>(),
                             .tick_s = gauge.at("tick_s").get<double>(),
                             .pairs = {.pairs = pairs.at(0).get<double>(),
                                       .records = pairs.at(1).get<double>(),
                                       .xx = pairs.at(2).get<double>(),
                                       .xy = pairs.at(3).get<double>(),
                                       .yy = pairs.at(4).get<double>()},
                             .highest = gauge.at("highest").get<double>()});
  }
  lesson.cold_start_s = json.at("cold_start_s").get<std::vector<double>>();
  // Not in what older programs stored.
  if (const auto behaviour = json.find("behaviour"); behaviour != json.end()) {
    for (const auto& [name, sums] : behaviour->items()) lesson.behaviour[name] = SpreadFrom(sums);
  }
  return lesson;
}

}  // namespace

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
  static constexpr std::array<double, telemetry::kEdges> kQuantiles = {.5, .9, .99, .999};
  for (std::size_t i = 0; i < kQuantiles.size(); ++i) {
    const double value = seen.latency_us.Quantile(kQuantiles[i]).value_or(1.0);
    edges.slower_us[i] = std::max<std::int64_t>(1, std::llround(value));
  }
  edges.harm_us = edges.slower_us[2];
  spec->edges = edges;
  spec->t99_s = static_cast<double>(edges.slower_us[2]) / 1e6;
  if (seen.seconds > 0) spec->requests_per_s = seen.requests_both / seen.seconds;
  ApplyBuckets(seen.latency_us, seen.bucket_edges_us, spec);
  std::vector<std::string> names;
  for (const auto& behaviour : spec->history.behaviour) names.push_back(behaviour.name);
  ApplyBehaviour(names, seen.behaviour, seen.requests, spec);
  spec->observe = false;
}

telemetry::Edges CanaryEdges(const telemetry::Edges& baseline) {
  constexpr double kWider = 1.05;
  const auto widen = [](std::int64_t us) {
    return static_cast<std::int64_t>(std::ceil(kWider * static_cast<double>(us)));
  };
  telemetry::Edges edges;
  for (std::size_t i = 0; i < edges.slower_us.size(); ++i)
    edges.slower_us[i] = widen(baseline.slower_us[i]);
  edges.harm_us = widen(baseline.harm_us);
  return edges;
}

bool IsEnoughHistory(const MergedRows& rows) {
  const auto latencies = static_cast<double>(rows.seen.latency_us.count());
  // After a change of the buckets the few that were counted since are no quantiles yet.
  const double least = rows.latencies_left_out > 0 ? kLeastHistoryRequests : 1.0;
  return rows.seen.requests >= kLeastHistoryRequests && latencies >= least;
}

MergedRows MergeRows(std::vector<BaselineAggregate> rows) {
  const auto newest = std::find_if(rows.rbegin(), rows.rend(),
                                   [](const auto& row) { return row.latency_us.count() > 0; });
  const std::vector<std::int64_t> edges_us =
      newest == rows.rend() ? std::vector<std::int64_t>() : newest->bucket_edges_us;
  MergedRows merged;
  for (BaselineAggregate& row : rows) {
    if (row.latency_us.count() > 0 && row.bucket_edges_us != edges_us) {
      merged.latencies_left_out += row.latency_us.count();
      row.latency_us = {};
      row.bucket_edges_us.clear();
    }
    Merge(row, &merged.seen);
  }
  return merged;
}

void Merge(const BaselineAggregate& other, BaselineAggregate* sum) {
  if (other.latency_us.count() > 0) {
    if (other.bucket_edges_us != sum->bucket_edges_us) sum->latency_us = {};
    sum->bucket_edges_us = other.bucket_edges_us;
    sum->latency_us.Merge(other.latency_us);
  }
  for (const auto& [name, counts] : other.routes) {
    sum->routes[name].requests += counts.requests;
    sum->routes[name].errors += counts.errors;
  }
  sum->requests += other.requests;
  sum->errors += other.errors;
  sum->requests_both += other.requests_both;
  sum->seconds += other.seconds;
  Merge(other.lesson, &sum->lesson);
  for (const auto& [name, counts] : other.behaviour) {
    sum->behaviour[name].events += counts.events;
    sum->behaviour[name].all += counts.all;
  }
}

std::string ToJson(const BaselineAggregate& seen) {
  Json routes = Json::object();
  for (const auto& [name, counts] : seen.routes) routes[name] = {counts.requests, counts.errors};
  Json out{{"requests", seen.requests},           {"errors", seen.errors},
           {"requests_both", seen.requests_both}, {"seconds", seen.seconds},
           {"routes", std::move(routes)},         {"latency_us", seen.latency_us.Buckets()}};
  if (seen.lesson.rollouts() > 0) out["lesson"] = JsonOf(seen.lesson);
  if (!seen.bucket_edges_us.empty()) out["bucket_edges_us"] = seen.bucket_edges_us;
  for (const auto& [name, counts] : seen.behaviour)
    out["behaviour"][name] = {counts.events, counts.all};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
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
    seen.bucket_edges_us = json.value("bucket_edges_us", std::vector<std::int64_t>());
    if (json.contains("behaviour")) {
      for (const auto& [name, counts] : json["behaviour"].items()) {
        seen.behaviour[name] = {.events = counts.at(0).get<double>(),
                                .all = counts.at(1).get<double>()};
      }
    }
    AUSPEX_TRY(
        seen.latency_us,
        telemetry::Sketch::FromBuckets(
            json.at("latency_us").get<std::vector<std::pair<std::int32_t, std::int64_t>>>()));
    // Rollouts that did not pass have none, nor has what older programs stored.
    if (const auto lesson = json.find("lesson"); lesson != json.end())
      seen.lesson = LessonFrom(*lesson);
    return seen;
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kDataLoss, "a stored baseline aggregate cannot be read: {}",
                error.what());
  }
}

}  // namespace auspex::rollout
