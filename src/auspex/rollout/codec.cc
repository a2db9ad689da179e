#include "auspex/rollout/codec.h"

#include <utility>

#include "auspex/rollout/json_reader.h"
#include "auspex/rollout/json_writer.h"

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
  for (std::size_t i = 0; i < std::min(telemetry::kEdges, slower.size()); ++i) {
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
  const Json& instances = in.List("instances");
  if (instances.size() > telemetry::ArmWindow::kMostInstances) {
    in.Note(Fail(ErrorCode::kInvalidArgument, "instances: at most {}, not {}",
                 telemetry::ArmWindow::kMostInstances, instances.size()));
    return reader->Join(in);
  }
  for (const Json& item : instances) {
    Reader instance(item);
    if (!item.is_object())
      instance.Note(Fail(ErrorCode::kInvalidArgument,
                         "instances: objects with requests and errors, not {}", Shown(item)));
    telemetry::ArmWindow::Instance counts;
    counts.requests = instance.Required("requests", {0, kMost});
    counts.errors = instance.Number("errors", 0, {0, counts.requests});
    arm->instances.push_back(counts);
    in.Join(instance);
  }
  for (const Json& item : in.List("behaviour")) {
    Reader behaviour(item);
    if (!item.is_object())
      behaviour.Note(Fail(ErrorCode::kInvalidArgument,
                          "behaviour: objects with events and all, not {}", Shown(item)));
    telemetry::ArmWindow::Behaviour counts;
    counts.all = behaviour.Required("all", {0, kMost});
    counts.events = behaviour.Number("events", 0, {0, counts.all});
    arm->behaviour.push_back(counts);
    in.Join(behaviour);
  }
  arm->up = in.Flag("up", true);
  arm->in_flight = in.Number("in_flight", 0, {0, kMost});
  arm->queued = in.Number("queued", 0, {0, kMost});
  arm->most_in_flight = in.Number("most_in_flight", 0, {0, kMost});
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
  for (const Json& item : in.List("bucket_edges_us")) {
    observed.bucket_edges_us.push_back(static_cast<std::int64_t>(
        in.Take(CheckNumber("bucket_edges_us", item, {1, Sketch::kLargest}), 1.0)));
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

void Write(const Order& order, JsonWriter* out) {
  out->Open('{');
  out->Key("order").Text(Name(order.kind)).Key("weight").Number(order.weight.share());
  out->Key("actor").Text(order.actor).Key("reason").Text(order.reason);
  out->Close('}');
}

void Write(const telemetry::ArmWindow& arm, JsonWriter* out) {
  out->Open('{').Key("requests").Number(arm.requests).Key("errors").Number(arm.errors);
  if (!arm.slower.empty()) {
    out->Key("slower").Open('[');
    for (const double count : arm.slower) out->Number(count);
    out->Close(']');
  }
  if (!arm.routes.empty()) {
    out->Key("routes").Open('[');
    for (const auto& route : arm.routes) {
      out->Open('{').Key("requests").Number(route.requests).Key("errors").Number(route.errors);
      out->Close('}');
    }
    out->Close(']');
  }
  if (!arm.instances.empty()) {
    out->Key("instances").Open('[');
    for (const auto& one : arm.instances)
      out->Open('{')
          .Key("requests")
          .Number(one.requests)
          .Key("errors")
          .Number(one.errors)
          .Close('}');
    out->Close(']');
  }
  if (!arm.behaviour.empty()) {
    out->Key("behaviour").Open('[');
    for (const auto& behaviour : arm.behaviour) {
      out->Open('{').Key("events").Number(behaviour.events).Key("all").Number(behaviour.all);
      out->Close('}');
    }
    out->Close(']');
  }
  if (!arm.up) out->Key("up").Flag(false);
  if (arm.in_flight != 0) out->Key("in_flight").Number(arm.in_flight);
  if (arm.queued != 0) out->Key("queued").Number(arm.queued);
  if (arm.most_in_flight != 0) out->Key("most_in_flight").Number(arm.most_in_flight);
  if (arm.harmed != 0) out->Key("harmed").Number(arm.harmed);
  out->Close('}');
}

void Write(const telemetry::Window::Observation& observed, JsonWriter* out) {
  out->Open('{').Key("latency_us").Open('[');
  for (const auto& [bucket, count] : observed.latency_us.Buckets())
    out->Open('[').Whole(bucket).Whole(count).Close(']');
  out->Close(']').Key("routes").Open('{');
  for (const auto& [name, counts] : observed.routes)
    out->Key(name).Open('[').Whole(counts.requests).Whole(counts.errors).Close(']');
  out->Close('}');
  if (!observed.bucket_edges_us.empty()) {
    out->Key("bucket_edges_us").Open('[');
    for (const std::int64_t edge : observed.bucket_edges_us) out->Whole(edge);
    out->Close(']');
  }
  out->Close('}');
}

// The keys of a decision, without the brackets.
void WriteKeys(const Decision& decision, std::string_view deployment, JsonWriter* out) {
  out->Key("deployment").Text(deployment).Key("t_s").Number(decision.t_s);
  out->Key("decision").Text(Name(decision.action)).Key("weight").Number(decision.weight.share());
  out->Key("confidence").Number(decision.confidence).Key("log_e").Number(decision.log_e);
  out->Key("p_fail").Number(decision.p_fail).Key("requests_needed");
  // A whole number prints as one wherever it fits.
  if (!decision.requests_needed) {
    out->Null();
  } else if (*decision.requests_needed < 9e15) {
    out->Whole(static_cast<std::int64_t>(*decision.requests_needed));
  } else {
    out->Number(*decision.requests_needed);
  }
  out->Key("verdict");
  decision.verdict ? out->Text(Name(*decision.verdict)) : out->Null();
  out->Key("reason").Text(decision.reason);
  if (!decision.by.empty()) out->Key("by").Text(decision.by);
  if (decision.fuse) out->Key("fuse").Number(*decision.fuse);
}

}  // namespace

Result<Inputs> InputsFrom(const Json& tick, UnknownKeys unknown) {
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
  for (const auto& [name, value] : in.Object("baseline_values").items()) {
    inputs.window.baseline_values[name] = in.Take(CheckNumber(name, value, {}), 0.0);
  }
  if (in.Has("weight_given")) {
    inputs.weight_given =
        in.Take(Weight::FromShare(in.Number("weight_given", 0, {0, 1})), Weight::Zero());
  }
  inputs.hold = in.Text("hold", "");
  for (const Json& item : in.List("unseen")) {
    if (!item.is_string())
      in.Note(Fail(ErrorCode::kInvalidArgument, "unseen: texts, not {}", Shown(item)));
    else
      inputs.unseen.push_back(item.get<std::string>());
  }
  inputs.health_known = in.Flag("health_known", true);
  inputs.ends_known = in.Flag("ends_known", true);
  inputs.load_known = in.Flag("load_known", false);
  inputs.covers_s = in.Number("covers_s", 0.0, {0, kMost});
  inputs.stopped_at_s = in.Number("stopped_at", 0.0, {0, inputs.window.t_s});
  ReadObservation(&in, &inputs);
  for (const Json& item : in.List("orders"))
    inputs.orders.push_back(in.Take(OrderFrom(item), Order{}));
  // Whose tick it is was read before.
  if (unknown == UnknownKeys::kRefuse) in.RefuseUnknown("deployment");
  if (!in.status().ok()) return Failure{in.status().error()};
  return inputs;
}

Json JsonOf(const Decision& decision, std::string_view deployment) {
  return Json::parse(ToJson(decision, deployment));
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
  if (in.Has("fuse")) decision.fuse = in.Number("fuse", 0);
  if (!in.status().ok()) return Failure{in.status().error()};
  return decision;
}

std::string ToJson(const Decision& decision, std::string_view deployment) {
  JsonWriter out;
  out.Open('{');
  WriteKeys(decision, deployment, &out);
  return out.Close('}').Take();
}

std::string StoredDecisionJson(const Decision& decision, const storage::Entry& entry,
                               std::string_view actor) {
  JsonWriter out;
  out.Open('{');
  WriteKeys(decision, entry.deployment, &out);
  out.Key("seq").Whole(entry.seq).Key("hash").Text(ToHex(entry.hash)).Key("actor");
  actor.empty() ? out.Null() : out.Text(actor);
  return out.Close('}').Take();
}

std::string ToJson(const Inputs& inputs) {
  const telemetry::Window& window = inputs.window;
  JsonWriter out;
  out.Open('{').Key("t_s").Number(window.t_s);
  Write(window.canary, &out.Key("canary"));
  Write(window.baseline, &out.Key("baseline"));
  if (!window.gauges.empty()) {
    out.Key("gauges").Open('{');
    for (const auto& [name, value] : window.gauges) out.Key(name).Number(value);
    out.Close('}');
  }
  if (!window.baseline_values.empty()) {
    out.Key("baseline_values").Open('{');
    for (const auto& [name, value] : window.baseline_values) out.Key(name).Number(value);
    out.Close('}');
  }
  if (inputs.weight_given) out.Key("weight_given").Number(inputs.weight_given->share());
  if (!inputs.hold.empty()) out.Key("hold").Text(inputs.hold);
  if (!inputs.unseen.empty()) {
    out.Key("unseen").Open('[');
    for (const std::string& text : inputs.unseen) out.Text(text);
    out.Close(']');
  }
  if (!inputs.health_known) out.Key("health_known").Flag(false);
  if (!inputs.ends_known) out.Key("ends_known").Flag(false);
  if (inputs.load_known) out.Key("load_known").Flag(true);
  if (inputs.covers_s > 0.0) out.Key("covers_s").Number(inputs.covers_s);
  if (inputs.stopped_at_s > 0.0) out.Key("stopped_at").Number(inputs.stopped_at_s);
  if (window.observed) Write(*window.observed, &out.Key("observed"));
  if (!inputs.orders.empty()) {
    out.Key("orders").Open('[');
    for (const Order& order : inputs.orders) Write(order, &out);
    out.Close(']');
  }
  return out.Close('}').Take();
}

Result<Inputs> InputsFromJson(std::string_view text) {
  AUSPEX_TRY(const Json json, Parse(text));
  return InputsFrom(json);
}

std::string ToJson(const Order& order) {
  JsonWriter out;
  Write(order, &out);
  return out.Take();
}

Result<Order> OrderFromJson(std::string_view text) {
  AUSPEX_TRY(const Json json, Parse(text));
  return OrderFrom(json);
}

std::string_view Name(Order::Kind kind) { return NameIn(kOrders, kind); }

}  // namespace auspex::rollout
