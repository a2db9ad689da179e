#include "auspex/builds/builds.h"

namespace auspex::builds {
namespace {

struct KindName {
  std::string_view operator()(const Build&) const { return "build"; }
  std::string_view operator()(const TestRun&) const { return "test_run"; }
  std::string_view operator()(const ChangeMerged&) const { return "change_merged"; }
  std::string_view operator()(const Deployed& deployed) const {
    return deployed.rolled_back ? "rolled_back" : "deployed";
  }
  std::string_view operator()(const Incident& incident) const {
    return incident.resolved ? "incident_resolved" : "incident_opened";
  }
  // Not "outcome", which is the controller's own entry.
  std::string_view operator()(const Outcome&) const { return "outcome_told"; }
};

}  // namespace

std::string_view KindOf(const Fact& fact) { return std::visit(KindName{}, fact.what); }

const std::vector<std::string_view>& FactKinds() {
  static const std::vector<std::string_view> kKinds = {
      "build",       "test_run",        "change_merged",     "deployed",
      "rolled_back", "incident_opened", "incident_resolved", "outcome_told"};
  return kKinds;
}

std::string_view Name(BuildStatus status) {
  switch (status) {
    case BuildStatus::kPassed:
      return "passed";
    case BuildStatus::kFailed:
      return "failed";
    case BuildStatus::kCancelled:
      return "cancelled";
    case BuildStatus::kUnknown:
      return "unknown";
  }
  return "unknown";
}

}  // namespace auspex::builds
