#include "auspex/rollout/codec.h"
#include "auspex/rollout/json_reader.h"

namespace auspex::rollout {
namespace {

constexpr Word<Mode> kModes[] = {
    {"fast", Mode::kFast}, {"balanced", Mode::kBalanced}, {"careful", Mode::kCareful}};
constexpr Word<Pace> kPaces[] = {{"classic", Pace::kClassic}, {"swift", Pace::kSwift}};
constexpr Word<bool> kFeeds[] = {{"per_request", true}, {"scraped", false}};
constexpr Word<Policy> kPolicies[] = {
    {"adaptive", Policy::kAdaptive}, {"steps", Policy::kSteps}, {"rule", Policy::kRule}};
constexpr Word<AtTimeout> kAtTimeout[] = {{"reject", AtTimeout::kReject},
                                          {"approve", AtTimeout::kApprove}};
constexpr Word<AtDeadline> kAtDeadline[] = {{"promote", AtDeadline::kPromote},
                                            {"hold", AtDeadline::kHold},
                                            {"roll_back", AtDeadline::kRollBack}};

constexpr double kMostTolerated = 1e6;  // of a ratio, where buckets tell nothing

void ReadBehaviour(Reader* history, evidence::History* out) {
  for (const Json& item : history->List("behaviour")) {
    Reader in(item);
    if (!item.is_object())
      in.Note(Fail(ErrorCode::kInvalidArgument, "behaviour: objects with name and rate, not {}",
                   Shown(item)));
    evidence::History::Behaviour entry;
    if (!in.Has("name")) in.Note(Fail(ErrorCode::kInvalidArgument, "behaviour: each needs a name"));
    entry.name = in.Text("name", "");
    entry.rate = in.Number("rate", entry.rate, {0, 1});
    entry.s2 = in.Number("s2", 0, {0, kMost});
    entry.share = in.Number("share", 1, {0, 1});
    entry.tolerated = in.Number("tolerated", entry.tolerated, {1, kMostTolerated});
    out->behaviour.push_back(std::move(entry));
    history->Join(in);
  }
}

// One number for each latency edge, where the key is there: three, and with pace swift a fourth for
// t99.9 or none.
void ReadEdgeNumbers(Reader* history, const char* key, Range range, Pace pace,
                     std::array<double, evidence::kMostEdges>* out) {
  if (!history->Has(key)) return;
  const Json& list = history->List(key);
  if (list.size() != 3 && !(list.size() == out->size() && pace == Pace::kSwift)) {
    history->Note(
        Fail(ErrorCode::kInvalidArgument,
             "{}: three numbers, for t50, t90 and t99; with pace swift a fourth for t99.9", key));
  }
  for (std::size_t i = 0; i < std::min(out->size(), list.size()); ++i)
    (*out)[i] = history->Take(CheckNumber(key, list[i], range), (*out)[i]);
}

void ReadHistory(Reader* reader, RolloutSpec* spec) {
  Reader history(reader->Object("history"));
  evidence::History& out = spec->history;
  out.error_rate = history.Number("error_rate", .001, {0, 1});
  out.error_s2 = history.Number("error_s2", 0, {0, kMost});
  spec->t99_s = history.Number("t99_s", 0, {0, kMost});
  ReadEdgeNumbers(&history, "latency_s2", {0, kMost}, spec->pace, &out.latency_s2);
  ReadEdgeNumbers(&history, "latency_rate", {0, 1}, spec->pace, &out.latency_rate);
  ReadEdgeNumbers(&history, "latency_tolerated", {1, kMostTolerated}, spec->pace,
                  &out.latency_tolerated);
  ReadBehaviour(&history, &out);
  for (const Json& item : history.List("routes")) {
    Reader route(item);
    if (!item.is_object())
      route.Note(Fail(ErrorCode::kInvalidArgument,
                      "routes: objects with share and error_rate, not {}", Shown(item)));
    out.routes.push_back({.share = route.Number("share", 0, {0, 1}),
                          .error_rate = route.Number("error_rate", out.error_rate, {0, 1})});
    if (route.Has("name")) {
      spec->route_names.resize(out.routes.size() - 1);  // those before it without a name have none
      spec->route_names.push_back(route.Text("name", ""));
    }
    history.Join(route);
  }
  for (const Json& item : history.List("gauges")) {
    Reader gauge(item);
    evidence::History::Gauge entry;
    entry.name = gauge.Text("name", "");
    if (!gauge.Has("name"))
      gauge.Note(Fail(ErrorCode::kInvalidArgument, "gauges: each needs a name"));
    entry.level = gauge.Flag("level", true);
    entry.learn = gauge.Flag("learn", false);
    if (!entry.learn) {
      entry.noise.phi = gauge.Required("phi", {-.999, .999});
      entry.noise.sigma = gauge.Required("sigma", {1e-12, kMost});
    }
    out.gauges.push_back(std::move(entry));
    history.Join(gauge);
  }
  if (history.Has("edges_us")) {
    const Json& list = history.List("edges_us");
    telemetry::Edges edges;
    // Rollouts recorded before there was a t99.9 have three.
    if (list.size() != telemetry::kEdges &&
        !(list.size() == telemetry::kEdges - 1 && spec->pace == Pace::kClassic)) {
      history.Note(
          Fail(ErrorCode::kInvalidArgument, "edges_us: four numbers, of t50, t90, t99 and t99.9"));
    }
    for (std::size_t i = 0; i < std::min(telemetry::kEdges, list.size()); ++i) {
      edges.slower_us[i] =
          static_cast<std::int64_t>(history.Take(CheckNumber("edges_us", list[i], {1, 1e15}), 1.0));
    }
    edges.harm_us = edges.slower_us[2];
    spec->edges = edges;
  }
  reader->Join(history);
}

void ReadSteps(Reader* reader, RolloutSpec* spec) {
  for (const Json& item : reader->List("steps")) {
    Reader in(item);
    LadderStep step;
    step.weight = in.Take(Weight::FromShare(in.Required("weight", {0, 1})), Weight::Zero());
    step.for_s = in.Required("for_s", {1e-3, kMost});
    const Weight before = spec->steps.empty() ? Weight::Zero() : spec->steps.back().weight;
    if (step.weight <= before || step.weight == Weight::Whole()) {
      in.Note(Fail(ErrorCode::kInvalidArgument,
                   "steps: each weight is above the one before and below 1; the end of the last "
                   "step promotes"));
    }
    spec->steps.push_back(step);
    reader->Join(in);
  }
  if (spec->policy == Policy::kSteps && spec->steps.empty()) {
    reader->Note(
        Fail(ErrorCode::kInvalidArgument,
             "steps: the policy steps needs some, as [{{\"weight\":0.05,\"for_s\":300}}]"));
  }
}

void ReadApproval(Reader* reader, RolloutSpec* spec) {
  if (!reader->Has("approval")) return;
  Reader in(reader->Object("approval"));
  spec->approval = Approval{.above_risk = in.Required("above_risk", {0, 1}),
                            .timeout_s = in.Number("timeout_s", Approval().timeout_s, {1, kMost}),
                            .at_timeout = in.Choice("at_timeout", AtTimeout::kReject, kAtTimeout)};
  reader->Join(in);
}

Json StepsJson(const std::vector<LadderStep>& steps) {
  Json out = Json::array();
  for (const LadderStep& step : steps)
    out.push_back({{"weight", step.weight.share()}, {"for_s", step.for_s}});
  return out;
}

std::vector<std::string> ReadTexts(Reader* reader, const char* key) {
  std::vector<std::string> texts;
  for (const Json& item : reader->List(key)) {
    if (item.is_string()) {
      texts.push_back(item.get<std::string>());
    } else {
      reader->Note(Fail(ErrorCode::kInvalidArgument, "{}: texts, not {}", key, Shown(item)));
    }
  }
  return texts;
}

// A text; with its gauge where it is of one. Older programs wrote texts alone.
void ReadAssumptions(Reader* reader, std::vector<Assumption>* assumed) {
  for (const Json& item : reader->List("assumed")) {
    if (item.is_string()) {
      assumed->push_back({.text = item.get<std::string>()});
      continue;
    }
    Reader in(item);
    if (!item.is_object())
      in.Note(Fail(ErrorCode::kInvalidArgument,
                   "assumed: texts, or objects with text and gauge, not {}", Shown(item)));
    assumed->push_back({.text = in.Text("text", ""), .gauge = in.Text("gauge", "")});
    reader->Join(in);
  }
}

Json JsonOf(const Assumption& assumption) {
  if (assumption.gauge.empty()) return assumption.text;
  return {{"text", assumption.text}, {"gauge", assumption.gauge}};
}

// As many as the pace has edges: a classic rollout has always said three.
std::vector<double> EdgeNumbers(const std::array<double, evidence::kMostEdges>& all, Pace pace) {
  return {all.begin(), all.begin() + (pace == Pace::kSwift ? 4 : 3)};
}

Json HistoryJson(const RolloutSpec& spec) {
  const evidence::History& history = spec.history;
  Json out{{"error_rate", history.error_rate},
           {"error_s2", history.error_s2},
           {"latency_s2", EdgeNumbers(history.latency_s2, spec.pace)}};
  Json& routes = out["routes"] = Json::array();
  for (std::size_t i = 0; i < history.routes.size(); ++i) {
    Json route{{"share", history.routes[i].share}, {"error_rate", history.routes[i].error_rate}};
    if (i < spec.route_names.size()) route["name"] = spec.route_names[i];
    routes.push_back(std::move(route));
  }
  Json& gauges = out["gauges"] = Json::array();
  for (const auto& gauge : history.gauges) {
    Json& entry = gauges.emplace_back(Json{{"name", gauge.name}});
    if (gauge.learn) {
      entry["learn"] = true;
    } else {
      entry["phi"] = gauge.noise.phi;
      entry["sigma"] = gauge.noise.sigma;
    }
    if (!gauge.level) entry["level"] = false;
  }
  const evidence::History usual;
  if (history.latency_rate != usual.latency_rate)
    out["latency_rate"] = EdgeNumbers(history.latency_rate, spec.pace);
  if (history.latency_tolerated != usual.latency_tolerated)
    out["latency_tolerated"] = EdgeNumbers(history.latency_tolerated, spec.pace);
  for (const auto& behaviour : history.behaviour) {
    out["behaviour"].push_back({{"name", behaviour.name},
                                {"rate", behaviour.rate},
                                {"s2", behaviour.s2},
                                {"share", behaviour.share},
                                {"tolerated", behaviour.tolerated}});
  }
  out["t99_s"] = spec.t99_s;
  if (spec.edges) {
    std::vector<std::int64_t> edges_us(spec.edges->slower_us.begin(), spec.edges->slower_us.end());
    if (edges_us.back() == 0) edges_us.pop_back();  // recorded before there was a t99.9
    out["edges_us"] = edges_us;
  }
  return out;
}

}  // namespace

Result<RolloutSpec> SpecFrom(const Json& start, UnknownKeys unknown) {
  Reader in(start);
  RolloutSpec spec;
  if (!start.is_object())
    in.Note(Fail(ErrorCode::kInvalidArgument, "start: an object, not {}", Shown(start)));
  spec.deployment = in.Text("deployment", "");
  spec.service = in.Text("service", "");
  const double criticality = in.Number("criticality", 3, {1, 4});
  if (criticality != std::floor(criticality))
    in.Note(
        Fail(ErrorCode::kInvalidArgument, "criticality: one of 1, 2, 3, 4, not {:g}", criticality));
  spec.criticality = static_cast<int>(criticality);
  spec.mode = in.Choice("mode", Mode::kBalanced, kModes);
  spec.policy = in.Choice("policy", Policy::kAdaptive, kPolicies);
  spec.alpha = in.Number("alpha", .01, {1e-9, .5});
  spec.risk = in.Number("risk", .15, {0, 1});
  spec.time_scale = in.Number("time_scale", 1, {1e-3, 1e3});
  spec.tick_s = in.Number("tick_s", DefaultTick(spec.criticality) * spec.time_scale, {1e-3, kMost});
  spec.requests_per_s = in.Number("requests_per_s", 0, {0, kMost});
  spec.pace = in.Choice("pace",
                        DefaultPace(spec.policy, {.tick_s = spec.tick_s / spec.time_scale,
                                                  .per_request = in.Choice("feed", false, kFeeds)}),
                        kPaces);
  spec.lag_s = in.Number("lag_s", 0, {0, kMost});
  spec.planned_shares = in.Flag("planned_shares", false);
  spec.fuse = in.Flag("fuse", false);
  spec.rollback_below = in.Number("rollback_below", .1, {0, 1});
  spec.at_deadline = in.Choice("at_deadline", AtDeadline::kPromote, kAtDeadline);
  spec.detect = in.Number("detect", 2, {1, kMost});
  spec.error_rate = in.Number("error_rate", .05, {0, 1});
  Reader limits(in.Object("limits"));
  spec.warm_up_s = limits.Number("warm_up_s", kWarmUpSeconds * spec.time_scale, {0, kMost});
  spec.bake_s = limits.Number("bake_s", kBakeSeconds * spec.time_scale, {0, kMost});
  spec.deadline_s = limits.Number("deadline_s", kDeadlineSeconds * spec.time_scale, {0, kMost});
  in.Join(limits);
  ReadSteps(&in, &spec);
  ReadApproval(&in, &spec);
  spec.observe = in.Flag("observe", false);
  spec.await_canary = in.Flag("await_canary", false);
  spec.canary_up = in.Flag("canary_up", true);
  spec.learned = ReadTexts(&in, "learned");
  ReadAssumptions(&in, &spec.assumed);
  ReadHistory(&in, &spec);
  if (unknown == UnknownKeys::kRefuse) in.RefuseUnknown();
  if (!in.status().ok()) return Failure{in.status().error()};
  return spec;
}

std::string ToJson(const RolloutSpec& spec) {
  Json out{
      {"deployment", spec.deployment},
      {"service", spec.service},
      {"criticality", spec.criticality},
      {"mode", NameIn(kModes, spec.mode)},
      {"policy", NameIn(kPolicies, spec.policy)},
      {"pace", NameIn(kPaces, spec.pace)},
      {"alpha", spec.alpha},
      {"risk", spec.risk},
      {"time_scale", spec.time_scale},
      {"tick_s", spec.tick_s},
      {"requests_per_s", spec.requests_per_s},
      {"limits",
       {{"warm_up_s", spec.warm_up_s}, {"bake_s", spec.bake_s}, {"deadline_s", spec.deadline_s}}},
      {"rollback_below", spec.rollback_below},
      {"at_deadline", NameIn(kAtDeadline, spec.at_deadline)},
      {"detect", spec.detect},
      {"error_rate", spec.error_rate},
      {"observe", spec.observe},
      {"history", HistoryJson(spec)}};
  if (!spec.learned.empty()) out["learned"] = spec.learned;
  for (const Assumption& assumption : spec.assumed) out["assumed"].push_back(JsonOf(assumption));
  if (spec.lag_s > 0) out["lag_s"] = spec.lag_s;
  if (spec.planned_shares) out["planned_shares"] = true;
  if (spec.fuse) out["fuse"] = true;
  if (spec.await_canary) out["await_canary"] = true;
  if (!spec.canary_up) out["canary_up"] = false;
  if (!spec.steps.empty()) out["steps"] = StepsJson(spec.steps);
  if (spec.approval) {
    out["approval"] = {{"above_risk", spec.approval->above_risk},
                       {"timeout_s", spec.approval->timeout_s},
                       {"at_timeout", NameIn(kAtTimeout, spec.approval->at_timeout)}};
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<RolloutSpec> SpecFromJson(std::string_view text) {
  AUSPEX_TRY(const Json json, Parse(text));
  return SpecFrom(json);
}

}  // namespace auspex::rollout
