#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "lab/simulator/policy.h"

// The simulator: what happens when policies that steer canaries meet the same deployments.
//
//   const Study study = Conduct({.policies = AllPolicies(), .first = 1, .deployments = 1000}, {});
//   const Summary summary = Summarize(study, {.reference = "classic-balanced"});
//   fmt::print("{}", ToText(summary));
//
// Deployment number n is the same in every study, so a block of 1,000 can be split, repeated or
// looked at one by one. Nothing here reads a clock or any chance but the deployments' own.
//
// Read next: deployment.h (the scenario set), traffic.h (what a tick shows), policy.h (the port)
// and policies/ (ours, Flagger's …), summary.h (figures and intervals), cases.h (constant rates).
namespace auspex::lab::simulator {

struct StudyOptions {
  std::vector<Policy> policies;
  std::uint64_t first = 1;  // number of the first deployment
  std::size_t deployments = 0;
  unsigned jobs = 1;  // threads
};

// Of a deployment, what the figures need.
struct Facts {
  std::uint64_t number = 0;
  bool bad = false;
  FaultKind fault = FaultKind::kErrors;
  NuisanceKind nuisance = NuisanceKind::kNone;
  double fault_begins_s = 0.0;
  double requests_per_s = 0.0;
};

struct Study {
  std::vector<Policy> policies;
  std::vector<Facts> deployments;
  std::vector<std::vector<Outcome>> outcomes;  // by policy, then deployment
};

// `progress` is called now and then with the deployments done, from the calling thread.
[[nodiscard]] Study Conduct(const StudyOptions& options,
                            const std::function<void(std::size_t)>& progress);

}  // namespace auspex::lab::simulator
