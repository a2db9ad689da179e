#include "auspex/builds/fact_codec.h"

#include <fmt/format.h>

#include <utility>

#include "auspex/base/ids.h"
#include "auspex/builds/json_fields.h"

namespace auspex::builds {
namespace {

template <typename T>
void Put(Json* out, const char* key, const std::optional<T>& value) {
  if (value) (*out)[key] = *value;
}
void Put(Json* out, const char* key, const std::optional<WallTime>& value) {
  if (value) (*out)[key] = MicrosSinceEpoch(*value);
}
void Put(Json* out, const char* key, const std::string& value) {
  if (!value.empty()) (*out)[key] = value;
}
void Put(Json* out, const char* key, const std::vector<std::string>& value) {
  if (!value.empty()) (*out)[key] = value;
}
void PutTests(Json* out, const TestCounts& tests) {
  Json counts = Json::object();
  Put(&counts, "passed", tests.passed);
  Put(&counts, "failed", tests.failed);
  Put(&counts, "skipped", tests.skipped);
  Put(&counts, "flaky", tests.flaky);
  if (!counts.empty()) (*out)["tests"] = std::move(counts);
}

struct Writer {
  Json* out;
  void operator()(const Build& build) const {
    Put(out, "name", build.name);
    Put(out, "commit", build.commit);
    (*out)["status"] = Name(build.status);
    Put(out, "started_us", build.started);
    Put(out, "duration_s", build.duration_s);
    (*out)["attempt"] = build.attempt;
    PutTests(out, build.tests);
    Put(out, "coverage", build.coverage);
    Put(out, "environment", build.environment);
    Put(out, "toolchain", build.toolchain);
    Put(out, "artifact_bytes", build.artifact_bytes);
    Put(out, "image_digest", build.image_digest);
    Put(out, "dependencies", build.dependencies);
    Put(out, "authors", build.authors);
  }
  void operator()(const TestRun& run) const {
    Put(out, "build", run.build);
    Put(out, "commit", run.commit);
    PutTests(out, run.tests);
    Put(out, "failed", run.failed);
  }
  void operator()(const ChangeMerged& change) const {
    Put(out, "commit", change.commit);
    Put(out, "repository", change.repository);
    Put(out, "authors", change.authors);
  }
  void operator()(const Deployed& deployed) const {
    Put(out, "version", deployed.version);
    Put(out, "commit", deployed.commit);
    Put(out, "environment", deployed.environment);
    Put(out, "authors", deployed.authors);
  }
  void operator()(const Incident& incident) const {
    Put(out, "incident", incident.incident);
    Put(out, "environment", incident.environment);
    Put(out, "description", incident.description);
  }
  void operator()(const Outcome& outcome) const {
    (*out)["failed"] = outcome.failed;
    (*out)["rolled_back"] = outcome.rolled_back;
    Put(out, "deployment", outcome.deployment);
    Put(out, "version", outcome.version);
    Put(out, "commit", outcome.commit);
    Put(out, "authors", outcome.authors);
    Put(out, "started_us", outcome.started);
    Put(out, "p_fail", outcome.p_fail);
    Put(out, "users_harmed", outcome.users_harmed);
    Put(out, "error_ratio", outcome.error_ratio);
  }
};

std::optional<WallTime> Micros(Fields* fields, std::string_view key) {
  const std::optional<double> micros = fields->Number(key, 0.0, 9e18);
  if (!micros) return std::nullopt;
  return FromMicros(static_cast<std::int64_t>(*micros));
}

TestCounts ReadTests(Fields fields) {
  return {.passed = fields.Count("passed"),
          .failed = fields.Count("failed"),
          .skipped = fields.Count("skipped"),
          .flaky = fields.Count("flaky")};
}

BuildStatus StatusFrom(std::string_view text) {
  for (const BuildStatus status :
       {BuildStatus::kPassed, BuildStatus::kFailed, BuildStatus::kCancelled}) {
    if (Name(status) == text) return status;
  }
  return BuildStatus::kUnknown;
}

constexpr double kAnyNumber = 1e300;

Build ReadBuild(Fields* fields) {
  return {.name = fields->Text("name"),
          .commit = fields->Text("commit"),
          .status = StatusFrom(fields->Text("status")),
          .started = Micros(fields, "started_us"),
          .duration_s = fields->Number("duration_s", 0.0, kAnyNumber),
          .attempt = fields->Count("attempt").value_or(1),
          .tests = ReadTests(fields->Object("tests")),
          .coverage = fields->Number("coverage", 0.0, 1.0),
          .environment = fields->Text("environment"),
          .toolchain = fields->Text("toolchain"),
          .artifact_bytes = fields->Count("artifact_bytes"),
          .image_digest = fields->Text("image_digest"),
          .dependencies = fields->Texts("dependencies"),
          .authors = fields->Texts("authors")};
}

Outcome ReadOutcome(Fields* fields) {
  return {.failed = fields->Flag("failed").value_or(false),
          .rolled_back = fields->Flag("rolled_back").value_or(false),
          .deployment = fields->Text("deployment"),
          .version = fields->Text("version"),
          .commit = fields->Text("commit"),
          .authors = fields->Texts("authors"),
          .started = Micros(fields, "started_us"),
          .p_fail = fields->Number("p_fail", 0.0, 1.0),
          .users_harmed = fields->Number("users_harmed", 0.0, kAnyNumber),
          .error_ratio = fields->Number("error_ratio", 0.0, kAnyNumber)};
}

std::optional<What> ReadWhat(std::string_view kind, Fields* fields) {
  if (kind == "build") return ReadBuild(fields);
  if (kind == "test_run") {
    return TestRun{.build = fields->Text("build"),
                   .commit = fields->Text("commit"),
                   .tests = ReadTests(fields->Object("tests")),
                   .failed = fields->Flag("failed")};
  }
  if (kind == "change_merged") {
    return ChangeMerged{.commit = fields->Text("commit"),
                        .repository = fields->Text("repository"),
                        .authors = fields->Texts("authors")};
  }
  if (kind == "deployed" || kind == "rolled_back") {
    return Deployed{.rolled_back = kind == "rolled_back",
                    .version = fields->Text("version"),
                    .commit = fields->Text("commit"),
                    .environment = fields->Text("environment"),
                    .authors = fields->Texts("authors")};
  }
  if (kind == "incident_opened" || kind == "incident_resolved") {
    return Incident{.resolved = kind == "incident_resolved",
                    .incident = fields->Text("incident"),
                    .environment = fields->Text("environment"),
                    .description = fields->Text("description")};
  }
  if (kind == "outcome_told") return ReadOutcome(fields);
  return std::nullopt;
}

}  // namespace

std::string ToJson(const Fact& fact) {
  Json out{{"source", fact.source},
           {"id", fact.id},
           {"service", fact.service},
           {"at_us", MicrosSinceEpoch(fact.at)},
           {"known_at_us", MicrosSinceEpoch(fact.known_at)}};
  std::visit(Writer{&out}, fact.what);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Fact> FactFromJson(std::string_view kind, std::string_view text) {
  const Json root = Json::parse(text, nullptr, false);
  std::vector<PayloadProblem> problems;
  Fields fields(root, "", Strictness::kForeign, &problems);
  const auto at = Micros(&fields, "at_us");
  const auto known_at = Micros(&fields, "known_at_us");
  Fact fact{.source = fields.Text("source"),
            .id = fields.Text("id"),
            .service = fields.Text("service"),
            .at = at.value_or(WallTime{}),
            .known_at = known_at.value_or(WallTime{}),
            .what = Build{}};
  const std::optional<What> what = ReadWhat(kind, &fields);
  if (!what || !at || !known_at || !problems.empty() ||
      !CheckName("a service", fact.service).ok()) {
    const std::string where = problems.empty() ? "" : problems.front().pointer;
    return Fail(ErrorCode::kDataLoss, "this is no fact of kind '{}'{}: {:.100}", kind,
                where.empty() ? "" : fmt::format(" (at {})", where), text);
  }
  fact.what = *what;
  return fact;
}

}  // namespace auspex::builds
