// GitHub's webhooks workflow_run and workflow_job (docs.github.com, "Webhook events and payloads").
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "auspex/builds/json_fields.h"

namespace auspex::builds {
namespace {

BuildStatus StatusOf(std::string_view conclusion) {
  if (conclusion == "success") return BuildStatus::kPassed;
  if (conclusion == "failure" || conclusion == "timed_out" || conclusion == "startup_failure")
    return BuildStatus::kFailed;
  if (conclusion == "cancelled") return BuildStatus::kCancelled;
  return BuildStatus::kUnknown;  // neutral, skipped, stale, action_required
}

struct Times {
  const char* started;
  const char* started_else;  // where `started` is not there
  const char* ended;
};

void SetTimes(Fields* fields, const Times& names, WallTime received, Fact* fact, Build* build) {
  build->started = fields->Time(names.started);
  if (!build->started) build->started = fields->Time(names.started_else);
  const auto ended = fields->Time(names.ended);
  fact->at = ended.value_or(received);
  if (build->started && *build->started > fact->at) build->started.reset();
  if (ended && build->started) build->duration_s = Seconds(*ended - *build->started);
}

void ReadRun(Fields run, Fact fact, const std::string& repository, const Reading& reading) {
  Build build{.name = run.Text("name"),
              .commit = run.RequiredText("head_sha"),
              .status = StatusOf(run.Text("conclusion")),
              .attempt = run.Count("run_attempt").value_or(1)};
  // A retry keeps the id of its run.
  fact.id = fmt::format("run/{}/{}", run.RequiredText("id"), build.attempt);
  // `updated_at` of a run that has ended is its end: there is no other field for it.
  SetTimes(&run, {"run_started_at", "created_at", "updated_at"}, reading.defaults.received, &fact,
           &build);
  const std::string author = run.Object("head_commit").Object("author").Text("email");
  if (!author.empty()) build.authors = {author};
  fact.what = std::move(build);
  AddFact(std::move(fact), repository, reading);
}

void ReadJob(Fields job, Fact fact, const std::string& repository, const Reading& reading) {
  Build build{.name = job.Text("name"),
              .commit = job.RequiredText("head_sha"),
              .status = StatusOf(job.Text("conclusion")),
              .attempt = job.Count("run_attempt").value_or(1),
              .environment = fmt::format("{}", fmt::join(job.Texts("labels"), ","))};
  const std::string workflow = job.Text("workflow_name");
  if (!workflow.empty()) build.name = Clip(workflow + "/" + build.name);
  fact.id = fmt::format("job/{}", job.RequiredText("id"));
  SetTimes(&job, {"started_at", "created_at", "completed_at"}, reading.defaults.received, &fact,
           &build);
  fact.what = std::move(build);
  AddFact(std::move(fact), repository, reading);
}

}  // namespace

void ReadGithub(const Json& root, const Reading& reading) {
  Fields fields(root, "", Strictness::kForeign, &reading.out->problems);
  const bool run = fields.Has("workflow_run");
  const char* event = run ? "workflow_run" : "workflow_job";
  const std::string action = fields.Text("action");
  if (action != "completed") {
    reading.out->ignored.push_back(
        Clip(fmt::format("{} {}: it has not ended; `completed` is what counts", event, action)));
    return;
  }
  Fields repository = fields.Object("repository");
  Fact fact;
  fact.source = repository.Text("html_url");
  if (fact.source.empty()) fact.source = "github/" + repository.Text("full_name");
  fact.service = repository.Text("name");
  Fields ended = fields.Object(event);
  if (run) {
    ReadRun(std::move(ended), std::move(fact), "/repository/name", reading);
  } else {
    ReadJob(std::move(ended), std::move(fact), "/repository/name", reading);
  }
}

}  // namespace auspex::builds
