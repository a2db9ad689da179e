#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "auspex/base/clock.h"

// builds knows what happened around a deployment: what CI built and tested, what was merged, what
// was deployed and rolled back, which incidents were open, how deployments ended. Each is a Fact;
// the features of a deployment are read off the facts that were known at its time.
//
//   const ParsedPayload parsed = ParsePayload(body, {.content_type = "application/json"},
//   defaults); if (parsed.problems.empty()) AUSPEX_TRY(const auto kept, log->Keep(parsed.facts));
//   const std::vector<double> row = FeaturesAt(log->index(), {.service = "checkout"}, now);
//
// Read next: payload.h (the formats of CI systems), fact_index.h (what is kept in memory),
// features.h (the features), ledger/fact_log.h (what is kept for ever).
namespace auspex::builds {

enum class BuildStatus {
  kPassed,
  kFailed,
  kCancelled,  // by a person or a newer build: says nothing of the change
  kUnknown,    // it ended, and the source did not say how
};

// What is not known is absent, never 0.
struct TestCounts {
  std::optional<std::int64_t> passed = {};  // flaky ones among them
  std::optional<std::int64_t> failed = {};  // errors too; at their last try
  std::optional<std::int64_t> skipped = {};
  std::optional<std::int64_t> flaky = {};  // failed first, passed when tried again
  friend bool operator==(const TestCounts&, const TestCounts&) = default;
};

// One run of a pipeline or a job that has ended.
struct Build {
  std::string name = {};  // of the pipeline or job; durations are compared among builds of one name
  std::string commit = {};  // as the source says it, mostly 40 hexadecimal digits; empty: not known
  BuildStatus status = BuildStatus::kUnknown;
  std::optional<WallTime> started = {};
  std::optional<double> duration_s = {};  // >= 0
  std::int64_t attempt = 1;               // 2 is the first retry
  TestCounts tests = {};
  std::optional<double> coverage = {};  // share of 0..1
  std::string environment = {};         // what it ran on: image, runner
  std::string toolchain = {};           // what it was built with: "gcc 12.2"
  std::optional<std::int64_t> artifact_bytes = {};
  std::string image_digest = {};               // "sha256:…"
  std::vector<std::string> dependencies = {};  // "name@version"; empty: not given
  std::vector<std::string> authors = {};       // of the commits; empty: not given
  friend bool operator==(const Build&, const Build&) = default;
};

// A report of tests that came apart from its build.
struct TestRun {
  std::string build = {};  // the id of the build, where the sender named it
  std::string commit = {};
  TestCounts tests = {};
  std::optional<bool> failed = {};  // as a whole
  friend bool operator==(const TestRun&, const TestRun&) = default;
};

struct ChangeMerged {
  std::string commit = {};
  std::string repository = {};
  std::vector<std::string> authors = {};
  friend bool operator==(const ChangeMerged&, const ChangeMerged&) = default;
};

// A version that began to serve, or (rolled_back) one that was put back in place of a newer one.
struct Deployed {
  bool rolled_back = false;
  std::string version = {};  // or the artifact's package URL
  std::string commit = {};
  std::string environment = {};  // "production"
  std::vector<std::string> authors = {};
  friend bool operator==(const Deployed&, const Deployed&) = default;
};

struct Incident {
  bool resolved = false;      // false: it was detected or reported
  std::string incident = {};  // its name, the same when it is resolved
  std::string environment = {};
  std::string description = {};
  friend bool operator==(const Incident&, const Incident&) = default;
};

// How a deployment ended: the label.
struct Outcome {
  bool failed = false;          // it harmed, or was proven worse
  bool rolled_back = false;     // it does not serve any more
  std::string deployment = {};  // a DeploymentId, where it was one of ours
  std::string version = {};
  std::string commit = {};
  std::vector<std::string> authors = {};
  std::optional<WallTime> started = {};
  std::optional<double> p_fail = {};        // as it was seen at its end
  std::optional<double> users_harmed = {};  // >= 0
  std::optional<double> error_ratio = {};   // the canary's share of errors over the baseline's
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

using What = std::variant<Build, TestRun, ChangeMerged, Deployed, Incident, Outcome>;

struct Fact {
  std::string source = {};  // whose `id` it is: "https://github.com/acme/shop", "api"
  std::string id = {};  // unique among the facts of a kind and a source: a repeated one counts once
  std::string service = {};  // a name by CheckName (base/ids.h)
  WallTime at = {};          // when it happened: a build's end, an incident's detection
  WallTime known_at = {};    // when it could first be used; never before `at`
  What what = {};
  friend bool operator==(const Fact&, const Fact&) = default;
};

// "build", "test_run", "change_merged", "deployed", "rolled_back", "incident_opened",
// "incident_resolved", "outcome_told": the kinds of entries in the ledger.
[[nodiscard]] std::string_view KindOf(const Fact& fact);
// Every kind that KindOf can give.
[[nodiscard]] const std::vector<std::string_view>& FactKinds();

[[nodiscard]] std::string_view Name(BuildStatus status);

}  // namespace auspex::builds
