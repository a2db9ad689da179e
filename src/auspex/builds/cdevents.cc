// CDEvents (cdevents/spec, the JSON schemas of 0.4.1 to 0.5.1): one event to what it says.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "auspex/builds/json_fields.h"

namespace auspex::builds {
namespace {

constexpr std::string_view kPrefix = "dev.cdevents.";

// "dev.cdevents.service.deployed.0.3.0[-draft]".
struct EventType {
  std::string what;     // "service.deployed"
  std::string version;  // "0.3.0-draft"
};

std::optional<EventType> SplitType(std::string_view type) {
  if (!type.starts_with(kPrefix)) return std::nullopt;
  type.remove_prefix(kPrefix.size());
  const std::size_t first = type.find('.');
  const std::size_t second = first == std::string_view::npos ? first : type.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return EventType{std::string(type.substr(0, second)), std::string(type.substr(second + 1))};
}

// "0.5.1" and "0.5.0-draft" are 0.5.
std::optional<std::array<unsigned, 2>> MajorMinor(std::string_view version) {
  std::array<unsigned, 2> numbers{};
  for (unsigned& number : numbers) {
    const auto [end, failed] =
        std::from_chars(version.data(), version.data() + version.size(), number);
    if (failed != std::errc()) return std::nullopt;
    version.remove_prefix(static_cast<std::size_t>(end - version.data()));
    if (&number == &numbers[0]) {
      if (!version.starts_with('.')) return std::nullopt;
      version.remove_prefix(1);
    }
  }
  return version.starts_with('.') ? std::optional(numbers) : std::nullopt;
}

// Version 0.5.x says `specversion` where 0.4.x says `version`, and some schemas of 0.5.0 still do.
bool CheckVersion(Fields* context) {
  const bool named = context->Has("specversion");
  const char* key = named ? "specversion" : "version";
  const std::string version = context->Text(key);
  const auto numbers = MajorMinor(version);
  if (numbers && (*numbers)[0] == 0 && (*numbers)[1] >= 4 && (*numbers)[1] <= 6) return true;
  context->Refuse(named || context->Has("version") ? key : "specversion",
                  version.empty()
                      ? "missing; the CDEvents versions 0.4.x, 0.5.x and 0.6.x are accepted"
                      : fmt::format("version '{}' of CDEvents is not one of those that are "
                                    "accepted: 0.4.x, 0.5.x and 0.6.x",
                                    version));
  return false;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string Decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    // Only what a digest has: bytes beyond ASCII could make the text no UTF-8.
    if (low >= 0 && high * 16 + low >= 0x20 && high * 16 + low < 0x7f) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Of a package URL: pkg:oci/checkout@sha256%3A0b31…?tag=1.8 is checkout and sha256:0b31….
struct Package {
  std::string name;
  std::string version;
};
Package PackageOf(std::string_view purl) {
  if (!purl.starts_with("pkg:")) return {};
  purl = purl.substr(0, purl.find_first_of("?#"));
  const std::size_t at = purl.rfind('@');
  Package package;
  package.name = LastSegment(Decoded(purl.substr(0, at)));
  if (at != std::string_view::npos) package.version = Decoded(purl.substr(at + 1));
  return package;
}

// The event, taken apart.
struct Event {
  EventType type;
  Fields subject;
  Fields content;
  Fields custom;
  Fact fact;  // without `what`
  Package package;
  std::string subject_id;
};

void Require(Fields* content, std::string_view key) {
  const std::string id = content->Object(key).Text("id");
  if (id.empty()) content->Refuse(key, "missing; an object with an `id` is needed");
}

void AddBuild(Event event, const Reading& reading) {
  Build build{.name = event.content.Text("pipelineName")};
  const std::string outcome = event.content.Text("outcome");
  if (event.type.what == "build.finished") {
    // The event has no outcome. Whoever names the artifact has built it.
    build.status = event.package.name.empty() ? BuildStatus::kUnknown : BuildStatus::kPassed;
  } else if (outcome == "success" || outcome == "pass") {
    build.status = BuildStatus::kPassed;
  } else if (outcome == "failure" || outcome == "fail" || outcome == "error") {
    build.status = BuildStatus::kFailed;
  } else if (outcome == "cancel") {
    build.status = BuildStatus::kCancelled;
  }
  if (event.package.version.starts_with("sha256:")) build.image_digest = event.package.version;
  event.fact.id = event.subject_id;
  event.fact.what = std::move(build);
  AddFact(std::move(event.fact), "/subject/content/artifactId", reading);
}

void AddTestRun(Event event, const Reading& reading) {
  Require(&event.content, "environment");
  const std::string outcome = event.content.RequiredText("outcome");
  TestRun run;
  if (outcome == "pass" || outcome == "success") run.failed = false;
  if (outcome == "fail" || outcome == "failure" || outcome == "error") run.failed = true;
  // Of one test there is one to count; of a suite the event does not say how many.
  if (event.type.what == "testcaserun.finished" && run.failed) {
    run.tests.passed = *run.failed ? 0 : 1;
    run.tests.failed = *run.failed ? 1 : 0;
  }
  event.fact.id = event.subject_id;
  event.fact.what = run;
  AddFact(std::move(event.fact), "/customData/service", reading);
}

void AddChange(Event event, const Reading& reading) {
  const std::string repository = event.content.Object("repository").Text("id");
  if (event.fact.service.empty()) event.fact.service = LastSegment(repository);
  event.fact.id = event.subject_id;
  event.fact.what = ChangeMerged{.commit = event.custom.Text("commit"),
                                 .repository = repository,
                                 .authors = event.custom.Texts("authors")};
  AddFact(std::move(event.fact), "/subject/content/repository/id", reading);
}

void AddDeployed(Event event, const Reading& reading) {
  Require(&event.content, "environment");
  const std::string artifact = event.content.RequiredText("artifactId");
  event.fact.service = LastSegment(event.subject_id);
  event.fact.what = Deployed{.rolled_back = event.type.what == "service.rolledback",
                             .version = artifact,
                             .commit = event.custom.Text("commit"),
                             .environment = event.content.Object("environment").Text("id"),
                             .authors = event.custom.Texts("authors")};
  AddFact(std::move(event.fact), "/subject/id", reading);
}

void AddIncident(Event event, const Reading& reading) {
  Require(&event.content, "environment");
  const std::string service = LastSegment(event.content.Object("service").Text("id"));
  if (!service.empty()) event.fact.service = service;
  event.fact.what = Incident{.resolved = event.type.what == "incident.resolved",
                             .incident = event.subject_id,
                             .environment = event.content.Object("environment").Text("id"),
                             .description = event.content.Text("description")};
  AddFact(std::move(event.fact), "/subject/content/service/id", reading);
}

using Adder = void (*)(Event, const Reading&);
struct Known {
  std::string_view what;
  Adder add;
};
constexpr Known kKnown[] = {
    {"build.finished", &AddBuild},          {"pipelinerun.finished", &AddBuild},
    {"testsuiterun.finished", &AddTestRun}, {"testcaserun.finished", &AddTestRun},
    {"change.merged", &AddChange},          {"service.deployed", &AddDeployed},
    {"service.upgraded", &AddDeployed},     {"service.rolledback", &AddDeployed},
    {"incident.detected", &AddIncident},    {"incident.reported", &AddIncident},
    {"incident.resolved", &AddIncident}};

// Nothing for what is refused; its problems are noted.
std::optional<Event> ReadEvent(const Json& root, const std::string& pointer,
                               const Reading& reading) {
  std::vector<PayloadProblem>* problems = &reading.out->problems;
  const std::size_t before = problems->size();
  Fields fields(root, pointer, Strictness::kForeign, problems);
  if (!fields.Has("context") || !fields.Has("subject")) {
    fields.Refuse("", "not a CDEvent: it has no `context` and `subject`");
    return std::nullopt;
  }
  Fields context = fields.Object("context");
  if (!CheckVersion(&context)) return std::nullopt;
  const std::string type_text = context.RequiredText("type");
  const auto type = SplitType(type_text);
  const auto version = type ? MajorMinor(type->version) : std::nullopt;
  if (!type_text.empty() && (!version || (*version)[0] != 0)) {
    context.Refuse(
        "type", fmt::format("'{}' is not dev.cdevents.SUBJECT.PREDICATE.0.MINOR.PATCH", type_text));
  }
  Event event{.type = type.value_or(EventType{}),
              .subject = fields.Object("subject"),
              .content = fields.Object("subject").Object("content"),
              .custom = fields.Object("customData"),
              .fact = {},
              .package = {},
              .subject_id = {}};
  event.fact.id = context.RequiredText("id");
  event.fact.source = context.RequiredText("source");
  if (!context.Has("timestamp")) context.Refuse("timestamp", "missing; a time is needed");
  event.fact.at = context.Time("timestamp").value_or(reading.defaults.received);
  event.subject_id = event.subject.RequiredText("id");
  event.package = PackageOf(event.content.Text("artifactId"));
  event.fact.service = event.custom.Text("service");
  if (event.fact.service.empty()) event.fact.service = event.package.name;
  if (problems->size() != before) return std::nullopt;
  return event;
}

}  // namespace

void ReadCdEvent(const Json& root, const std::string& pointer, const Reading& reading) {
  std::optional<Event> event = ReadEvent(root, pointer, reading);
  if (!event) return;
  const auto* const known =
      std::find_if(std::begin(kKnown), std::end(kKnown),
                   [&event](const Known& each) { return each.what == event->type.what; });
  if (known == std::end(kKnown)) {
    reading.out->ignored.push_back(
        Clip(fmt::format("{}{}: nothing of it is kept", kPrefix, event->type.what)));
    return;
  }
  known->add(*std::move(event), reading);
}

}  // namespace auspex::builds
