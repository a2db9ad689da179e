#include "auspex/api/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "auspex/api/openapi_schemas.h"
#include "auspex/api/rest.h"

namespace auspex::api {
namespace {

using nlohmann::json;
using ::testing::UnorderedElementsAreArray;

Routes AllRoutes() {
  Routes routes;
  AddRestRoutes({}, &routes);
  return routes;
}

// As a client gets it.
json Document() {
  HttpCall call;
  call.method = "GET";
  call.path = "/openapi.json";
  const HttpReply reply = AllRoutes().Answer(call);
  EXPECT_EQ(reply.status, 200);
  return json::parse(reply.body, nullptr, false);
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Every object of a document, with where it stands.
template <typename Look>
void Walk(const json& node, const std::string& where, const Look& look) {
  if (node.is_object()) look(node, where);
  if (!node.is_structured()) return;
  for (const auto& [key, value] : node.items()) Walk(value, where + "/" + key, look);
}

TEST(OpenApi, DescribesEveryRouteAndNothingElse) {
  const json document = Document();
  std::vector<std::string> described;
  for (const auto& [path, item] : document["paths"].items()) {
    for (const auto& [method, operation] : item.items()) described.push_back(method + " " + path);
  }
  std::vector<std::string> routed;
  for (const Route& route : AllRoutes().All())
    routed.push_back(Lower(route.method) + " " + route.pattern);
  EXPECT_THAT(described, UnorderedElementsAreArray(routed));
  EXPECT_GT(routed.size(), 15U);
}

TEST(OpenApi, HasTheRootOf31) {
  const json document = Document();
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_TRUE(document["info"]["title"].is_string());
  EXPECT_TRUE(document["info"]["version"].is_string());
  for (const auto& [key, value] : document.items()) {
    EXPECT_THAT((std::set<std::string>{"openapi", "info", "security", "paths", "components"}),
                ::testing::Contains(key));
  }
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  const json document = Document();
  int references = 0;
  Walk(document, "", [&](const json& node, const std::string& where) {
    if (!node.contains("$ref") || !node["$ref"].is_string()) return;
    const std::string to = node["$ref"];
    ++references;
    ASSERT_TRUE(to.starts_with("#/")) << where;
    EXPECT_TRUE(document.contains(json::json_pointer(to.substr(1)))) << where << " to " << to;
  });
  EXPECT_GT(references, 100);
}

TEST(OpenApi, EverySchemaIsUsed) {
  const std::string text = Document().dump();
  const json schemas = json::parse(kSchemas);  // outlives its items()
  for (const auto& [name, schema] : schemas.items()) {
    EXPECT_NE(text.find("\"#/components/schemas/" + name + "\""), std::string::npos) << name;
  }
}

void CheckParameters(const json& operation, const std::string& path) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const json& parameter : operation.value("parameters", json::array())) {
    const std::string place = parameter.at("in");
    EXPECT_THAT((std::set<std::string>{"path", "query", "header"}), ::testing::Contains(place));
    EXPECT_TRUE(seen.emplace(place, parameter.at("name")).second) << path;
    EXPECT_TRUE(parameter.at("schema").is_object()) << path;
    if (place != "path") continue;
    EXPECT_EQ(parameter.value("required", false), true) << path;
    EXPECT_NE(path.find("{" + parameter.at("name").get<std::string>() + "}"), std::string::npos);
  }
  const auto in_path =
      std::count_if(seen.begin(), seen.end(), [](const auto& p) { return p.first == "path"; });
  EXPECT_EQ(in_path, std::count(path.begin(), path.end(), '{')) << path;
}

void CheckResponses(const json& document, const json& operation, const std::string& path) {
  int good = 0;
  for (const auto& [status, given] : operation.at("responses").items()) {
    EXPECT_EQ(status.size(), 3U) << path;
    const json response =
        given.contains("$ref")
            ? document.at(json::json_pointer(given["$ref"].get<std::string>().substr(1)))
            : given;
    EXPECT_FALSE(response.value("description", "").empty()) << path << " " << status;
    EXPECT_TRUE(response.at("content").is_object()) << path << " " << status;
    if (status[0] == '2') ++good;
    const bool problem = response["content"].contains("application/problem+json");
    EXPECT_EQ(problem, status[0] >= '4') << path << " " << status;
  }
  EXPECT_EQ(good, 1) << path;
}

TEST(OpenApi, EveryOperationIsWhole) {
  const json document = Document();
  std::set<std::string> ids;
  for (const auto& [path, item] : document["paths"].items()) {
    EXPECT_TRUE(path.starts_with('/'));
    for (const auto& [method, operation] : item.items()) {
      EXPECT_FALSE(operation.value("operationId", "").empty()) << path;
      EXPECT_TRUE(ids.insert(operation.value("operationId", "")).second) << path;
      EXPECT_FALSE(operation.value("summary", "").empty()) << path;
      EXPECT_EQ(method == "post", operation.contains("requestBody")) << path;
      CheckParameters(operation, path);
      CheckResponses(document, operation, path);
    }
  }
}

TEST(OpenApi, WhatChangesSomethingIsForOperatorsAndTakesAKey) {
  for (const Route& route : AllRoutes().All()) {
    if (route.method == "GET") continue;
    EXPECT_GE(route.role, Role::kOperator) << route.pattern;
    const bool keyed =
        std::any_of(route.inputs.begin(), route.inputs.end(),
                    [](const RouteInput& input) { return input.name == "Idempotency-Key"; });
    EXPECT_TRUE(keyed) << route.pattern;
  }
}

TEST(OpenApi, OnlyHealthAndTheDescriptionAreForEverybody) {
  std::vector<std::string> open;
  for (const Route& route : AllRoutes().All()) {
    if (route.role == Role::kNobody) open.push_back(route.pattern);
  }
  EXPECT_THAT(open, ::testing::UnorderedElementsAre("/healthz", "/readyz", "/openapi.json"));
  EXPECT_EQ(Document()["paths"]["/healthz"]["get"]["security"], json::array());
  EXPECT_EQ(Document()["paths"]["/api/v1/services"]["get"]["x-auspex-role"], "viewer");
}

}  // namespace
}  // namespace auspex::api
