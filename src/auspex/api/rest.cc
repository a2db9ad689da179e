#include "auspex/api/rest.h"

#include <memory>
#include <utility>

#include "auspex/api/idempotency.h"
#include "auspex/api/json_body.h"
#include "auspex/api/metrics_page.h"
#include "auspex/api/openapi.h"
#include "auspex/api/problem.h"
#include "auspex/api/rest_parts.h"

namespace auspex::api {

const RouteInput kLimitInput{
    .name = "limit",
    .schema = R"({"type":"integer","minimum":1,"maximum":1000,"default":100})",
    .text = "the most that one page has"};

namespace {

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

Keyed MakeKeyed(const RestDependencies& d) {
  const auto memory = std::make_shared<Idempotency>(d.ledger, d.clock, d.log);
  return [memory, d](Route route, Idempotency::KeyedHandler handler) {
    route.inputs.push_back(
        {.place = RouteInput::Place::kHeader,
         .name = "Idempotency-Key",
         .schema = R"({"type":"string","pattern":"^[!-~]{1,255}$"})",
         .text = "the same key with the same call gives the first answer again, for 24 h; while "
                 "the first is under way it is 409, with another call 422"});
    route.errors.insert(route.errors.end(), {409, 422});
    route.handler =
        memory->Wrap(std::move(handler), [d, status = route.status](const std::string& deployment) {
          return DeploymentNow(d, deployment, status);
        });
    return route;
  };
}

// How the proxy's request log comes, of each server of each service.
HttpReply GetFeed(const RestDependencies& d) {
  const telemetry::FeedHealth feed = d.requests->Health();
  Json out{{"connected", feed.connected},
           {"lines", feed.lines},
           {"malformed", feed.malformed},
           {"last_line_at", nullptr},
           {"servers", Json::array()}};
  if (feed.last_line) out["last_line_at"] = ToRfc3339(*feed.last_line);
  for (const rollout::ServiceConfig& service : d.engine->services()) {
    for (const std::string& server : service.servers) {
      out["servers"].push_back({{"service", service.name},
                                {"backend", service.backend},
                                {"server", server},
                                {"lines", d.requests->LinesHeard({service.backend, server})}});
    }
  }
  return Reply(Dump(out));
}

void AddServiceRoutes(const RestDependencies& d, Routes* routes) {
  routes->Add({.method = "GET",
               .pattern = "/api/v1/services",
               .role = Role::kViewer,
               .id = "listServices",
               .summary = "Services as they are configured",
               .answer = "ServicePage",
               .handler = [d](const HttpCall&) { return ListServices(d); }});
  routes->Add({.method = "GET",
               .pattern = "/api/v1/services/{name}",
               .role = Role::kViewer,
               .id = "getService",
               .summary = "One service",
               .answer = "Service",
               .errors = {404},
               .handler = [d](const HttpCall& call) { return GetService(d, call); }});
  routes->Add({.method = "GET",
               .pattern = "/api/v1/feed",
               .role = Role::kViewer,
               .id = "getFeed",
               .summary = "How the proxy's request log comes, of each service's servers",
               .answer = "Feed",
               .handler = [d](const HttpCall&) { return GetFeed(d); }});
}

Route EventsRoute(const RestDependencies& d) {
  constexpr const char* kEventId = R"({"type":"string"})";
  return {.method = "GET",
          .pattern = "/api/v1/events",
          .role = Role::kViewer,
          .id = "streamEvents",
          .summary = "Server-sent events: decision, state, alert; `reset` where some were missed",
          .inputs = {{.name = "deployment",
                      .schema = R"({"$ref":"#/components/schemas/Name"})",
                      .text = "only its events"},
                     {.name = "last_event_id", .schema = kEventId, .text = "as Last-Event-ID"},
                     {.place = RouteInput::Place::kHeader,
                      .name = "Last-Event-ID",
                      .schema = kEventId,
                      .text = "the last that the reader saw: it gets what came since"}},
          .content = "text/event-stream",
          .handler = [d](const HttpCall& call) { return ServeEvents(*d.events, call); }};
}

// What a load balancer and a client generator ask before they have a token.
void AddOpenRoutes(const RestDependencies& d, Routes* routes) {
  routes->Add({.method = "GET",
               .pattern = "/healthz",
               .role = Role::kNobody,
               .id = "health",
               .summary = "Whether the daemon answers",
               .answer = "Health",
               .handler = [](const HttpCall&) { return Reply(R"({"healthy":true})"); }});
  routes->Add({.method = "GET",
               .pattern = "/readyz",
               .role = Role::kNobody,
               .id = "ready",
               .summary = "Whether the ledger answers, and the feed is connected",
               .answer = "Ready",
               .handler = [d](const HttpCall&) { return Ready(d); }});
}

}  // namespace

void AddRestRoutes(const RestDependencies& d, Routes* routes) {
  const Keyed keyed = MakeKeyed(d);
  AddDeploymentRoutes(d, keyed, routes);
  AddIngestRoutes(d, keyed, routes);
  AddFeatureRoutes(d, routes);
  AddServiceRoutes(d, routes);
  routes->Add(EventsRoute(d));
  AddOpenRoutes(d, routes);
  routes->Add({.method = "GET",
               .pattern = "/metrics",
               .role = Role::kViewer,
               .id = "metrics",
               .summary = "Prometheus text format 0.0.4",
               .content = "text/plain",
               .handler = [d](const HttpCall&) {
                 return HttpReply{.status = 200,
                                  .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                  .body = MetricsPage(d),
                                  .headers = {},
                                  .events = {}};
               }});
  AddOpenApiRoute(routes);
}

}  // namespace auspex::api
