// The endpoints below /api/v1/features: what is known of a service before its next deployment.
#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "auspex/api/json_body.h"
#include "auspex/api/rest_parts.h"
#include "auspex/base/ids.h"
#include "auspex/builds/features.h"
#include "auspex/builds/ledger/fact_log.h"

namespace auspex::api {
namespace {

constexpr std::size_t kMostAuthors = 100;

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty() && parts.size() < kMostAuthors) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

void Add(std::span<const FeatureSpec> table, const std::vector<double>& row, const char* group,
         Json* features) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    Json feature{{"name", std::string(table[i].name)},
                 {"value", nullptr},
                 {"unit", std::string(table[i].unit)},
                 {"group", group},
                 {"phrase", std::string(table[i].phrase)}};
    if (!std::isnan(row[i])) feature["value"] = row[i];
    features->push_back(std::move(feature));
  }
}

HttpReply GetFeatures(const RestDependencies& d, const HttpCall& call) {
  if (d.facts == nullptr) return Problem(503, "this daemon keeps no facts");
  const std::string& service = call.Parameter("service");
  if (const Status named = CheckName("service", service); !named.ok())
    return ProblemFrom(named.error());
  WallTime at = d.clock->Wall();
  if (const auto text = call.QueryValue("at")) {
    const Result<WallTime> time = ParseTime(*text);
    if (!time.ok()) return ProblemFrom(Within("at", time.error()).error);
    at = *time;
  }
  const builds::About about{.service = service,
                            .commit = std::string(call.QueryValue("commit").value_or("")),
                            .authors = SplitAtCommas(call.QueryValue("authors").value_or("")),
                            .deployment = std::string(call.QueryValue("deployment").value_or(""))};
  const auto facts = d.facts->Around(service, at);
  if (!facts.ok()) return ProblemFrom(facts.error());
  Json out{{"service", service}, {"at", ToRfc3339(at)}, {"features", Json::array()}};
  Add(builds::kBuildFeatures, BuildFeaturesAt(*facts, about, at), "build", &out["features"]);
  Add(builds::kHistoryFeatures, HistoryFeaturesAt(*facts, about, at), "history", &out["features"]);
  return Reply(Dump(out));
}

}  // namespace

void AddFeatureRoutes(const RestDependencies& d, Routes* routes) {
  constexpr const char* kText = R"({"type":"string","maxLength":1000})";
  routes->Add({.method = "GET",
               .pattern = "/api/v1/features/{service}",
               .role = Role::kViewer,
               .id = "getFeatures",
               .summary = "What is known of a service before its next deployment",
               .inputs = {{.name = "at",
                           .schema = R"({"type":"string"})",
                           .text = "as it was known then: RFC 3339 or seconds; default now"},
                          {.name = "commit",
                           .schema = kText,
                           .text = "what is to be deployed; else the newest build is looked at"},
                          {.name = "authors", .schema = kText, .text = "with commas between them"},
                          {.name = "deployment",
                           .schema = kText,
                           .text = "one that has begun: it is not its own history"}},
               .answer = "Features",
               .handler = [d](const HttpCall& call) { return GetFeatures(d, call); }});
}

}  // namespace auspex::api
