// A build of Jenkins: `…/job/NAME/NUMBER/api/json`, or what the Notification plugin posts.
#include <fmt/format.h>

#include <algorithm>

#include "auspex/builds/json_fields.h"

namespace auspex::builds {
namespace {

BuildStatus StatusOf(std::string_view result) {
  if (result == "SUCCESS") return BuildStatus::kPassed;
  // Unstable: it was built, and tests failed.
  if (result == "FAILURE" || result == "UNSTABLE") return BuildStatus::kFailed;
  if (result == "ABORTED") return BuildStatus::kCancelled;
  return BuildStatus::kUnknown;  // NOT_BUILT
}

// Seconds; Jenkins says 0 while it does not know yet.
std::optional<double> DurationOf(Fields* fields) {
  const auto ms = fields->Number("duration", 0.0, 4e11);
  if (!ms || *ms <= 0.0) return std::nullopt;
  return *ms / 1e3;
}

void SetEnd(std::optional<WallTime> started, WallTime received, Fact* fact, Build* build) {
  build->started = started;
  fact->at = received;
  if (!started) return;
  if (build->duration_s) {
    fact->at = *started + std::chrono::duration_cast<std::chrono::microseconds>(
                              FromSeconds(*build->duration_s));
  } else if (*started > received) {
    build->started.reset();
  }
}

// "checkout #12", or "folder » checkout #12".
std::string JobOf(std::string_view display_name) {
  constexpr std::string_view kArrow = "\u00bb ";
  std::string_view job = display_name.substr(0, display_name.rfind(" #"));
  if (const std::size_t arrow = job.rfind(kArrow); arrow != std::string_view::npos)
    job.remove_prefix(arrow + kArrow.size());
  return std::string(job);
}

// Git's plugin and the reports of tests add objects to this list; which have which key tells them
// apart.
void ReadActions(Fields* root, Build* build) {
  for (Fields& action : root->Objects("actions")) {
    const std::string commit = action.Object("lastBuiltRevision").Text("SHA1");
    if (!commit.empty()) build->commit = commit;
    const auto total = action.Count("totalCount");
    if (!total) continue;
    const std::int64_t failed = action.Count("failCount").value_or(0);
    const std::int64_t skipped = action.Count("skipCount").value_or(0);
    build->tests.failed = failed;
    build->tests.skipped = skipped;
    build->tests.passed = std::max<std::int64_t>(0, *total - failed - skipped);
  }
}

constexpr std::size_t kMostAuthors = 100;

void ReadAuthors(Fields* root, Build* build) {
  std::vector<Fields> sets = root->Objects("changeSets");  // of a pipeline
  sets.push_back(root->Object("changeSet"));               // of a freestyle job
  for (Fields& set : sets) {
    for (Fields& item : set.Objects("items")) {
      if (build->authors.size() == kMostAuthors) return;
      const std::string author = item.Text("authorEmail");
      if (!author.empty() &&
          std::find(build->authors.begin(), build->authors.end(), author) == build->authors.end())
        build->authors.push_back(author);
    }
  }
}

void ReadApi(Fields* root, const Reading& reading) {
  if (root->Flag("building").value_or(false)) {
    reading.out->ignored.emplace_back("a build of Jenkins that runs: it has not ended");
    return;
  }
  const std::string number = root->RequiredText("number");
  std::string url = root->Text("url");
  while (url.ends_with('/')) url.pop_back();
  Fact fact;
  fact.source = url.ends_with("/" + number) ? url.substr(0, url.size() - number.size() - 1) : url;
  if (fact.source.empty()) fact.source = "jenkins";
  fact.service = JobOf(root->Text("fullDisplayName"));
  fact.id = number;
  Build build{.name = fact.service,
              .status = StatusOf(root->Text("result")),
              .duration_s = DurationOf(root),
              .environment = root->Text("builtOn")};
  ReadActions(root, &build);
  ReadAuthors(root, &build);
  SetEnd(root->TimeMs("timestamp"), reading.defaults.received, &fact, &build);
  fact.what = std::move(build);
  AddFact(std::move(fact), "/fullDisplayName", reading);
}

// The plugin's older versions write a time in words, newer ones milliseconds.
std::optional<WallTime> TimestampOf(Fields* build, const Json& root) {
  const Json& node = root.at("build");
  const auto found = node.find("timestamp");
  if (found == node.end() || found->is_null()) return std::nullopt;
  return found->is_number() ? build->TimeMs("timestamp") : build->Time("timestamp");
}

void ReadNotification(const Json& json, Fields* root, const Reading& reading) {
  Fields ended = root->Object("build");
  const std::string phase = ended.Text("phase");
  if (phase != "COMPLETED" && phase != "FINALIZED") {
    reading.out->ignored.push_back(Clip(fmt::format("Jenkins phase {}: it has not ended", phase)));
    return;
  }
  Fact fact;
  fact.service = root->RequiredText("name");
  const std::string url = ended.Text("full_url");
  fact.id = ended.RequiredText("number");
  fact.source = url.ends_with("/" + fact.id + "/") ? url.substr(0, url.size() - fact.id.size() - 2)
                                                   : "jenkins/" + fact.service;
  Fields scm = ended.Object("scm");
  Build build{.name = fact.service,
              .commit = scm.Text("commit"),
              .status = StatusOf(ended.Text("status")),
              .duration_s = DurationOf(&ended)};
  Fields tests = ended.Object("test_summary");
  build.tests = {.passed = tests.Count("passed"),
                 .failed = tests.Count("failed"),
                 .skipped = tests.Count("skipped"),
                 .flaky = {}};
  SetEnd(TimestampOf(&ended, json), reading.defaults.received, &fact, &build);
  fact.what = std::move(build);
  AddFact(std::move(fact), "/name", reading);
}

}  // namespace

void ReadJenkins(const Json& root, const Reading& reading) {
  Fields fields(root, "", Strictness::kForeign, &reading.out->problems);
  if (root.contains("build") && root.at("build").is_object()) {
    ReadNotification(root, &fields, reading);
  } else {
    ReadApi(&fields, reading);
  }
}

}  // namespace auspex::builds
