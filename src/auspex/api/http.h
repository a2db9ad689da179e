#pragma once

// api answers HTTP. This part knows no rollout: a server that takes any handler, a table of routes
// with what each needs and says, who may call, problem documents, and a hub of live events.
//
//   api::EventHub hub({.first_id = api::FirstEventId(clock.Wall())});
//   api::Routes routes;
//   routes.Add({.method = "GET", .pattern = "/api/v1/deployments/{id}", .role = Role::kViewer,
//               .handler = [&](const api::HttpCall& call) { ... }});
//   AUSPEX_TRY(const auto server, api::HttpServer::Start({.port = 8400}, routes.ToHandler(), log));
//
// Read next: routes.h (which handler, for whom), access.h (tokens and rates), problem.h (errors),
// http_server.h (limits), event_hub.h, rest.h (the endpoints), openapi.h.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/api/event_hub.h"
#include "auspex/api/role.h"
#include "auspex/base/sha256.h"

namespace auspex::api {

// ASCII letters compare without case, as RFC 9110 asks for names of header fields.
struct CaseInsensitiveLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};

using Parameters = std::map<std::string, std::string, std::less<>>;
using Query = std::multimap<std::string, std::string, std::less<>>;
using Headers = std::multimap<std::string, std::string, CaseInsensitiveLess>;

// Who calls.
struct Caller {
  std::string name;           // its token's, which stands in the ledger; empty: none was asked for
  Role role = Role::kNobody;  // fails closed: whoever makes a call must say more
  std::optional<Sha256> token;  // the hash of the token it came with
};

// One request, whole. Texts in `parameters` and `query` are decoded and valid UTF-8; `body` is as
// sent.
struct HttpCall {
  std::string method;     // as sent: methods have case
  std::string path;       // still percent-encoded, without the query; starts with '/'
  Parameters parameters;  // of the path, by the names of the route's pattern
  Query query;
  Headers headers;
  std::string body;
  std::string peer;  // "127.0.0.1:51034"
  Caller caller;

  // The first of that name. The views live as long as the call.
  [[nodiscard]] std::optional<std::string_view> Header(std::string_view name) const;
  [[nodiscard]] std::optional<std::string_view> QueryValue(std::string_view name) const;
  // `name` stands in the pattern of the route that was taken.
  [[nodiscard]] const std::string& Parameter(std::string_view name) const;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  // Beside those that the server sets: Content-Type, Content-Length, Connection, Date,
  // X-Content-Type-Options, and Cache-Control of JSON where none is given here.
  std::vector<std::pair<std::string, std::string>> headers;
  // Where set, the answer is this stream of server-sent events and `body` is not used.
  std::optional<EventSubscription> events;
};

// Runs on one of the server's workers, several at once: it must be thread-safe, and end in its own
// time (the server cannot interrupt it). What it throws becomes a 500.
using Handler = std::function<HttpReply(const HttpCall&)>;

}  // namespace auspex::api
