#include "auspex/rollout/codec.h"

#include <utility>

#include "auspex/rollout/json_reader.h"

namespace auspex::rollout {
namespace {

constexpr Word<Order::Kind> kOrders[] = {
    {"pause", Order::Kind::kPause},     {"resume", Order::Kind::kResume},
    {"promote", Order::Kind::kPromote}, {"abort", Order::Kind::kAbort},
    {"weight", Order::Kind::kWeight},   {"approve", Order::Kind::kApprove},
    {"reject", Order::Kind::kReject}};

void ReadArm(Reader* reader, const char* key, telemetry::ArmWindow* arm) {
  if (!reader->Has(key))
    reader->Note(
        Fail(ErrorCode::kInvalidArgument, "{}: missing; an object with requests and errors", key));
  Reader in(reader->Object(key));
  arm->requests = in.Required("requests", {0, kMost});
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
    counts.requests = route.Required("requests", {0, kMost});
    counts.errors = route.Number("errors", 0, {0, counts.requests});
    arm->routes.push_back(counts);
    in.Join(route);
  }
  arm->up = in.Flag("up", true);
  arm->in_flight = in.Number("in_flight", 0, {0, kMost});
  arm->harmed = in.Number("harmed", 0, {0, arm->requests});
  reader->Join(in);
}

// A pair of whole numbers, each from 0 to its limit.
Result<std::pair<std::int64_t, std::int64_t>> CheckPair(std::string_view key, const Json& value,
                                                        std::string_view what, double most_first,
                                                        double most_second) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_number_integer() ||
      !value[1].is_number_integer()) {
    return Fail(ErrorCode::kInvalidArgument, "{}: {}, not {}", key, what, Shown(value));
  }
  AUSPEX_TRY(const double first, CheckNumber(key, value[0], {0, most_first}));
  AUSPEX_TRY(const double second, CheckNumber(key, value[1], {0, most_second}));
  return std::pair{static_cast<std::int64_t>(first), static_cast<std::int64_t>(second)};
}

void ReadObservation(Reader* reader, Inputs* inputs) {
  using telemetry::Sketch;
  // The sketch's limit holds for routes too: ticks are summed up.
  constexpr auto kMostCount = static_cast<double>(Sketch::kMaxCount);
  if (!reader->Has("observed")) return;
  Reader in(reader->Object("observed"));
  std::vector<Sketch::Bucket> buckets;
  for (const Json& item : in.List("latency_us")) {
    const auto pair = in.Take(
        CheckPair("latency_us", item, "pairs of bucket and count", Sketch::kLastBucket, kMostCount),
        {});
    buckets.emplace_back(static_cast<std::int32_t>(pair.first), pair.second);
  }
  telemetry::Window::Observation observed;
  observed.latency_us = in.Take(Sketch::FromBuckets(buckets), Sketch());
  for (const auto& [name, counts] : in.Object("routes").items()) {
    const auto pair = in.Take(
        CheckPair("observed.routes", counts, "[requests, errors]", kMostCount, kMostCount), {});
    observed.routes[name] = {.requests = pair.first, .errors = pair.second};
  }
  inputs->window.observed = std::move(observed);
  reader->Join(in);
}

Result<Order> OrderFrom(const Json& json) {
  Reader in(json);
  Order order;
  order.kind = in.Choice("order", Order::Kind::kPause, kOrders);
  order.weight = in.Take(Weight::FromShare(in.Number("weight", 0, {0, 1})), Weight::Zero());
  order.actor = in.Text("actor", "");
  order.reason = in.Text("reason", "");
  if (!in.status().ok()) return Failure{in.status().error()};
  return order;
}

Json JsonOf(const Order& order) {
  return {{"order", Name(order.kind)},
          {"weight", order.weight.share()},
          {"actor", order.actor},
          {"reason", order.reason}};
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

}  // namespace

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
  inputs.health_known = in.Flag("health_known", true);
  inputs.covers_s = in.Number("covers_s", 0.0, {0, kMost});
  ReadObservation(&in, &inputs);
  for (const Json& item : in.List("orders"))
    inputs.orders.push_back(in.Take(OrderFrom(item), Order{}));
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

Result<Decision> DecisionFrom(const Json& line) {
  static constexpr Word<Action> kActions[] = {{"advance", Action::kAdvance},
                                              {"hold", Action::kHold},
                                              {"limit", Action::kLimit},
                                              {"promote", Action::kPromote},
                                              {"roll_back", Action::kRollBack}};
  static constexpr Word<Verdict> kVerdicts[] = {
      {"pass", Verdict::kPass}, {"fail", Verdict::kFail}, {"not_proven", Verdict::kNotProven}};
  Reader in(line);
  Decision decision;
  decision.t_s = in.Required("t_s");
  decision.action = in.Choice("decision", Action::kHold, kActions);
  decision.weight = in.Take(Weight::FromShare(in.Required("weight", {0, 1})), Weight::Zero());
  decision.confidence = in.Required("confidence", {0, 1});
  decision.log_e = in.Required("log_e");
  decision.p_fail = in.Required("p_fail", {0, 1});
  if (line.is_object() && line.contains("requests_needed") && line["requests_needed"].is_number())
    decision.requests_needed = line["requests_needed"].get<double>();
  if (line.is_object() && line.contains("verdict") && line["verdict"].is_string())
    decision.verdict = in.Choice("verdict", Verdict::kNotProven, kVerdicts);
  decision.reason = in.Text("reason", "");
  decision.by = in.Text("by", "");
  if (!in.status().ok()) return Failure{in.status().error()};
  return decision;
}

std::string ToJson(const Decision& decision, std::string_view deployment) {
  return JsonOf(decision, deployment).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string StoredDecisionJson(const Decision& decision, const storage::Entry& entry,
                               std::string_view actor) {
  Json out = JsonOf(decision, entry.deployment);
  out["seq"] = entry.seq;
  out["hash"] = ToHex(entry.hash);
  out["actor"] = actor.empty() ? Json(nullptr) : Json(actor);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ToJson(const Inputs& inputs) {
  Json out{{"t_s", inputs.window.t_s},
           {"canary", JsonOf(inputs.window.canary)},
           {"baseline", JsonOf(inputs.window.baseline)}};
  if (!inputs.window.gauges.empty()) out["gauges"] = inputs.window.gauges;
  if (inputs.weight_given) out["weight_given"] = inputs.weight_given->share();
  if (!inputs.hold.empty()) out["hold"] = inputs.hold;
  if (!inputs.health_known) out["health_known"] = false;
  if (inputs.covers_s > 0.0) out["covers_s"] = inputs.covers_s;
  if (inputs.window.observed) {
    Json routes = Json::object();
    for (const auto& [name, counts] : inputs.window.observed->routes)
      routes[name] = {counts.requests, counts.errors};
    out["observed"] = {{"latency_us", inputs.window.observed->latency_us.Buckets()},
                       {"routes", std::move(routes)}};
  }
  if (!inputs.orders.empty()) {
    Json& orders = out["orders"] = Json::array();
    for (const Order& order : inputs.orders) orders.push_back(JsonOf(order));
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Inputs> InputsFromJson(std::string_view text) {
  AUSPEX_TRY(const Json json, Parse(text));
  return InputsFrom(json);
}

std::string ToJson(const Order& order) {
  return JsonOf(order).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Order> OrderFromJson(std::string_view text) {
  AUSPEX_TRY(const Json json, Parse(text));
  return OrderFrom(json);
}

std::string_view Name(Order::Kind kind) { return NameIn(kOrders, kind); }

}  // namespace auspex::rollout
