// The endpoints below /api/v1/deployments.
#include <algorithm>
#include <utility>

#include "auspex/api/json_body.h"
#include "auspex/api/rest_parts.h"
#include "auspex/base/ids.h"
#include "auspex/rollout/codec.h"

namespace auspex::api {
namespace {

// A clone that was read before takes a second or two.
constexpr Duration kChangePatience = 5s;

// With tokens the actor is who the token says; without, who the caller says it is.
std::string ActorOf(const HttpCall& call, const std::string& given) {
  if (!call.caller.name.empty()) return call.caller.name;
  return given.empty() ? call.peer : given;
}

HttpReply AsBegun(HttpReply reply, const std::string& id) {
  reply.headers.emplace_back("Location", "/api/v1/deployments/" + id);
  return reply;
}

// What the client knows of the change; what is wrong with it is noted in the body's errors.
risk::ChangeFacts ChangeOf(Body* body) {
  const std::string json = body->Object("change");
  if (json.empty()) return {};
  auto facts = risk::ChangeFactsFromJson(json);
  if (facts.ok()) return *std::move(facts);
  const std::string& message = facts.error().message;
  const std::size_t colon = message.find(": ");
  body->Refuse("/change" + message.substr(0, colon), message.substr(colon + 2));
  return {};
}

const rollout::ServiceConfig* FindService(const RestDependencies& d, const std::string& name) {
  const auto& services = d.engine->services();
  const auto found = std::find_if(services.begin(), services.end(),
                                  [&name](const auto& one) { return one.name == name; });
  return found == services.end() ? nullptr : &*found;
}

// Where nobody told it. Nothing of an announcement that will be refused.
risk::ChangeFacts ChangeFound(const RestDependencies& d,
                              const rollout::Engine::Announcement& announcement) {
  if (d.changes == nullptr || !CheckName("version", announcement.version).ok()) return {};
  const std::string& baseline = announcement.baseline_version;
  if (!baseline.empty() && !CheckName("baseline_version", baseline).ok()) return {};
  for (const rollout::DeploymentView& running : d.engine->Running()) {
    if (running.service == announcement.service) return {};
  }
  return d.changes->Look({.service = announcement.service,
                          .version = announcement.version,
                          .baseline_version = baseline},
                         kChangePatience);
}

// Adds what is predicted, and who is to hear of it first; `told` gets the id that they heard.
void Predict(const RestDependencies& d, risk::ChangeFacts change,
             rollout::Engine::Announcement* announcement, std::string* told) {
  const rollout::ServiceConfig* service = FindService(d, announcement->service);
  if (d.assessor == nullptr || service == nullptr) return;  // the engine refuses an unknown one
  const risk::Prediction prediction = d.assessor->Predict({.service = announcement->service,
                                                           .version = announcement->version,
                                                           .base_risk = service->prior_risk,
                                                           .given = announcement->risk,
                                                           .change = std::move(change)});
  announcement->risk = prediction.risk();
  announcement->prediction = ToJson(prediction);
  if (!d.foretell || prediction.risk() < service->alert_above_risk) return;
  announcement->before = [foretell = d.foretell, prediction, told](const std::string& id) {
    *told = id;
    foretell(id, prediction);
  };
}

HttpReply Announce(const RestDependencies& d, const HttpCall& call,
                   const std::optional<storage::KeyedCall>& keyed) {
  Body body(call, {"service", "version", "baseline_version", "risk", "change", "actor"});
  rollout::Engine::Announcement announcement{
      .service = body.Text("service", true),
      .version = body.Text("version", true),
      .baseline_version = body.Text("baseline_version", false),
      .actor = ActorOf(call, body.Text("actor", false)),
      .risk = body.Share("risk", false),
      .call = keyed};
  risk::ChangeFacts change = ChangeOf(&body);
  const bool told_change = body.Has("change");
  if (!body.good()) return body.Refusal();
  if (!told_change) change = ChangeFound(d, announcement);
  std::string told;
  Predict(d, std::move(change), &announcement, &told);
  const Result<rollout::DeploymentView> view = d.engine->Announce(announcement);
  if (!view.ok() && !told.empty() && d.withdraw) d.withdraw(told);
  if (!view.ok()) return ProblemFrom(view.error());
  return AsBegun(Reply(ToJson(*view), 201), view->id);
}

HttpReply ListDeployments(const RestDependencies& d, const HttpCall& call) {
  const Result<std::size_t> limit = Limit(call);
  if (!limit.ok()) return ProblemFrom(limit.error());
  storage::DeploymentQuery query{.service = {},
                                 .ended = {},
                                 .limit = *limit,
                                 .after_id = std::string(call.QueryValue("cursor").value_or(""))};
  if (const auto service = call.QueryValue("service")) query.service = std::string(*service);
  if (const auto state = call.QueryValue("state")) {
    if (*state != "ended" && *state != "active") return Problem(400, "state: ended or active");
    query.ended = *state == "ended";
  }
  const auto rows = d.ledger->Deployments(query);
  if (!rows.ok()) return ProblemFrom(rows.error());
  Json out{{"items", Json::array()}, {"next_cursor", nullptr}};
  for (const storage::DeploymentRow& row : *rows)
    out["items"].push_back(Json::parse(row.body, nullptr, false));
  if (rows->size() == *limit) out["next_cursor"] = rows->back().id;
  return Reply(Dump(out));
}

HttpReply GetDeployment(const RestDependencies& d, const std::string& id) {
  const Result<rollout::DeploymentView> view = d.engine->Get(id);
  if (view.ok()) return Reply(ToJson(*view));
  const auto row = d.ledger->Deployment(id);
  return row.ok() ? Reply(row->body) : ProblemFrom(row.error());
}

// As it is stored, but for the weight of an order that has none.
Json AsGiven(Json order) {
  if (order.is_object() && order.value("order", "") != "weight") order.erase("weight");
  return order;
}

// Decisions are the answers in the stored ticks, with what proves them.
HttpReply ListDecisions(const RestDependencies& d, const HttpCall& call) {
  const Result<std::size_t> limit = Limit(call);
  if (!limit.ok()) return ProblemFrom(limit.error());
  const Result<std::int64_t> after = SeqCursor(call);
  if (!after.ok()) return ProblemFrom(after.error());
  const std::string& id = call.Parameter("id");
  if (const auto known = d.ledger->Deployment(id); !known.ok()) return ProblemFrom(known.error());
  const auto entries =
      d.ledger->Entries({.deployment = id, .kind = {}, .after = *after, .limit = *limit});
  if (!entries.ok()) return ProblemFrom(entries.error());
  Json out{{"items", Json::array()}, {"next_cursor", nullptr}};
  for (const storage::Entry& entry : *entries) {
    if (entry.kind != "tick" && entry.kind != "announced") continue;
    const Json body = Json::parse(entry.body, nullptr, false);
    if (!body.is_object() || !body.contains("out")) continue;
    Json decision = body["out"];
    decision["seq"] = entry.seq;
    decision["hash"] = ToHex(entry.hash);
    decision["actor"] = nullptr;
    if (body.contains("actor")) decision["actor"] = body["actor"];
    if (body.contains("in") && body["in"].contains("orders")) {
      decision["actor"] = body["in"]["orders"].back()["actor"];
      for (const Json& order : body["in"]["orders"]) decision["orders"].push_back(AsGiven(order));
    }
    out["items"].push_back(std::move(decision));
  }
  if (entries->size() == *limit) out["next_cursor"] = std::to_string(entries->back().seq);
  return Reply(Dump(out));
}

// Of entries of their own: they stay when the ticks that obeyed them have expired.
HttpReply ListOrders(const RestDependencies& d, const HttpCall& call) {
  const Result<std::size_t> limit = Limit(call);
  if (!limit.ok()) return ProblemFrom(limit.error());
  const Result<std::int64_t> after = SeqCursor(call);
  if (!after.ok()) return ProblemFrom(after.error());
  const std::string& id = call.Parameter("id");
  if (const auto known = d.ledger->Deployment(id); !known.ok()) return ProblemFrom(known.error());
  const auto entries =
      d.ledger->Entries({.deployment = id, .kind = "order", .after = *after, .limit = *limit});
  if (!entries.ok()) return ProblemFrom(entries.error());
  Json out{{"items", Json::array()}, {"next_cursor", nullptr}};
  for (const storage::Entry& entry : *entries) {
    Json order = AsGiven(Json::parse(entry.body, nullptr, false));
    if (!order.is_object()) continue;  // `audit verify` tells of damage
    order["at"] = ToRfc3339(entry.at);
    order["seq"] = entry.seq;
    order["hash"] = ToHex(entry.hash);
    out["items"].push_back(std::move(order));
  }
  if (entries->size() == *limit) out["next_cursor"] = std::to_string(entries->back().seq);
  return Reply(Dump(out));
}

HttpReply GetEvidence(const RestDependencies& d, const HttpCall& call) {
  const Result<std::string> evidence = d.engine->Evidence(call.Parameter("id"));
  return evidence.ok() ? Reply(*evidence) : ProblemFrom(evidence.error());
}

// As it was stored when the deployment was announced.
HttpReply GetPrediction(const RestDependencies& d, const HttpCall& call) {
  const std::string& id = call.Parameter("id");
  if (const auto known = d.ledger->Deployment(id); !known.ok()) return ProblemFrom(known.error());
  const auto entries = d.ledger->Entries({.deployment = id, .kind = "prediction", .limit = 1});
  if (!entries.ok()) return ProblemFrom(entries.error());
  if (entries->empty())
    return Problem(404, fmt::format("nothing was predicted of deployment '{}'", id));
  return Reply(entries->front().body);
}

HttpReply GiveOrder(const RestDependencies& d, const HttpCall& call, rollout::Order::Kind kind,
                    const std::optional<storage::KeyedCall>& keyed) {
  Body body(call, {"reason", "weight", "actor"});
  rollout::Order order{.kind = kind,
                       .weight = {},
                       .actor = ActorOf(call, body.Text("actor", false)),
                       .reason = body.Text("reason", true)};
  const std::optional<double> weight = body.Share("weight", kind == rollout::Order::Kind::kWeight);
  if (!body.good()) return body.Refusal();
  if (weight) order.weight = Weight::FromShare(*weight).value_or(Weight::Zero());
  const Result<rollout::DeploymentView> view = d.engine->Give(call.Parameter("id"), order, keyed);
  return view.ok() ? Reply(ToJson(*view), 202) : ProblemFrom(view.error());
}

const RouteInput kSeqCursorInput{
    .name = "cursor",
    .schema = R"({"type":"integer","minimum":0,"maximum":9007199254740991})",
    .text = "`next_cursor` of the page before"};

struct OrderRoute {
  rollout::Order::Kind kind;
  const char* summary;
};

void AddOrders(const RestDependencies& d, const Keyed& keyed, Routes* routes) {
  using Kind = rollout::Order::Kind;
  static constexpr OrderRoute kOrders[] = {
      {Kind::kPause, "Holds the weight; proven harm still rolls back"},
      {Kind::kResume, "Goes on after a pause"},
      {Kind::kPromote, "All traffic to the canary, now"},
      {Kind::kAbort, "All traffic back to the baseline, now"},
      {Kind::kWeight, "Sets the weight and pauses"},
      {Kind::kApprove, "Yes to a deployment that waits for approval"},
      {Kind::kReject, "No to it: it ends without traffic"}};
  for (const OrderRoute& order : kOrders) {
    const std::string name(rollout::Name(order.kind));
    routes->Add(keyed({.method = "POST",
                       .pattern = fmt::format("/api/v1/deployments/{{id}}/{}", name),
                       .role = Role::kOperator,
                       .id = name + "Deployment",
                       .summary = order.summary,
                       .body = order.kind == Kind::kWeight ? "WeightOrder" : "Order",
                       .status = 202,
                       .answer = "Deployment",
                       .errors = {404},
                       .handler = {}},
                      [d, kind = order.kind](const HttpCall& call, const auto& key) {
                        return GiveOrder(d, call, kind, key);
                      }));
  }
}

// What was decided, ordered, proven and predicted of one.
void AddViews(const RestDependencies& d, Routes* routes) {
  routes->Add({.method = "GET",
               .pattern = "/api/v1/deployments/{id}/decisions",
               .role = Role::kViewer,
               .id = "listDecisions",
               .summary = "What was decided, oldest first, with what proves it",
               .inputs = {kLimitInput, kSeqCursorInput},
               .answer = "DecisionPage",
               .errors = {404},
               .handler = [d](const HttpCall& call) { return ListDecisions(d, call); }});
  routes->Add({.method = "GET",
               .pattern = "/api/v1/deployments/{id}/orders",
               .role = Role::kViewer,
               .id = "listOrders",
               .summary = "What people ordered, oldest first: who, when and why",
               .inputs = {kLimitInput, kSeqCursorInput},
               .answer = "OrderPage",
               .errors = {404},
               .handler = [d](const HttpCall& call) { return ListOrders(d, call); }});
  routes->Add({.method = "GET",
               .pattern = "/api/v1/deployments/{id}/evidence",
               .role = Role::kViewer,
               .id = "getEvidence",
               .summary = "What the evidence stands on, per metric",
               .answer = "Evidence",
               .errors = {404},
               .handler = [d](const HttpCall& call) { return GetEvidence(d, call); }});
  routes->Add(
      {.method = "GET",
       .pattern = "/api/v1/deployments/{id}/prediction",
       .role = Role::kViewer,
       .id = "getPrediction",
       .summary = "How likely it was to fail before any traffic, why, and what would lower it",
       .answer = "Prediction",
       .errors = {404},
       .handler = [d](const HttpCall& call) { return GetPrediction(d, call); }});
}

}  // namespace

HttpReply DeploymentNow(const RestDependencies& dependencies, const std::string& id, int status) {
  HttpReply reply = GetDeployment(dependencies, id);
  if (reply.status != 200) return reply;
  reply.status = status;
  return status == 201 ? AsBegun(std::move(reply), id) : reply;
}

void AddDeploymentRoutes(const RestDependencies& d, const Keyed& keyed, Routes* routes) {
  routes->Add(keyed({.method = "POST",
                     .pattern = "/api/v1/deployments",
                     .role = Role::kOperator,
                     .id = "announceDeployment",
                     .summary = "Announces a deployment; its rollout begins at once",
                     .body = "Announcement",
                     .status = 201,
                     .answer = "Deployment",
                     .errors = {404},
                     .handler = {}},
                    [d](const HttpCall& call, const auto& key) { return Announce(d, call, key); }));
  routes->Add({.method = "GET",
               .pattern = "/api/v1/deployments",
               .role = Role::kViewer,
               .id = "listDeployments",
               .summary = "Deployments, newest first",
               .inputs = {kLimitInput,
                          {.name = "cursor",
                           .schema = R"({"type":"string"})",
                           .text = "`next_cursor` of the page before"},
                          {.name = "service", .schema = R"({"type":"string"})", .text = "of one"},
                          {.name = "state",
                           .schema = R"({"enum":["active","ended"]})",
                           .text = "all where absent"}},
               .answer = "DeploymentPage",
               .handler = [d](const HttpCall& call) { return ListDeployments(d, call); }});
  routes->Add(
      {.method = "GET",
       .pattern = "/api/v1/deployments/{id}",
       .role = Role::kViewer,
       .id = "getDeployment",
       .summary = "One deployment as it is now",
       .answer = "Deployment",
       .errors = {404},
       .handler = [d](const HttpCall& call) { return GetDeployment(d, call.Parameter("id")); }});
  AddViews(d, routes);
  AddOrders(d, keyed, routes);
}

}  // namespace auspex::api
