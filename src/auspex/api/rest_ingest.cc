// The endpoints below /api/v1/ingest: what CI, deployers and people tell of.
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "auspex/api/json_body.h"
#include "auspex/api/rest_parts.h"
#include "auspex/base/ids.h"
#include "auspex/builds/ledger/fact_log.h"
#include "auspex/builds/payload.h"

namespace auspex::api {
namespace {

using builds::ParsedPayload;

constexpr std::size_t kMostListed = 100;

using Parser = ParsedPayload (*)(std::string_view, const builds::Transport&,
                                 const builds::PayloadDefaults&);
struct IngestRoute {
  const char* what;
  const char* id;
  const char* summary;
  const char* body;
  std::vector<std::string> accepts;
  Parser parse;
};

std::string HeaderOf(const HttpCall& call, std::string_view name) {
  return std::string(call.Header(name).value_or(""));
}

std::string QueryOf(const HttpCall& call, std::string_view name) {
  return std::string(call.QueryValue(name).value_or(""));
}

// A sender that says nothing sends what its first bytes look like.
bool IsAccepted(const HttpCall& call, const std::vector<std::string>& accepted) {
  std::string type = HeaderOf(call, "Content-Type");
  type.resize(std::min(type.size(), type.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  return type.empty() || std::find(accepted.begin(), accepted.end(), type) != accepted.end();
}

Result<builds::PayloadDefaults> DefaultsOf(const HttpCall& call, const Clock& clock) {
  builds::PayloadDefaults defaults{.received = clock.Wall(),
                                   .service = QueryOf(call, "service"),
                                   .commit = QueryOf(call, "commit"),
                                   .build = QueryOf(call, "build"),
                                   .environment = QueryOf(call, "environment"),
                                   .toolchain = QueryOf(call, "toolchain")};
  if (!defaults.service.empty()) AUSPEX_TRY(CheckName("service", defaults.service));
  for (const std::string* text :
       {&defaults.commit, &defaults.build, &defaults.environment, &defaults.toolchain}) {
    if (text->size() > 4 * builds::kMaxText)
      return Fail(ErrorCode::kInvalidArgument, "a text of the query has more than {} characters",
                  builds::kMaxText);
  }
  const std::string backfill = QueryOf(call, "backfill");
  if (!backfill.empty() && backfill != "true" && backfill != "false")
    return Fail(ErrorCode::kInvalidArgument, "backfill: true or false, not '{}'", backfill);
  defaults.backfill = backfill == "true";
  return defaults;
}

HttpReply Refusal(const ParsedPayload& parsed) {
  std::vector<InputError> errors;
  errors.reserve(parsed.problems.size());
  for (const builds::PayloadProblem& problem : parsed.problems)
    errors.push_back({problem.pointer, problem.detail});
  return Problem(400, "the payload has errors, and nothing of it was kept", errors);
}

// Services that facts are kept of and nobody has configured, and outcomes of rollouts that are
// none: it may be a slip, or come first.
Json NotesOf(const RestDependencies& d, const std::vector<builds::Fact>& facts) {
  Json notes = Json::array();
  std::vector<std::string> told;
  for (const builds::Fact& fact : facts) {
    const auto& services = d.engine->services();
    const bool configured =
        std::any_of(services.begin(), services.end(),
                    [&fact](const auto& service) { return service.name == fact.service; });
    if (configured || std::find(told.begin(), told.end(), fact.service) != told.end()) continue;
    told.push_back(fact.service);
    notes.push_back(
        fmt::format("no service '{}' is configured: this is kept for when there is; ?service=NAME "
                    "names another",
                    fact.service));
    if (told.size() == kMostListed) break;
  }
  for (const builds::Fact& fact : facts) {
    const auto* const outcome = std::get_if<builds::Outcome>(&fact.what);
    if (outcome == nullptr || outcome->deployment.empty() || notes.size() >= kMostListed) continue;
    const auto row = d.ledger->Deployment(outcome->deployment);
    if (row.ok() ? row->service == fact.service : row.error().code != ErrorCode::kNotFound)
      continue;
    notes.push_back(
        fmt::format("'{0}' is no rollout of {1} here: it counts as a deployment of {1}, and no "
                    "prediction learns of it",
                    outcome->deployment, fact.service));
  }
  return notes;
}

HttpReply Ingest(const RestDependencies& d, const HttpCall& call, const IngestRoute& route) {
  if (d.facts == nullptr) return Problem(503, "this daemon keeps no facts");
  if (!IsAccepted(call, route.accepts)) {
    return Problem(415, fmt::format("Content-Type '{}'; send {}", HeaderOf(call, "Content-Type"),
                                    fmt::join(route.accepts, ", ")));
  }
  const auto defaults = DefaultsOf(call, *d.clock);
  if (!defaults.ok()) return ProblemFrom(defaults.error());
  const ParsedPayload parsed = route.parse(call.body,
                                           {.content_type = HeaderOf(call, "Content-Type"),
                                            .ce_specversion = HeaderOf(call, "ce-specversion"),
                                            .ce_type = HeaderOf(call, "ce-type")},
                                           *defaults);
  if (!parsed.problems.empty()) return Refusal(parsed);
  const auto kept = d.facts->Keep(parsed.facts, defaults->received);
  if (!kept.ok()) return ProblemFrom(kept.error());
  Json out{{"kept", kept->added.size()},
           {"duplicates", kept->duplicates},
           {"ignored", parsed.ignored},
           {"facts", Json::array()},
           {"notes", NotesOf(d, kept->added)}};
  for (const builds::Fact& fact : kept->added) {
    if (out["facts"].size() == kMostListed) break;
    out["facts"].push_back({{"kind", builds::KindOf(fact)},
                            {"service", fact.service},
                            {"source", fact.source},
                            {"id", fact.id},
                            {"at", ToRfc3339(fact.at)}});
  }
  return Reply(Dump(out));
}

std::vector<RouteInput> IngestInputs() {
  constexpr const char* kText = R"({"type":"string","maxLength":1000})";
  return {{.name = "service",
           .schema = R"({"$ref":"#/components/schemas/Name"})",
           .text = "whose it is; overrides what the payload says"},
          {.name = "commit", .schema = kText, .text = "where the payload names none"},
          {.name = "build", .schema = kText, .text = "of a report of tests: its build's id"},
          {.name = "environment", .schema = kText, .text = "where the payload names none"},
          {.name = "toolchain", .schema = kText, .text = "where the payload names none"},
          {.name = "backfill",
           .schema = R"({"type":"boolean","default":false})",
           .text = "the facts are old: each counts as known when it happened"}};
}

}  // namespace

void AddIngestRoutes(const RestDependencies& d, const Keyed& keyed, Routes* routes) {
  static constexpr const char* kJson = "application/json";
  static constexpr const char* kEvent = "application/cloudevents+json";
  static constexpr const char* kEvents = "application/cloudevents-batch+json";
  const std::vector<IngestRoute> all = {
      {"builds",
       "ingestBuilds",
       "What CI built and tested: our JSON, JUnit XML, GitHub, GitLab, Jenkins or CDEvents",
       "BuildPayload",
       {kJson, "application/xml", "text/xml", kEvent, kEvents},
       &builds::ParseBuilds},
      {"outcomes",
       "ingestOutcomes",
       "How deployments ended",
       "OutcomePayload",
       {kJson, kEvent, kEvents},
       &builds::ParseOutcomes},
      {"changes",
       "ingestChanges",
       "What was merged",
       "ChangePayload",
       {kJson, kEvent, kEvents},
       &builds::ParseChanges},
      {"cdevents",
       "ingestCdEvents",
       "CDEvents 0.4 to 0.6, bare or in CloudEvents 1.0",
       "CdEventPayload",
       {kJson, kEvent, kEvents},
       &builds::ParseCdEvents}};
  for (const IngestRoute& ingest : all) {
    routes->Add(keyed(
        {.method = "POST",
         .pattern = fmt::format("{}{}", kIngestPrefix, ingest.what),
         .role = Role::kOperator,
         .vouch = [secrets =
                       d.webhooks](const HttpCall& call) { return CheckWebhook(call, secrets); },
         .id = ingest.id,
         .summary = ingest.summary,
         .inputs = IngestInputs(),
         .body = ingest.body,
         .accepts = ingest.accepts,
         .answer = "Ingested",
         .errors = {415},
         .handler = {}},
        [d, ingest](const HttpCall& call, const auto&) { return Ingest(d, call, ingest); }));
  }
}

}  // namespace auspex::api
