#include "auspex/rollout/codec.h"

#include <cmath>
#include <limits>
#include <utility>

#include "auspex/rollout/json_codec.h"

namespace auspex::rollout {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Range {
  double low = -kInf;
  double high = kInf;
};

template <typename T>
struct Word {
  std::string_view name;
  T value;
};

constexpr Word<Mode> kModes[] = {
    {"fast", Mode::kFast}, {"balanced", Mode::kBalanced}, {"careful", Mode::kCareful}};
constexpr Word<Policy> kPolicies[] = {{"adaptive", Policy::kAdaptive}, {"rule", Policy::kRule}};
constexpr Word<AtDeadline> kAtDeadline[] = {{"promote", AtDeadline::kPromote},
                                            {"hold", AtDeadline::kHold},
                                            {"roll_back", AtDeadline::kRollBack}};
constexpr Word<Order::Kind> kOrders[] = {{"pause", Order::Kind::kPause},
                                         {"resume", Order::Kind::kResume},
                                         {"promote", Order::Kind::kPromote},
                                         {"abort", Order::Kind::kAbort},
                                         {"weight", Order::Kind::kWeight}};

template <typename T, std::size_t N>
std::string_view NameIn(const Word<T> (&words)[N], T value) {
  for (const Word<T>& word : words) {
    if (word.value == value) return word.name;
  }
  return "";
}

std::string Shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

Result<double> CheckNumber(std::string_view key, const Json& value, Range range) {
  if (value.is_number()) {
    const double number = value.get<double>();
    if (std::isfinite(number) && number >= range.low && number <= range.high) return number;
  }
  return Fail(ErrorCode::kInvalidArgument, "{}: a number from {:g} to {:g}, not {}", key, range.low,
              range.high, Shown(value));
}

// Reads the keys of one object; the first error stays, and all later reads give fallbacks.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  double Number(const char* key, double fallback, Range range = {}) {
    const Json* value = Find(key);
    return value == nullptr ? fallback : Take(CheckNumber(key, *value, range), fallback);
  }
  double Required(const char* key, Range range = {}) {
    const Json* value = Find(key);
    if (value != nullptr) return Take(CheckNumber(key, *value, range), 0.0);
    Note(Fail(ErrorCode::kInvalidArgument, "{}: missing; a number is needed", key));
    return 0.0;
  }
  bool Flag(const char* key, bool fallback) {
    const Json* value = Find(key);
    if (value == nullptr) return fallback;
    if (value->is_boolean()) return value->get<bool>();
    Note(Fail(ErrorCode::kInvalidArgument, "{}: true or false, not {}", key, Shown(*value)));
    return fallback;
  }
  std::string Text(const char* key, std::string fallback) {
    const Json* value = Find(key);
    if (value == nullptr) return fallback;
    if (value->is_string()) return value->get<std::string>();
    Note(Fail(ErrorCode::kInvalidArgument, "{}: a text, not {}", key, Shown(*value)));
    return fallback;
  }
  template <typename T, std::size_t N>
  T Choice(const char* key, T fallback, const Word<T> (&words)[N]) {
    const Json* value = Find(key);
    if (value == nullptr) return fallback;
    std::string names;
    for (const Word<T>& word : words) {
      if (value->is_string() && value->get_ref<const std::string&>() == word.name)
        return word.value;
      names += (names.empty() ? "" : ", ") + std::string(word.name);
    }
    Note(Fail(ErrorCode::kInvalidArgument, "{}: one of {}, not {}", key, names, Shown(*value)));
    return fallback;
  }
  const Json& Object(const char* key) { return Container(key, Json::value_t::object, "an object"); }
  const Json& List(const char* key) { return Container(key, Json::value_t::array, "a list"); }
  [[nodiscard]] bool Has(const char* key) const { return Find(key) != nullptr; }

  void Note(const Failure& failure) {
    if (error_.ok()) error_ = failure;
  }
  template <typename T>
  T Take(const Result<T>& result, T fallback) {
    if (result.ok()) return *result;
    Note(Failure{result.error()});
    return fallback;
  }
  void Join(const Reader& other) {
    if (!other.error_.ok()) Note(Failure{other.error_.error()});
  }
  [[nodiscard]] const Status& status() const { return error_; }

 private:
  const Json* Find(const char* key) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  const Json& Container(const char* key, Json::value_t type, const char* what) {
    static const Json kNoObject = Json::object();
    static const Json kNoList = Json::array();
    const Json& none = type == Json::value_t::object ? kNoObject : kNoList;
    const Json* value = Find(key);
    if (value == nullptr) return none;
    if (value->type() == type) return *value;
    Note(Fail(ErrorCode::kInvalidArgument, "{}: {}, not {}", key, what, Shown(*value)));
    return none;
  }
  const Json& object_;
  Status error_;
};

void ReadHistory(Reader* reader, RolloutSpec* spec) {
  Reader history(reader->Object("history"));
  evidence::History& out = spec->history;
  out.error_rate = history.Number("error_rate", .001, {0, 1});
  out.error_s2 = history.Number("error_s2", 0, {0, kInf});
  spec->t99_s = history.Number("t99_s", 0, {0, kInf});
  if (history.Has("latency_s2")) {
    const Json& list = history.List("latency_s2");
    if (list.size() != 3)
      history.Note(
          Fail(ErrorCode::kInvalidArgument, "latency_s2: three numbers, for t50, t90 and t99"));
    for (std::size_t i = 0; i < std::min<std::size_t>(3, list.size()); ++i) {
      out.latency_s2[i] = history.Take(CheckNumber("latency_s2", list[i], {0, kInf}), 0.0);
    }
  }
  for (const Json& item : history.List("routes")) {
    Reader route(item);
    if (!item.is_object())
      route.Note(Fail(ErrorCode::kInvalidArgument,
                      "routes: objects with share and error_rate, not {}", Shown(item)));
    out.routes.push_back({.share = route.Number("share", 0, {0, 1}),
                          .error_rate = route.Number("error_rate", out.error_rate, {0, 1})});
    if (route.Has("name")) spec->route_names.push_back(route.Text("name", ""));
    history.Join(route);
  }
  for (const Json& item : history.List("gauges")) {
    Reader gauge(item);
    evidence::History::Gauge entry;
    entry.name = gauge.Text("name", "");
    if (!gauge.Has("name"))
      gauge.Note(Fail(ErrorCode::kInvalidArgument, "gauges: each needs a name"));
    entry.noise.phi = gauge.Required("phi", {-.999, .999});
    entry.noise.sigma = gauge.Required("sigma", {1e-12, kInf});
    out.gauges.push_back(std::move(entry));
    history.Join(gauge);
  }
  if (history.Has("edges_us")) {
    const Json& list = history.List("edges_us");
    telemetry::Edges edges;
    if (list.size() != 3)
      history.Note(Fail(ErrorCode::kInvalidArgument, "edges_us: three numbers"));
    for (std::size_t i = 0; i < std::min<std::size_t>(3, list.size()); ++i) {
      edges.slower_us[i] =
          static_cast<std::int64_t>(history.Take(CheckNumber("edges_us", list[i], {1, 1e15}), 1.0));
    }
    edges.harm_us = edges.slower_us[2];
    spec->edges = edges;
  }
  reader->Join(history);
}

void ReadArm(Reader* reader, const char* key, telemetry::ArmWindow* arm) {
  if (!reader->Has(key))
    reader->Note(
        Fail(ErrorCode::kInvalidArgument, "{}: missing; an object with requests and errors", key));
  Reader in(reader->Object(key));
  arm->requests = in.Required("requests", {0, kInf});
  arm->errors = in.Number("errors", 0, {0, arm->requests});
  const Json& slower = in.List("slower");
  for (std::size_t i = 0; i < std::min<std::size_t>(3, slower.size()); ++i) {
    arm->slower.push_back(in.Take(CheckNumber("slower", slower[i], {0, arm->requests}), 0.0));
  }
  for (const Json& item : in.List("routes")) {
    Reader route(item);
    if (!item.is_object())
      route.Note(Fail(ErrorCode::kInvalidArgument,
                      "routes: objects with requests and errors, not {}", Shown(item)));
    telemetry::ArmWindow::Route counts;
    counts.requests = route.Required("requests", {0, kInf});
    counts.errors = route.Number("errors", 0, {0, counts.requests});
    arm->routes.push_back(counts);
    in.Join(route);
  }
  arm->up = in.Flag("up", true);
  arm->in_flight = in.Number("in_flight", 0, {0, kInf});
  arm->harmed = in.Number("harmed", 0, {0, arm->requests});
  reader->Join(in);
}

void ReadObservation(Reader* reader, Inputs* inputs) {
  if (!reader->Has("observed")) return;
  Reader in(reader->Object("observed"));
  std::vector<std::pair<std::int32_t, std::int64_t>> buckets;
  for (const Json& item : in.List("latency_us")) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_number_integer() ||
        !item[1].is_number_integer()) {
      in.Note(Fail(ErrorCode::kInvalidArgument, "latency_us: pairs of bucket and count, not {}",
                   Shown(item)));
      break;
    }
    buckets.emplace_back(item[0].get<std::int32_t>(), item[1].get<std::int64_t>());
  }
  telemetry::Window::Observation observed;
  observed.latency_us = in.Take(telemetry::Sketch::FromBuckets(buckets), telemetry::Sketch());
  for (const auto& [name, counts] : in.Object("routes").items()) {
    if (!counts.is_array() || counts.size() != 2 || !counts[0].is_number_integer() ||
        !counts[1].is_number_integer()) {
      in.Note(Fail(ErrorCode::kInvalidArgument, "observed.routes: [requests, errors], not {}",
                   Shown(counts)));
      break;
    }
    observed.routes[name] = {.requests = counts[0].get<std::int64_t>(),
                             .errors = counts[1].get<std::int64_t>()};
  }
  inputs->window.observed = std::move(observed);
  reader->Join(in);
}

void ReadOrders(Reader* reader, Inputs* inputs) {
  for (const Json& item : reader->List("orders")) {
    Reader in(item);
    Order order;
    order.kind = in.Choice("order", Order::Kind::kPause, kOrders);
    order.weight = in.Take(Weight::FromShare(in.Number("weight", 0, {0, 1})), Weight::Zero());
    order.actor = in.Text("actor", "");
    order.reason = in.Text("reason", "");
    inputs->orders.push_back(std::move(order));
    reader->Join(in);
  }
}

Json JsonOf(const telemetry::ArmWindow& arm) {
  Json out{{"requests", arm.requests}, {"errors", arm.errors}};
  if (!arm.slower.empty()) out["slower"] = arm.slower;
  if (!arm.routes.empty()) {
    Json& routes = out["routes"] = Json::array();
    for (const auto& route : arm.routes)
      routes.push_back({{"requests", route.requests}, {"errors", route.errors}});
  }
  if (!arm.up) out["up"] = false;
  if (arm.in_flight != 0) out["in_flight"] = arm.in_flight;
  if (arm.harmed != 0) out["harmed"] = arm.harmed;
  return out;
}

Json HistoryJson(const RolloutSpec& spec) {
  const evidence::History& history = spec.history;
  Json out{{"error_rate", history.error_rate},
           {"error_s2", history.error_s2},
           {"latency_s2", history.latency_s2}};
  Json& routes = out["routes"] = Json::array();
  for (std::size_t i = 0; i < history.routes.size(); ++i) {
    Json route{{"share", history.routes[i].share}, {"error_rate", history.routes[i].error_rate}};
    if (i < spec.route_names.size()) route["name"] = spec.route_names[i];
    routes.push_back(std::move(route));
  }
  Json& gauges = out["gauges"] = Json::array();
  for (const auto& gauge : history.gauges) {
    gauges.push_back(
        {{"name", gauge.name}, {"phi", gauge.noise.phi}, {"sigma", gauge.noise.sigma}});
  }
  out["t99_s"] = spec.t99_s;
  if (spec.edges) out["edges_us"] = spec.edges->slower_us;
  return out;
}

Result<Json> Parse(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kInvalidArgument, "not JSON: {}", error.what());
  }
}

}  // namespace

Result<RolloutSpec> SpecFrom(const Json& start) {
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
  static constexpr Word<int> kPaces[] = {{"classic", 0}};
  in.Choice("pace", 0, kPaces);
  spec.alpha = in.Number("alpha", .01, {1e-9, .5});
  spec.risk = in.Number("risk", .15, {0, 1});
  spec.time_scale = in.Number("time_scale", 1, {1e-3, 1e3});
  spec.tick_s = in.Number("tick_s", DefaultTick(spec.criticality) * spec.time_scale, {1e-3, kInf});
  spec.requests_per_s = in.Number("requests_per_s", 0, {0, kInf});
  spec.rollback_below = in.Number("rollback_below", .1, {0, 1});
  spec.at_deadline = in.Choice("at_deadline", AtDeadline::kPromote, kAtDeadline);
  spec.detect = in.Number("detect", 2);
  spec.error_rate = in.Number("error_rate", .05);
  Reader limits(in.Object("limits"));
  spec.warm_up_s = limits.Number("warm_up_s", kWarmUpSeconds * spec.time_scale, {0, kInf});
  spec.bake_s = limits.Number("bake_s", kBakeSeconds * spec.time_scale, {0, kInf});
  spec.deadline_s = limits.Number("deadline_s", kDeadlineSeconds * spec.time_scale, {0, kInf});
  in.Join(limits);
  spec.observe = in.Flag("observe", false);
  ReadHistory(&in, &spec);
  if (!in.status().ok()) return Failure{in.status().error()};
  return spec;
}

Result<Inputs> InputsFrom(const Json& tick) {
  Reader in(tick);
  if (!tick.is_object())
    in.Note(Fail(ErrorCode::kInvalidArgument, "tick: an object, not {}", Shown(tick)));
  Inputs inputs;
  inputs.window.t_s = in.Required("t_s");
  ReadArm(&in, "canary", &inputs.window.canary);
  ReadArm(&in, "baseline", &inputs.window.baseline);
  for (const auto& [name, value] : in.Object("gauges").items()) {
    inputs.window.gauges[name] = in.Take(CheckNumber(name, value, {}), 0.0);
  }
  if (in.Has("weight_given")) {
    inputs.weight_given =
        in.Take(Weight::FromShare(in.Number("weight_given", 0, {0, 1})), Weight::Zero());
  }
  inputs.hold = in.Text("hold", "");
  ReadObservation(&in, &inputs);
  ReadOrders(&in, &inputs);
  if (!in.status().ok()) return Failure{in.status().error()};
  return inputs;
}

Json JsonOf(const Decision& decision, std::string_view deployment) {
  Json out{{"deployment", deployment},
           {"t_s", decision.t_s},
           {"decision", Name(decision.action)},
           {"weight", decision.weight.share()},
           {"confidence", decision.confidence},
           {"log_e", decision.log_e},
           {"p_fail", decision.p_fail},
           {"requests_needed", nullptr},
           {"verdict", nullptr},
           {"reason", decision.reason}};
  if (decision.requests_needed) {
    // A whole number prints as one wherever it fits.
    const double needed = *decision.requests_needed;
    if (needed < 9e15) {
      out["requests_needed"] = static_cast<std::int64_t>(needed);
    } else {
      out["requests_needed"] = needed;
    }
  }
  if (decision.verdict) out["verdict"] = Name(*decision.verdict);
  if (!decision.by.empty()) out["by"] = decision.by;
  return out;
}

std::string ToJson(const Decision& decision, std::string_view deployment) {
  return JsonOf(decision, deployment).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ToJson(const RolloutSpec& spec) {
  const Json out{
      {"deployment", spec.deployment},
      {"service", spec.service},
      {"criticality", spec.criticality},
      {"mode", NameIn(kModes, spec.mode)},
      {"policy", NameIn(kPolicies, spec.policy)},
      {"pace", "classic"},
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
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<RolloutSpec> SpecFromJson(std::string_view text) {
  AUSPEX_TRY(const Json json, Parse(text));
  return SpecFrom(json);
}

std::string ToJson(const Inputs& inputs) {
  Json out{{"t_s", inputs.window.t_s},
           {"canary", JsonOf(inputs.window.canary)},
           {"baseline", JsonOf(inputs.window.baseline)}};
  if (!inputs.window.gauges.empty()) out["gauges"] = inputs.window.gauges;
  if (inputs.weight_given) out["weight_given"] = inputs.weight_given->share();
  if (!inputs.hold.empty()) out["hold"] = inputs.hold;
  if (inputs.window.observed) {
    Json routes = Json::object();
    for (const auto& [name, counts] : inputs.window.observed->routes)
      routes[name] = {counts.requests, counts.errors};
    out["observed"] = {{"latency_us", inputs.window.observed->latency_us.Buckets()},
                       {"routes", std::move(routes)}};
  }
  if (!inputs.orders.empty()) {
    Json& orders = out["orders"] = Json::array();
    for (const Order& order : inputs.orders) {
      orders.push_back({{"order", Name(order.kind)},
                        {"weight", order.weight.share()},
                        {"actor", order.actor},
                        {"reason", order.reason}});
    }
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Inputs> InputsFromJson(std::string_view text) {
  AUSPEX_TRY(const Json json, Parse(text));
  return InputsFrom(json);
}

std::string_view Name(Order::Kind kind) { return NameIn(kOrders, kind); }

Result<Order::Kind> OrderKindFromName(std::string_view name) {
  for (const Word<Order::Kind>& word : kOrders) {
    if (word.name == name) return word.value;
  }
  return Fail(ErrorCode::kInvalidArgument,
              "order '{}': one of pause, resume, promote, abort, weight", name);
}

}  // namespace auspex::rollout
