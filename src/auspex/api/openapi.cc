#include "auspex/api/openapi.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "auspex/api/openapi_schemas.h"
#include "auspex/api/problem.h"

namespace auspex::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kApiVersion = "1.0.0";
// What any route may answer, by the server and the table of routes.
constexpr int kCommonErrors[] = {400, 408, 413, 421, 429, 431, 500, 503};

Json Ref(std::string_view kind, std::string_view name) {
  return {{"$ref", fmt::format("#/components/{}/{}", kind, name)}};
}

// The names in "/a/{id}/b/{name}".
std::vector<std::string> ParametersOf(std::string_view pattern) {
  std::vector<std::string> names;
  while (true) {
    const std::size_t open = pattern.find('{');
    if (open == std::string_view::npos) return names;
    const std::size_t close = pattern.find('}', open);
    names.emplace_back(pattern.substr(open + 1, close - open - 1));
    pattern.remove_prefix(close);
  }
}

Json InputsOf(const Route& route) {
  Json list = Json::array();
  for (const std::string& name : ParametersOf(route.pattern)) {
    list.push_back(
        {{"name", name}, {"in", "path"}, {"required", true}, {"schema", Ref("schemas", "Name")}});
  }
  for (const RouteInput& input : route.inputs) {
    const bool query = input.place == RouteInput::Place::kQuery;
    list.push_back({{"name", input.name},
                    {"in", query ? "query" : "header"},
                    {"description", input.text},
                    {"schema", Json::parse(input.schema)}});
  }
  return list;
}

Json SuccessOf(const Route& route) {
  Json content = Json::object();
  if (!route.answer.empty()) content["schema"] = Ref("schemas", route.answer);
  // OpenAPI 3.1 has no words for a stream of events, and a schema would be read as one event's.
  if (route.answer.empty() && route.content != "text/event-stream") {
    content["schema"] = {{"type", "string"}};
  }
  Json response{{"description", std::string(ReasonPhrase(route.status))},
                {"content", {{route.content, std::move(content)}}}};
  if (route.status == 201) {
    response["headers"]["Location"] = {{"description", "of what was made"},
                                       {"schema", {{"type", "string"}}}};
  }
  return response;
}

Json ResponsesOf(const Route& route) {
  std::set<int> errors(route.errors.begin(), route.errors.end());
  errors.insert(std::begin(kCommonErrors), std::end(kCommonErrors));
  // 401 also where no role is needed: a wrong token is wrong everywhere. 403: a foreign Origin.
  errors.insert({401, 403});
  Json responses = Json::object();
  responses[std::to_string(route.status)] = SuccessOf(route);
  for (const int status : errors) {
    responses[std::to_string(status)] = Ref("responses", std::to_string(status));
  }
  return responses;
}

Json OperationOf(const Route& route) {
  Json operation{{"operationId", route.id}, {"summary", route.summary}};
  if (route.role == Role::kNobody) {
    operation["security"] = Json::array();
  } else {
    operation["description"] = fmt::format("Needs the role {}.", Name(route.role));
    operation["x-auspex-role"] = std::string(Name(route.role));
  }
  Json inputs = InputsOf(route);
  if (!inputs.empty()) operation["parameters"] = std::move(inputs);
  if (!route.body.empty()) {
    Json content = Json::object();
    for (const std::string& type : route.accepts) {
      content[type]["schema"] =
          type.ends_with("json") ? Ref("schemas", route.body) : Json{{"type", "string"}};
    }
    operation["requestBody"] = {{"required", true}, {"content", std::move(content)}};
  }
  operation["responses"] = ResponsesOf(route);
  return operation;
}

Json ErrorResponse(int status) {
  Json response{
      {"description", std::string(ReasonPhrase(status))},
      {"content", {{"application/problem+json", {{"schema", Ref("schemas", "Problem")}}}}}};
  const auto header = [&response](const char* name, const char* text, const char* type) {
    response["headers"][name] = {{"description", text}, {"schema", {{"type", type}}}};
  };
  if (status == 401) header("WWW-Authenticate", "Bearer", "string");
  if (status == 429) header("Retry-After", "seconds", "integer");
  return response;
}

Json Components(const std::vector<Route>& routes) {
  Json components{{"schemas", Json::parse(kSchemas)}};
  std::set<int> statuses(std::begin(kCommonErrors), std::end(kCommonErrors));
  statuses.insert({401, 403});
  for (const Route& route : routes) statuses.insert(route.errors.begin(), route.errors.end());
  for (const int status : statuses) {
    components["responses"][std::to_string(status)] = ErrorResponse(status);
  }
  components["securitySchemes"]["bearer"] = {
      {"type", "http"},
      {"scheme", "bearer"},
      {"description",
       "A token of `auspex token create`. A daemon without tokens, which listens on loopback only, "
       "asks for none."}};
  return components;
}

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

std::string OpenApiDocument(const std::vector<Route>& routes) {
  Json document{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "Auspex"},
        {"version", kApiVersion},
        {"description", "See and steer rollouts. Errors are problem documents (RFC 9457)."},
        {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"security", Json::array({{{"bearer", Json::array()}}})},
      {"paths", Json::object()}};
  for (const Route& route : routes) {
    document["paths"][route.pattern][LowerCase(route.method)] = OperationOf(route);
  }
  document["components"] = Components(routes);
  return document.dump(1) + "\n";
}

void AddOpenApiRoute(Routes* routes) {
  Route route{.method = "GET",
              .pattern = "/openapi.json",
              .role = Role::kNobody,
              .id = "openApi",
              .summary = "This document",
              .answer = "OpenApi"};
  std::vector<Route> all = routes->All();
  all.push_back(route);
  route.handler = [document = OpenApiDocument(all)](const HttpCall&) {
    HttpReply reply;
    reply.body = document;
    return reply;
  };
  routes->Add(std::move(route));
}

}  // namespace auspex::api
