#include "auspex/api/rest.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "auspex/api/idempotency.h"
#include "auspex/api/metrics_page.h"
#include "auspex/api/problem.h"
#include "auspex/rollout/codec.h"

namespace auspex::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kDefaultLimit = 100, kMostLimit = 1000;

HttpReply Reply(std::string json, int status = 200) {
  return {.status = status,
          .content_type = "application/json",
          .body = std::move(json),
          .headers = {},
          .events = {}};
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A body that must be an object with none but the known keys. The first problem found, or nothing.
class Body {
 public:
  Body(const HttpCall& call, std::initializer_list<std::string_view> known) {
    json_ = Json::parse(call.body.empty() ? "{}" : call.body, nullptr, false);
    if (!json_.is_object()) {
      Refuse("", json_.is_discarded() ? "the body is not JSON" : "the body is not a JSON object");
      return;
    }
    for (const auto& [key, value] : json_.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        Refuse("/" + key, fmt::format("unknown; known are {}", fmt::join(known, ", ")));
      }
    }
  }
  std::string Text(const char* key, bool required) {
    const auto found = Find(key);
    if (found == nullptr) {
      if (required) Refuse("/" + std::string(key), "missing; a text is needed");
      return "";
    }
    if (found->is_string()) return found->get<std::string>();
    Refuse("/" + std::string(key), "not a text");
    return "";
  }
  std::optional<double> Share(const char* key, bool required) {
    const auto found = Find(key);
    if (found == nullptr) {
      if (required) Refuse("/" + std::string(key), "missing; a share from 0 to 1 is needed");
      return std::nullopt;
    }
    if (found->is_number() && found->get<double>() >= 0.0 && found->get<double>() <= 1.0)
      return found->get<double>();
    Refuse("/" + std::string(key), "not a share from 0 to 1");
    return std::nullopt;
  }
  [[nodiscard]] bool good() const { return errors_.empty(); }
  [[nodiscard]] HttpReply Refusal() const { return Problem(400, "the body has errors", errors_); }

 private:
  const Json* Find(const char* key) const {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  void Refuse(std::string pointer, std::string detail) {
    errors_.push_back({std::move(pointer), std::move(detail)});
  }
  Json json_;
  std::vector<InputError> errors_;
};

Result<std::size_t> Limit(const HttpCall& call) {
  const auto text = call.QueryValue("limit");
  if (!text) return kDefaultLimit;
  std::size_t limit = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (failed != std::errc() || end != text->data() + text->size() || limit < 1 ||
      limit > kMostLimit) {
    return Fail(ErrorCode::kInvalidArgument, "limit: a whole number from 1 to {}, not '{}'",
                kMostLimit, *text);
  }
  return limit;
}

Result<std::int64_t> SeqCursor(const HttpCall& call) {
  const auto text = call.QueryValue("cursor");
  if (!text) return std::int64_t{0};
  std::int64_t seq = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), seq);
  if (failed != std::errc() || end != text->data() + text->size() || seq < 0) {
    return Fail(ErrorCode::kInvalidArgument, "cursor: as the page before gave it, not '{}'", *text);
  }
  return seq;
}

std::string ActorOf(const HttpCall& call, std::string given) {
  return given.empty() ? call.peer : std::move(given);
}

HttpReply Announce(const RestDependencies& d, const HttpCall& call) {
  Body body(call, {"service", "version", "baseline_version", "risk", "actor"});
  const rollout::Engine::Announcement announcement{
      .service = body.Text("service", true),
      .version = body.Text("version", true),
      .baseline_version = body.Text("baseline_version", false),
      .actor = ActorOf(call, body.Text("actor", false)),
      .risk = body.Share("risk", false)};
  if (!body.good()) return body.Refusal();
  const Result<rollout::DeploymentView> view = d.engine->Announce(announcement);
  if (!view.ok()) return ProblemFrom(view.error());
  HttpReply reply = Reply(ToJson(*view), 201);
  reply.headers.emplace_back("Location", "/api/v1/deployments/" + view->id);
  return reply;
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

HttpReply GetDeployment(const RestDependencies& d, const HttpCall& call) {
  const std::string& id = call.Parameter("id");
  const Result<rollout::DeploymentView> view = d.engine->Get(id);
  if (view.ok()) return Reply(ToJson(*view));
  const auto row = d.ledger->Deployment(id);
  return row.ok() ? Reply(row->body) : ProblemFrom(row.error());
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
  std::string actor;
  for (const storage::Entry& entry : *entries) {
    if (entry.kind != "tick" && entry.kind != "announced") continue;
    const Json body = Json::parse(entry.body, nullptr, false);
    if (!body.is_object() || !body.contains("out")) continue;
    Json decision = body["out"];
    decision["seq"] = entry.seq;
    decision["hash"] = ToHex(entry.hash);
    decision["actor"] = nullptr;
    if (body.contains("actor")) decision["actor"] = body["actor"];
    if (body.contains("in") && body["in"].contains("orders"))
      decision["actor"] = body["in"]["orders"][0]["actor"];
    out["items"].push_back(std::move(decision));
  }
  if (entries->size() == *limit) out["next_cursor"] = std::to_string(entries->back().seq);
  return Reply(Dump(out));
}

HttpReply GetEvidence(const RestDependencies& d, const HttpCall& call) {
  const Result<std::string> evidence = d.engine->Evidence(call.Parameter("id"));
  return evidence.ok() ? Reply(*evidence) : ProblemFrom(evidence.error());
}

HttpReply GiveOrder(const RestDependencies& d, const HttpCall& call, rollout::Order::Kind kind) {
  Body body(call, {"reason", "weight", "actor"});
  rollout::Order order{.kind = kind,
                       .weight = {},
                       .actor = ActorOf(call, body.Text("actor", false)),
                       .reason = body.Text("reason", true)};
  const std::optional<double> weight = body.Share("weight", kind == rollout::Order::Kind::kWeight);
  if (!body.good()) return body.Refusal();
  if (weight) order.weight = Weight::FromShare(*weight).value_or(Weight::Zero());
  const Result<rollout::DeploymentView> view = d.engine->Give(call.Parameter("id"), order);
  return view.ok() ? Reply(ToJson(*view), 202) : ProblemFrom(view.error());
}

Json ServiceJson(const rollout::ServiceConfig& service) {
  return {{"name", service.name},
          {"criticality", service.criticality},
          {"alpha", service.alpha},
          {"router", service.router},
          {"backend", service.backend},
          {"servers", service.servers},
          {"tick_s", service.tick_s},
          {"time_scale", service.time_scale},
          {"prior_risk", service.prior_risk}};
}

HttpReply ListServices(const RestDependencies& d) {
  Json out{{"items", Json::array()}, {"next_cursor", nullptr}};
  for (const rollout::ServiceConfig& service : d.engine->services())
    out["items"].push_back(ServiceJson(service));
  return Reply(Dump(out));
}

HttpReply GetService(const RestDependencies& d, const HttpCall& call) {
  for (const rollout::ServiceConfig& service : d.engine->services()) {
    if (service.name == call.Parameter("name")) return Reply(Dump(ServiceJson(service)));
  }
  return Problem(404, fmt::format("no service '{}' is configured", call.Parameter("name")));
}

// Ready: the ledger answers, and takes decisions. A feed that is away holds rollouts and is no
// reason to take the daemon out.
HttpReply Ready(const RestDependencies& d) {
  if (const std::string trouble = d.engine->LedgerTrouble(); !trouble.empty())
    return Problem(503, "the ledger takes no decisions, so rollouts hold: " + trouble);
  const auto rows = d.ledger->Deployments({.service = {}, .ended = {}, .limit = 1, .after_id = {}});
  if (!rows.ok()) return ProblemFrom(rows.error());
  return Reply(Dump({{"ready", true}, {"feed_connected", d.requests->Health().connected}}));
}

}  // namespace

void AddRestRoutes(const RestDependencies& d, Routes* routes) {
  const auto memory = std::make_shared<Idempotency>();
  routes->Add("POST", "/api/v1/deployments",
              Idempotency::Wrap(memory, [d](const HttpCall& call) { return Announce(d, call); }));
  routes->Add("GET", "/api/v1/deployments",
              [d](const HttpCall& call) { return ListDeployments(d, call); });
  routes->Add("GET", "/api/v1/deployments/{id}",
              [d](const HttpCall& call) { return GetDeployment(d, call); });
  routes->Add("GET", "/api/v1/deployments/{id}/decisions",
              [d](const HttpCall& call) { return ListDecisions(d, call); });
  routes->Add("GET", "/api/v1/deployments/{id}/evidence",
              [d](const HttpCall& call) { return GetEvidence(d, call); });
  using Kind = rollout::Order::Kind;
  for (const Kind kind : {Kind::kPause, Kind::kResume, Kind::kPromote, Kind::kAbort, Kind::kWeight,
                          Kind::kApprove, Kind::kReject}) {
    routes->Add("POST", fmt::format("/api/v1/deployments/{{id}}/{}", rollout::Name(kind)),
                Idempotency::Wrap(
                    memory, [d, kind](const HttpCall& call) { return GiveOrder(d, call, kind); }));
  }
  routes->Add("GET", "/api/v1/services", [d](const HttpCall&) { return ListServices(d); });
  routes->Add("GET", "/api/v1/services/{name}",
              [d](const HttpCall& call) { return GetService(d, call); });
  routes->Add("GET", "/api/v1/events",
              [d](const HttpCall& call) { return ServeEvents(*d.events, call); });
  routes->Add("GET", "/healthz", [](const HttpCall&) { return Reply(R"({"healthy":true})"); });
  routes->Add("GET", "/readyz", [d](const HttpCall&) { return Ready(d); });
  routes->Add("GET", "/metrics", [d](const HttpCall&) {
    return HttpReply{.status = 200,
                     .content_type = "text/plain; version=0.0.4; charset=utf-8",
                     .body = MetricsPage(d),
                     .headers = {},
                     .events = {}};
  });
}

}  // namespace auspex::api
