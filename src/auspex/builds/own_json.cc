// Our own JSON, for what has no format that we know: a key that is not known is refused.
#include <fmt/format.h>

#include "auspex/builds/json_fields.h"

namespace auspex::builds {
namespace {

constexpr const char* kOwnSource = "api";

std::string SourceOf(Fields* fields) {
  std::string source = fields->Text("source");
  return source.empty() ? kOwnSource : source;
}

BuildStatus StatusOf(Fields* fields) {
  const std::string text = fields->RequiredText("status");
  for (const BuildStatus status : {BuildStatus::kPassed, BuildStatus::kFailed,
                                   BuildStatus::kCancelled, BuildStatus::kUnknown}) {
    if (text == Name(status)) return status;
  }
  if (!text.empty()) fields->Refuse("status", "passed, failed, cancelled or unknown");
  return BuildStatus::kUnknown;
}

TestCounts TestsOf(Fields fields) {
  const TestCounts tests{.passed = fields.Count("passed"),
                         .failed = fields.Count("failed"),
                         .skipped = fields.Count("skipped"),
                         .flaky = fields.Count("flaky")};
  fields.Finish();
  return tests;
}

constexpr double kMostSeconds = 1e9;

}  // namespace

void ReadOwnBuild(const Json& root, const std::string& pointer, const Reading& reading) {
  Fields fields(root, pointer, Strictness::kOurs, &reading.out->problems);
  Fact fact{.source = SourceOf(&fields),
            .id = fields.RequiredText("id"),
            .service = fields.Text("service"),
            .at = {},
            .known_at = {},
            .what = {}};
  Build build{.name = fields.Text("name"),
              .commit = fields.Text("commit"),
              .status = StatusOf(&fields),
              .started = fields.Time("started_at"),
              .duration_s = fields.Number("duration_s", 0.0, kMostSeconds),
              .attempt = fields.Count("attempt").value_or(1),
              .tests = TestsOf(fields.Object("tests")),
              .coverage = fields.Number("coverage", 0.0, 1.0),
              .environment = fields.Text("environment"),
              .toolchain = fields.Text("toolchain"),
              .artifact_bytes = fields.Count("artifact_bytes"),
              .image_digest = fields.Text("image_digest"),
              .dependencies = fields.Texts("dependencies"),
              .authors = fields.Texts("authors")};
  if (build.attempt < 1) fields.Refuse("attempt", "1 is the first, 2 its first retry");
  const auto finished = fields.Time("finished_at");
  fields.Finish();
  fact.at = finished.value_or(reading.defaults.received);
  if (build.started && *build.started > fact.at)
    fields.Refuse("started_at", "later than its end");
  else if (build.started && finished && !build.duration_s)
    build.duration_s = Seconds(*finished - *build.started);
  fact.what = std::move(build);
  AddFact(std::move(fact), pointer + "/service", reading);
}

void ReadOwnOutcome(const Json& root, const std::string& pointer, const Reading& reading) {
  Fields fields(root, pointer, Strictness::kOurs, &reading.out->problems);
  Fact fact{.source = SourceOf(&fields),
            .id = fields.RequiredText("id"),
            .service = fields.Text("service"),
            .at = {},
            .known_at = {},
            .what = {}};
  const std::string text = fields.RequiredText("outcome");
  if (!text.empty() && text != "good" && text != "failed")
    fields.Refuse("outcome", "good, or failed: whether it harmed anybody or had to be taken back");
  Outcome outcome{.failed = text == "failed",
                  .rolled_back = fields.Flag("rolled_back").value_or(false),
                  .deployment = fields.Text("deployment"),
                  .version = fields.Text("version"),
                  .commit = fields.Text("commit"),
                  .authors = fields.Texts("authors"),
                  .started = fields.Time("started_at"),
                  .p_fail = {},
                  .users_harmed = fields.Number("users_harmed", 0.0, 1e15),
                  .error_ratio = {}};
  fact.at = fields.Time("at").value_or(reading.defaults.received);
  fields.Finish();
  if (outcome.started && *outcome.started > fact.at)
    fields.Refuse("started_at", "later than its end");
  fact.what = std::move(outcome);
  AddFact(std::move(fact), pointer + "/service", reading);
}

void ReadOwnChange(const Json& root, const std::string& pointer, const Reading& reading) {
  Fields fields(root, pointer, Strictness::kOurs, &reading.out->problems);
  Fact fact{.source = SourceOf(&fields),
            .id = fields.RequiredText("id"),
            .service = fields.Text("service"),
            .at = fields.Time("merged_at").value_or(reading.defaults.received),
            .known_at = {},
            .what = ChangeMerged{.commit = fields.Text("commit"),
                                 .repository = fields.Text("repository"),
                                 .authors = fields.Texts("authors")}};
  fields.Finish();
  AddFact(std::move(fact), pointer + "/service", reading);
}

}  // namespace auspex::builds
