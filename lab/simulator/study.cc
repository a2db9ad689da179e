#include "lab/simulator/study.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace auspex::lab::simulator {
namespace {

void PlayAll(const StudyOptions& options, std::size_t i, Study* study) {
  const Deployment d = DrawDeployment(options.first + i);
  study->deployments[i] = {.number = d.number,
                           .bad = d.bad,
                           .fault = d.fault.kind,
                           .nuisance = d.nuisance.kind,
                           .fault_begins_s = d.fault.begins_s,
                           .requests_per_s = d.service.requests_per_s};
  for (std::size_t p = 0; p < options.policies.size(); ++p)
    study->outcomes[p][i] = Play(d, options.policies[p]);
}

}  // namespace

Study Conduct(const StudyOptions& options, const std::function<void(std::size_t)>& progress) {
  Study study;
  study.policies = options.policies;
  study.deployments.resize(options.deployments);
  study.outcomes.assign(options.policies.size(), std::vector<Outcome>(options.deployments));
  std::atomic<std::size_t> next = 0, done = 0;
  const auto work = [&] {
    // Each deployment has places of its own in the study: no two threads write to the same.
    for (std::size_t i = next++; i < options.deployments; i = next++) {
      PlayAll(options, i, &study);
      ++done;
    }
  };
  if (options.jobs <= 1 && !progress) {
    work();
    return study;
  }
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(1U, options.jobs); ++i) threads.emplace_back(work);
  while (done < options.deployments) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (progress) progress(done);
  }
  return study;
}

}  // namespace auspex::lab::simulator
