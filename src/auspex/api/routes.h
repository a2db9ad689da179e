#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/api/http.h"
#include "auspex/api/role.h"
#include "auspex/base/result.h"

namespace auspex::api {

// A field of the query or the header that a route reads. `schema`: JSON Schema.
struct RouteInput {
  enum class Place { kQuery, kHeader } place = Place::kQuery;
  std::string name;
  std::string schema;
  std::string text;
};

// One operation of the API: what answers it, who may call it, and what the description says of it
// (openapi.h), which is made from these and nothing else.
//
//   routes.Add({.method = "POST", .pattern = "/api/v1/deployments/{id}/pause",
//               .role = Role::kOperator, .id = "pauseDeployment", .summary = "Holds the weight",
//               .body = "Order", .status = 202, .answer = "Deployment", .errors = {404, 409},
//               .handler = [&](const HttpCall& call) { ... }});
struct Route {
  std::string method;
  // Literal segments and parameters: "/api/v1/deployments/{id}/pause". A parameter takes one
  // segment that is not empty. `{name*}` at the end takes all that is left, also nothing: for
  // files.
  std::string pattern;
  Role role = Role::kAdmin;  // the least that may call it; fails closed
  // Who may call it without any token: whose call this finds good. Errors: kNotFound (it proves
  // nothing), kNoData (nothing to check its proof by), kPermissionDenied (the proof is wrong: 401
  // in any case). Empty: nobody.
  std::function<Status(const HttpCall&)> vouch = {};
  std::string id = {};  // unique; a name for generated clients
  std::string summary = {};
  std::vector<RouteInput> inputs = {};
  std::string body = {};  // a schema of openapi_schemas.h; empty: none is read
  // What a body may be; what is no JSON is described as a text.
  std::vector<std::string> accepts = {"application/json"};
  int status = 200;         // of success
  std::string answer = {};  // a schema of openapi_schemas.h; empty: `content` is not JSON
  std::string content = "application/json";
  // Beside those that any route may answer: 400, 401, 403, 408, 413, 429, 431, 500, 503.
  std::vector<int> errors = {};
  Handler handler = {};
};

// Which route answers which path. Fill it, then use it: Add() is not thread-safe, the rest is.
//
// Where several patterns fit a path, the one with the fewest parameters that has the method
// answers; one with `{name*}` only where no other pattern fits the path. HEAD goes to the handler
// of GET (the server leaves the body out). A trailing '/' counts.
class Routes {
 public:
  // The pattern starts with '/', has each parameter name once, and no pattern like it has the
  // method yet.
  void Add(Route route);

  // The handler's answer, or a problem: 404; 405 with Allow; 401 or 403 where the caller's role is
  // below the route's; 400 for a segment that does not
  // decode, or holds a control character, or (under `{name*}`) a '/' or is "." or "..".
  [[nodiscard]] HttpReply Answer(const HttpCall& call) const;

  // A handler with a copy of this table.
  [[nodiscard]] Handler ToHandler() const;

  // In the order in which they were added.
  [[nodiscard]] std::vector<Route> All() const;

 private:
  struct Segment {
    enum class Kind { kLiteral, kParameter, kRest } kind;
    std::string text;  // the literal, or the parameter's name
  };
  struct Entry {
    Route route;
    std::vector<Segment> segments;
    std::size_t parameters = 0;  // how many
    bool has_rest = false;
  };

  static bool Fits(const Entry& route, const std::vector<std::string>& path);
  static Parameters Bind(const Entry& route, const std::vector<std::string>& path);
  // The best first.
  [[nodiscard]] std::vector<const Entry*> Candidates(const std::vector<std::string>& path) const;
  static const Entry* Pick(const std::vector<const Entry*>& candidates, std::string_view method);
  static HttpReply RefuseMethod(const HttpCall& call, const std::vector<const Entry*>& candidates);

  std::vector<Entry> routes_;
};

}  // namespace auspex::api
