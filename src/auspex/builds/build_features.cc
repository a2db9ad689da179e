#include <set>

#include "auspex/builds/features.h"
#include "auspex/builds/known.h"

namespace auspex::builds {
namespace {

constexpr std::size_t kRecent = 20;
constexpr std::size_t kFewestForNorm = 3;

// One build with the fact that it is of.
struct Known {
  const Fact* fact;
  const Build* build;
};

// Of the service, by when they ended.
std::vector<Known> BuildsOf(const std::vector<const Fact*>& known, const std::string& service) {
  std::vector<Known> builds;
  for (const Fact* fact : known) {
    if (fact->service != service) continue;
    if (const auto* build = std::get_if<Build>(&fact->what)) builds.push_back({fact, build});
  }
  return builds;
}

// Null: what is deployed has no build that we know.
const Known* Newest(const std::vector<Known>& builds, const std::string& commit) {
  for (auto build = builds.rbegin(); build != builds.rend(); ++build) {
    if (commit.empty() || SameCommit(build->build->commit, commit)) return &*build;
  }
  return nullptr;
}

// Of that name, and ended before it.
std::vector<Known> Before(const std::vector<Known>& builds, const Known& newest) {
  std::vector<Known> before;
  for (const Known& build : builds) {
    if (build.build->name == newest.build->name && build.fact->at < newest.fact->at)
      before.push_back(build);
  }
  return before;
}

double DurationRatio(const Build& build, const std::vector<Known>& before) {
  std::vector<double> durations;
  for (auto one = before.rbegin(); one != before.rend() && durations.size() < kRecent; ++one) {
    if (one->build->status == BuildStatus::kPassed && one->build->duration_s)
      durations.push_back(*one->build->duration_s);
  }
  if (!build.duration_s || durations.size() < kFewestForNorm) return kUnknown;
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  return *middle > 0.0 ? *build.duration_s / *middle : kUnknown;
}

double Failed(BuildStatus status) {
  if (status == BuildStatus::kFailed) return 1.0;
  return status == BuildStatus::kPassed ? 0.0 : kUnknown;
}

// A system that gives a retry an id of its own, and no number, shows in the builds of the commit
// that did not pass: one that passed is built again by schedule.
double Retries(const Build& build, const std::vector<Known>& before) {
  const auto again = std::count_if(before.begin(), before.end(), [&build](const Known& other) {
    return other.build->status != BuildStatus::kPassed &&
           SameCommit(other.build->commit, build.commit);
  });
  return static_cast<double>(std::max<std::int64_t>(build.attempt - 1, again));
}

double FailureShare(const std::vector<Known>& before) {
  double failed = 0.0, ended = 0.0;
  for (auto one = before.rbegin(); one != before.rend() && ended < double{kRecent}; ++one) {
    const double bad = Failed(one->build->status);
    if (std::isnan(bad)) continue;
    failed += bad;
    ended += 1.0;
  }
  return ended > 0.0 ? failed / ended : kUnknown;
}

void AddTo(std::optional<std::int64_t>* sum, const std::optional<std::int64_t>& more) {
  if (more) *sum = sum->value_or(0) + *more;
}

// Reports of tests of a service, of what `is_its` finds to be its.
template <typename IsIts>
TestCounts SumOf(const std::vector<const Fact*>& known, const std::string& service,
                 const IsIts& is_its) {
  TestCounts sum;
  for (const Fact* fact : known) {
    const auto* run = std::get_if<TestRun>(&fact->what);
    if (run == nullptr || fact->service != service || !is_its(*run)) continue;
    AddTo(&sum.passed, run->tests.passed);
    AddTo(&sum.failed, run->tests.failed);
    AddTo(&sum.skipped, run->tests.skipped);
    AddTo(&sum.flaky, run->tests.flaky);
  }
  return sum;
}

// What the build says itself; else the sum of the reports that came for it, by its id, or by its
// commit where they name no build that is known.
TestCounts TestsOf(const Known& newest, const std::vector<Known>& builds,
                   const std::vector<const Fact*>& known) {
  if (newest.build->tests != TestCounts{}) return newest.build->tests;
  return SumOf(known, newest.fact->service, [&](const TestRun& run) {
    if (run.build == newest.fact->id) return true;
    const bool of_another =
        !run.build.empty() && std::any_of(builds.begin(), builds.end(), [&run](const Known& build) {
          return build.fact->id == run.build;
        });
    return !of_another && SameCommit(run.commit, newest.build->commit);
  });
}

double TestsRun(const TestCounts& tests) {
  if (!tests.passed && !tests.failed) return kUnknown;
  return static_cast<double>(tests.passed.value_or(0) + tests.failed.value_or(0));
}

// The last before it that says so.
template <typename Says>
const Build* LastThat(const std::vector<Known>& before, const Says& says) {
  for (auto one = before.rbegin(); one != before.rend(); ++one) {
    if (says(*one->build)) return one->build;
  }
  return nullptr;
}

double CoverageChange(const Build& build, const std::vector<Known>& before) {
  const Build* last = LastThat(before, [](const Build& b) { return b.coverage.has_value(); });
  if (last == nullptr || !build.coverage) return kUnknown;
  return *build.coverage - *last->coverage;
}

double TextChanged(const Build& build, const std::vector<Known>& before, std::string Build::*text) {
  const Build* last = LastThat(before, [text](const Build& b) { return !(b.*text).empty(); });
  if (last == nullptr || (build.*text).empty()) return kUnknown;
  return build.*text == last->*text ? 0.0 : 1.0;
}

double ArtifactChange(const Build& build, const std::vector<Known>& before) {
  const Build* last =
      LastThat(before, [](const Build& b) { return b.artifact_bytes.value_or(0) > 0; });
  if (last == nullptr || !build.artifact_bytes) return kUnknown;
  return static_cast<double>(*build.artifact_bytes) / static_cast<double>(*last->artifact_bytes) -
         1.0;
}

double DependenciesChanged(const Build& build, const std::vector<Known>& before) {
  const Build* last = LastThat(before, [](const Build& b) { return !b.dependencies.empty(); });
  if (last == nullptr || build.dependencies.empty()) return kUnknown;
  const std::set<std::string> now(build.dependencies.begin(), build.dependencies.end());
  const std::set<std::string> then(last->dependencies.begin(), last->dependencies.end());
  std::vector<std::string> changed;
  std::set_symmetric_difference(now.begin(), now.end(), then.begin(), then.end(),
                                std::back_inserter(changed));
  return static_cast<double>(changed.size());
}

// Of a commit that has reports of tests and no build.
std::vector<double> OfTestsAlone(const std::vector<const Fact*>& known, const About& about) {
  std::vector<double> row(kBuildFeatures.size(), kUnknown);
  if (about.commit.empty()) return row;
  const TestCounts tests = SumOf(known, about.service, [&about](const TestRun& run) {
    return SameCommit(run.commit, about.commit);
  });
  const auto set = [&row](std::string_view name, double value) {
    for (std::size_t i = 0; i < kBuildFeatures.size(); ++i)
      if (kBuildFeatures[i].name == name) row[i] = value;
  };
  set("tests_run", TestsRun(tests));
  set("tests_failed", OrUnknown(tests.failed));
  set("tests_flaky", OrUnknown(tests.flaky));
  set("tests_skipped", OrUnknown(tests.skipped));
  return row;
}

}  // namespace

std::vector<double> BuildFeaturesAt(std::span<const Fact> facts, const About& about, WallTime at) {
  const std::vector<const Fact*> known = KnownAt(facts, at);
  const std::vector<Known> builds = BuildsOf(known, about.service);
  const Known* newest = Newest(builds, about.commit);
  if (newest == nullptr) return OfTestsAlone(known, about);
  const Build& build = *newest->build;
  const std::vector<Known> before = Before(builds, *newest);
  const TestCounts tests = TestsOf(*newest, builds, known);
  return {OrUnknown(build.duration_s),
          DurationRatio(build, before),
          Failed(build.status),
          Retries(build, before),
          FailureShare(before),
          TestsRun(tests),
          OrUnknown(tests.failed),
          OrUnknown(tests.flaky),
          OrUnknown(tests.skipped),
          OrUnknown(build.coverage),
          CoverageChange(build, before),
          TextChanged(build, before, &Build::environment),
          TextChanged(build, before, &Build::toolchain),
          OrUnknown(build.artifact_bytes),
          ArtifactChange(build, before),
          DependenciesChanged(build, before),
          SecondsBetween(newest->fact->at, at)};
}

}  // namespace auspex::builds
