// GitLab's webhooks of pipelines and jobs (docs.gitlab.com, "Webhook events").
#include <fmt/format.h>

#include <algorithm>

#include "auspex/builds/json_fields.h"

namespace auspex::builds {
namespace {

// Nothing for a status that is none of an end: created, pending, running, manual, …
std::optional<BuildStatus> EndOf(std::string_view status) {
  if (status == "success") return BuildStatus::kPassed;
  if (status == "failed") return BuildStatus::kFailed;
  if (status == "canceled") return BuildStatus::kCancelled;
  if (status == "skipped") return BuildStatus::kUnknown;
  return std::nullopt;
}

constexpr std::int64_t kMostBytes = 1'000'000'000'000'000;

// Of the artifacts of all jobs; nothing where there are none.
std::optional<std::int64_t> ArtifactBytes(Fields* root) {
  std::optional<std::int64_t> bytes;
  for (Fields& job : root->Objects("builds")) {
    if (const auto size = job.Object("artifacts_file").Count("size"))
      bytes = std::min(kMostBytes, bytes.value_or(0) + *size);
  }
  return bytes;
}

void ReadPipeline(Fields* root, const Reading& reading) {
  Fields pipeline = root->Object("object_attributes");
  const std::string status = pipeline.Text("status");
  const auto end = EndOf(status);
  if (!end) {
    reading.out->ignored.push_back(Clip(fmt::format("pipeline {}: it has not ended", status)));
    return;
  }
  Fields project = root->Object("project");
  Fact fact;
  fact.source = project.Text("web_url");
  if (fact.source.empty()) fact.source = "gitlab/" + project.Text("path_with_namespace");
  fact.service = LastSegment(project.Text("path_with_namespace"));
  Build build{.name = pipeline.Text("name"),
              .commit = pipeline.RequiredText("sha"),
              .status = *end,
              .started = pipeline.Time("created_at"),
              .duration_s = pipeline.Number("duration", 0.0, 1e9),
              .artifact_bytes = ArtifactBytes(root)};
  const auto finished = pipeline.Time("finished_at");
  fact.at = finished.value_or(reading.defaults.received);
  // A pipeline whose failed job is tried again ends a second time under its old id.
  fact.id = fmt::format("pipeline/{}", pipeline.RequiredText("id"));
  if (finished) fact.id += fmt::format("/{}", MicrosSinceEpoch(*finished) / 1'000'000);
  if (build.started && *build.started > fact.at) build.started.reset();
  const std::string author = root->Object("commit").Object("author").Text("email");
  if (!author.empty()) build.authors = {author};
  fact.what = std::move(build);
  AddFact(std::move(fact), "/project/path_with_namespace", reading);
}

void ReadJob(Fields* root, const Reading& reading) {
  const std::string status = root->Text("build_status");
  const auto end = EndOf(status);
  if (!end) {
    reading.out->ignored.push_back(Clip(fmt::format("job {}: it has not ended", status)));
    return;
  }
  Fields repository = root->Object("repository");
  Fact fact;
  fact.source = repository.Text("homepage");
  if (fact.source.empty()) fact.source = "gitlab/" + root->Text("project_name");
  fact.service = LastSegment(root->Text("project_name"));
  fact.id = fmt::format("job/{}", root->RequiredText("build_id"));
  Build build{.name = root->Text("build_name"),
              .commit = root->RequiredText("sha"),
              .status = *end,
              .started = root->Time("build_started_at"),
              .duration_s = root->Number("build_duration", 0.0, 1e9),
              .attempt = root->Count("retries_count").value_or(0) + 1,
              .environment = root->Object("runner").Text("description")};
  fact.at = root->Time("build_finished_at").value_or(reading.defaults.received);
  if (build.started && *build.started > fact.at) build.started.reset();
  const std::string author = root->Object("commit").Text("author_email");
  if (!author.empty()) build.authors = {author};
  fact.what = std::move(build);
  AddFact(std::move(fact), "/project_name", reading);
}

}  // namespace

void ReadGitlab(const Json& root, const Reading& reading) {
  Fields fields(root, "", Strictness::kForeign, &reading.out->problems);
  const std::string kind = fields.Text("object_kind");
  if (kind == "pipeline") {
    ReadPipeline(&fields, reading);
  } else if (kind == "build") {
    ReadJob(&fields, reading);
  } else {
    reading.out->ignored.push_back(
        Clip(fmt::format("GitLab's {}: pipelines and jobs (builds) are what counts", kind)));
  }
}

}  // namespace auspex::builds
