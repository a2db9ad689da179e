#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "lab/simulator/policies/argo.h"
#include "lab/simulator/policies/flagger.h"
#include "lab/simulator/policies/growthbook.h"
#include "lab/simulator/policies/kayenta.h"
#include "lab/simulator/policies/limit.h"
#include "lab/simulator/policies/ours.h"
#include "lab/simulator/policies/pipecd.h"
#include "lab/simulator/policy.h"

namespace auspex::lab::simulator {
namespace {

using rollout::Mode;
using rollout::Pace;

std::unique_ptr<Run> BeginFlagger(const Deployment& d, Traffic* /*traffic*/, int tuned) {
  return std::make_unique<FlaggerRun>(tuned != 0 ? TunedThresholds(d) : kDocumentedThresholds);
}

std::unique_ptr<Run> BeginArgo(const Deployment& d, Traffic* /*traffic*/, int minutes) {
  return std::make_unique<ArgoRun>(
      TunedThresholds(d),
      ArgoRun::Options{.interval_s = 60.0 * minutes, .failure_limit = minutes == 1 ? 2 : 1});
}

std::unique_ptr<Run> BeginKayenta(const Deployment& /*d*/, Traffic* traffic, int /*variant*/) {
  return std::make_unique<KayentaRun>(traffic);
}

std::unique_ptr<Run> BeginPipecd(const Deployment& /*d*/, Traffic* traffic, int /*variant*/) {
  return std::make_unique<PipecdRun>(traffic);
}

std::unique_ptr<Run> BeginGrowthbook(const Deployment& d, Traffic* /*traffic*/, int /*variant*/) {
  return std::make_unique<GrowthbookRun>(d);
}

std::unique_ptr<Run> BeginRule(const Deployment& d, Traffic* /*traffic*/, int percent) {
  return std::make_unique<AuspexRun>(
      d, AuspexRun::Options{.policy = rollout::Policy::kRule, .error_limit = percent / 100.0});
}

constexpr AuspexRun::Options kOurs[] = {
    {.mode = Mode::kFast},
    {.mode = Mode::kBalanced},
    {.mode = Mode::kCareful},
    {.mode = Mode::kBalanced, .memory = true},
    {.mode = Mode::kBalanced, .tick_s = 2.0},
    {.mode = Mode::kFast, .tick_s = 1.0, .memory = true, .pace = Pace::kSwift},
    {.mode = Mode::kBalanced, .tick_s = 1.0, .memory = true, .pace = Pace::kSwift},
    {.mode = Mode::kCareful, .tick_s = 1.0, .memory = true, .pace = Pace::kSwift},
    {.mode = Mode::kBalanced, .tick_s = 1.0, .memory = true, .pace = Pace::kSwift, .fuse = true},
    {.mode = Mode::kBalanced, .tick_s = 2.0, .memory = true, .pace = Pace::kSwift},
    {.mode = Mode::kBalanced,
     .tick_s = 1.0,
     .memory = true,
     .pace = Pace::kSwift,
     .planned = false},
};
std::unique_ptr<Run> BeginOurs(const Deployment& d, Traffic* /*traffic*/, int which) {
  return std::make_unique<AuspexRun>(d, kOurs[which]);
}

std::unique_ptr<Run> BeginLimit(const Deployment& d, Traffic* /*traffic*/, int tick_s) {
  return std::make_unique<LimitRun>(d, tick_s);
}

bool Matches(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == name;
}

}  // namespace

const std::vector<Policy>& AllPolicies() {
  static const std::vector<Policy> kAll = {
      {"flagger", "Flagger, documented example", BeginFlagger, 0},
      {"flagger-tuned", "Flagger, thresholds tuned per service", BeginFlagger, 1},
      {"argo-1m", "Argo 20/40/60/80 %, tuned, each minute, limit 2", BeginArgo, 1},
      {"argo-5m", "Argo 20/40/60/80 %, tuned, each 5 min, limit 1", BeginArgo, 5},
      {"kayenta", "Kayenta 10 % + baseline, 60 min, each 10 min", BeginKayenta, 0},
      {"pipecd", "PipeCD 10 % + baseline, 30 min, each 5 min", BeginPipecd, 0},
      {"growthbook", "GrowthBook Safe Rollout in an hour", BeginGrowthbook, 0},
      {"rule-5", "plain rule, error limit 5 %", BeginRule, 5},
      {"rule-1", "plain rule, error limit 1 %", BeginRule, 1},
      {"classic-fast", "Auspex classic, fast, 10 s", BeginOurs, 0},
      {"classic-balanced", "Auspex classic, balanced, 10 s", BeginOurs, 1},
      {"classic-careful", "Auspex classic, careful, 10 s", BeginOurs, 2},
      {"classic-memory", "Auspex classic, balanced, 10 s, memory", BeginOurs, 3},
      {"classic-2s", "Auspex classic, balanced, 2 s", BeginOurs, 4},
      {"swift-fast", "Auspex swift, fast, 1 s", BeginOurs, 5, true},
      {"swift-balanced", "Auspex swift, balanced, 1 s", BeginOurs, 6},
      {"swift-careful", "Auspex swift, careful, 1 s", BeginOurs, 7, true},
      {"swift-fuse", "Auspex swift, balanced, 1 s, fuse", BeginOurs, 8},
      {"swift-2s", "Auspex swift, balanced, 2 s", BeginOurs, 9, true},
      {"swift-counted", "Auspex swift, balanced, 1 s, as a daemon counts", BeginOurs, 10},
      {"limit-10s", "limit: knows the fault, 10 s", BeginLimit, 10},
      {"limit-1s", "limit: knows the fault, 1 s", BeginLimit, 1},
  };
  return kAll;
}

Result<std::vector<Policy>> FindPolicies(const std::vector<std::string>& names) {
  std::vector<Policy> found;
  if (names.empty()) {
    std::copy_if(AllPolicies().begin(), AllPolicies().end(), std::back_inserter(found),
                 [](const Policy& policy) { return !policy.only_by_name; });
  }
  for (const std::string& name : names) {
    bool any = false;
    for (const Policy& policy : AllPolicies()) {
      if (!Matches(name, policy.name)) continue;
      any = true;
      const bool twice = std::any_of(found.begin(), found.end(),
                                     [&](const Policy& p) { return p.name == policy.name; });
      if (!twice) found.push_back(policy);
    }
    if (!any) {
      std::vector<std::string> all;
      for (const Policy& policy : AllPolicies()) all.push_back(policy.name);
      return Fail(ErrorCode::kInvalidArgument, "no policy '{}'; there is {}", name,
                  fmt::join(all, ", "));
    }
  }
  return found;
}

}  // namespace auspex::lab::simulator
