#include "auspex/builds/payload.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "auspex/base/ids.h"
#include "auspex/builds/json_fields.h"

namespace auspex::builds {
namespace {

// How far ahead of ours another machine's clock may be.
constexpr auto kClockSkew = std::chrono::hours(1);

// The parser of JSON has no limit of its own. A closing bracket too many is its to refuse.
bool IsTooDeep(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
      continue;
    }
    quoted = c == '"';
    if ((c == '{' || c == '[') && ++depth > kMaxNesting) return true;
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return false;
}

std::string_view MediaType(const Transport& transport) {
  std::string_view type = transport.content_type;
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type;
}

bool IsXml(std::string_view body, const Transport& transport) {
  const std::string_view type = MediaType(transport);
  if (type == "application/xml" || type == "text/xml") return true;
  if (!type.empty() && type != "application/octet-stream") return false;
  if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && body[first] == '<';
}

// Whether it is small enough to be looked at.
bool Fits(std::string_view body, ParsedPayload* out) {
  if (body.empty()) Note(&out->problems, "", "empty");
  if (body.size() > kMaxPayloadBytes) {
    Note(&out->problems, "",
         fmt::format("{} bytes, and {} are the most: leave the output of the tests out, or send it "
                     "in parts",
                     body.size(), kMaxPayloadBytes));
  }
  return out->problems.empty();
}

// Null where it is refused.
Json Parse(std::string_view body, ParsedPayload* out) {
  if (!Fits(body, out)) return nullptr;
  if (IsTooDeep(body)) {
    Note(&out->problems, "", fmt::format("nested deeper than {} levels", kMaxNesting));
    return nullptr;
  }
  Json root = Json::parse(body, nullptr, false);
  if (root.is_object() || root.is_array()) return root;
  Note(&out->problems, "",
       root.is_discarded() ? "not JSON" : "neither a JSON object nor a list of them");
  return nullptr;
}

using EventReader = void (*)(const Json&, const std::string&, const Reading&);

void ReadList(const Json& list, const std::string& pointer, EventReader read,
              const Reading& reading) {
  if (list.size() > kMaxFacts) {
    return Note(&reading.out->problems, pointer,
                fmt::format("{} of them, and {} are the most at once", list.size(), kMaxFacts));
  }
  if (list.empty()) reading.out->ignored.emplace_back("an empty list");
  for (std::size_t i = 0; i < list.size(); ++i)
    read(list[i], fmt::format("{}/{}", pointer, i), reading);
}

// An object, a list of them, or {"KEY": [...]}.
void ReadOwn(const Json& root, const char* key, EventReader read, const Reading& reading) {
  if (root.is_array()) return ReadList(root, "", read, reading);
  if (root.size() == 1 && root.contains(key) && root.at(key).is_array())
    return ReadList(root.at(key), fmt::format("/{}", key), read, reading);
  read(root, "", reading);
}

bool IsCdEvent(const Json& root) {
  if (root.is_array()) return !root.empty() && IsCdEvent(root.front());
  return root.is_object() && ((root.contains("context") && root.contains("subject")) ||
                              (root.contains("specversion") && root.contains("type") &&
                               (root.contains("data") || root.contains("data_base64"))));
}

// A CDEvent, or one inside a CloudEvent.
void ReadEnvelope(const Json& root, const std::string& pointer, const Reading& reading) {
  if (!root.is_object() || root.contains("context") || !root.contains("specversion"))
    return ReadCdEvent(root, pointer, reading);
  std::vector<PayloadProblem>* problems = &reading.out->problems;
  Fields event(root, pointer, Strictness::kForeign, problems);
  const std::string version = event.Text("specversion");
  if (version != "1.0") {
    return Note(problems, pointer + "/specversion",
                fmt::format("version '{}' of CloudEvents; 1.0 is accepted", version));
  }
  if (root.contains("data_base64")) {
    return Note(problems, pointer + "/data_base64",
                "a CDEvent stands in `data`, as JSON (cloudevents-binding.md)");
  }
  if (!root.contains("data"))
    return Note(problems, pointer + "/data", "missing; the CDEvent is needed");
  const Json& data = root.at("data");
  const std::string type = event.Text("type");
  if (data.is_object() && data.contains("context") && data.at("context").is_object() &&
      data.at("context").contains("type") && data.at("context").at("type") != type) {
    return Note(problems, pointer + "/type", "not the type of the CDEvent in `data`");
  }
  ReadCdEvent(data, pointer + "/data", reading);
}

void ReadEvents(const Json& root, const Transport& transport, const Reading& reading) {
  std::vector<PayloadProblem>* problems = &reading.out->problems;
  if (!transport.ce_specversion.empty() && transport.ce_specversion != "1.0") {
    return Note(problems, "",
                fmt::format("header ce-specversion: version '{}' of CloudEvents; 1.0 is accepted",
                            transport.ce_specversion));
  }
  if (root.is_array()) return ReadList(root, "", &ReadEnvelope, reading);
  if (!transport.ce_type.empty() && root.contains("context")) {
    const Json& context = root.at("context");
    if (!context.is_object() || context.value("type", Json()) != Json(transport.ce_type))
      return Note(problems, "/context/type", "not the type of the header ce-type");
  }
  ReadEnvelope(root, "", reading);
}

bool IsJenkins(const Json& root) {
  if (root.contains("build") && root.at("build").is_object())
    return root.at("build").contains("phase");
  return root.contains("_class") || (root.contains("result") && root.contains("building"));
}

void ReadAnyBuild(const Json& root, const Transport& transport, const Reading& reading) {
  const std::string_view type = MediaType(transport);
  const bool cloud = type.starts_with("application/cloudevents") || !transport.ce_type.empty();
  if (cloud || IsCdEvent(root)) return ReadEvents(root, transport, reading);
  if (root.is_array()) return ReadOwn(root, "builds", &ReadOwnBuild, reading);
  // What GitHub sends as a webhook is made, so that one sees whether it arrives.
  if (root.contains("zen") && root.contains("hook_id")) {
    reading.out->ignored.emplace_back("ping of GitHub: it tells of no build");
    return;
  }
  if (root.contains("workflow_run") || root.contains("workflow_job"))
    return ReadGithub(root, reading);
  // Each webhook of GitHub has these two.
  if (root.contains("sender") && root.contains("repository")) {
    reading.out->ignored.emplace_back(
        "an event of GitHub that tells of no build: workflow_run and workflow_job do");
    return;
  }
  if (root.contains("object_kind")) return ReadGitlab(root, reading);
  if (IsJenkins(root)) return ReadJenkins(root, reading);
  ReadOwn(root, "builds", &ReadOwnBuild, reading);
}

// What is refused is refused as a whole.
ParsedPayload Done(ParsedPayload out) {
  if (!out.problems.empty()) out.facts.clear();
  return out;
}

// CDEvents, or our own JSON of the kind that `list` names.
ParsedPayload ParseEventsOr(const char* list, decltype(&ReadOwnOutcome) read_own,
                            std::string_view body, const Transport& transport,
                            const PayloadDefaults& defaults) {
  ParsedPayload out;
  const Reading reading{defaults, &out};
  const Json root = Parse(body, &out);
  if (root.is_null()) return Done(std::move(out));
  if (!transport.ce_type.empty() || IsCdEvent(root)) {
    ReadEvents(root, transport, reading);
  } else {
    ReadOwn(root, list, read_own, reading);
  }
  return Done(std::move(out));
}

}  // namespace

void AddFact(Fact fact, const std::string& service_at, const Reading& reading) {
  const PayloadDefaults& defaults = reading.defaults;
  std::vector<PayloadProblem>* problems = &reading.out->problems;
  if (!defaults.service.empty()) fact.service = defaults.service;
  fact.id = Clip(std::move(fact.id));
  fact.source = Clip(std::move(fact.source));
  if (fact.service.empty()) {
    Note(problems, service_at, "of which service? name it: ?service=NAME, or --service NAME");
  } else if (const Status named = CheckName("a service", fact.service); !named.ok()) {
    Note(problems, service_at,
         named.error().message + "; name the service yourself: ?service=NAME, or --service NAME");
  }
  if (fact.at > defaults.received + kClockSkew) {
    Note(problems, service_at.substr(0, service_at.rfind('/')),
         fmt::format("it ended at {}, which has not come: the clock of its machine is wrong",
                     ToRfc3339(fact.at)));
  }
  // A clock that is a little ahead of ours.
  fact.at = std::min(fact.at, defaults.received);
  fact.known_at = defaults.backfill ? fact.at : defaults.received;
  if (auto* const build = std::get_if<Build>(&fact.what)) {
    constexpr std::int64_t kMostAttempts = 1'000'000;
    build->attempt = std::clamp<std::int64_t>(build->attempt, 1, kMostAttempts);
    if (build->commit.empty()) build->commit = defaults.commit;
    if (build->environment.empty()) build->environment = defaults.environment;
    if (build->toolchain.empty()) build->toolchain = defaults.toolchain;
  }
  reading.out->facts.push_back(std::move(fact));
}

ParsedPayload ParseBuilds(std::string_view body, const Transport& transport,
                          const PayloadDefaults& defaults) {
  ParsedPayload out;
  const Reading reading{defaults, &out};
  if (IsXml(body, transport)) {
    if (Fits(body, &out)) ReadJunit(body, reading);
    return Done(std::move(out));
  }
  const Json root = Parse(body, &out);
  if (!root.is_null()) ReadAnyBuild(root, transport, reading);
  return Done(std::move(out));
}

ParsedPayload ParseOutcomes(std::string_view body, const Transport& transport,
                            const PayloadDefaults& defaults) {
  return ParseEventsOr("outcomes", &ReadOwnOutcome, body, transport, defaults);
}

ParsedPayload ParseChanges(std::string_view body, const Transport& transport,
                           const PayloadDefaults& defaults) {
  return ParseEventsOr("changes", &ReadOwnChange, body, transport, defaults);
}

ParsedPayload ParseCdEvents(std::string_view body, const Transport& transport,
                            const PayloadDefaults& defaults) {
  ParsedPayload out;
  const Json root = Parse(body, &out);
  if (!root.is_null()) ReadEvents(root, transport, {defaults, &out});
  return Done(std::move(out));
}

}  // namespace auspex::builds
