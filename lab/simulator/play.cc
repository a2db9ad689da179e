#include <algorithm>

#include "lab/simulator/policy.h"

namespace auspex::lab::simulator {
namespace {

// No pace gives more before it promotes.
constexpr double kFullShare = 0.95;

// Does the fault touch any request of a canary with this share?
bool Touches(const Deployment& d, double at_s, double share) {
  return d.bad && share > 0.0 && at_s >= d.fault.begins_s &&
         (d.fault.kind != FaultKind::kLoad || share >= kHighLoadShare - 1e-9);
}

}  // namespace

Outcome Play(const Deployment& deployment, const Policy& policy) {
  Traffic traffic(deployment);
  const std::unique_ptr<Run> run = policy.begin(deployment, &traffic, policy.variant);
  Outcome outcome;
  double t = 0.0;
  const auto note = [&](double seconds, double share) {
    if (!outcome.full_s && share >= kFullShare - 1e-9) outcome.full_s = t;
    if (!outcome.begun_s && Touches(deployment, t + seconds / 2.0, share)) outcome.begun_s = t;
  };
  while (t < kHorizonSeconds - 1e-6 && !run->Next().ended) {
    const Run::Look look = run->Next();
    const double seconds = std::min(look.seconds, kHorizonSeconds - t);
    note(seconds, look.split.canary);
    const Tick tick = traffic.Draw(t, seconds, look.split, look.edges);
    outcome.harmed += tick.harmed;
    run->See(t, tick);
    t += seconds;
  }
  const Run::Look& last = run->Next();
  if (!last.ended) return outcome;
  outcome.end = last.end;
  outcome.end_s = t;
  outcome.by_evidence = last.by_evidence;
  outcome.by = last.by;
  if (last.end == Outcome::End::kPromoted) {
    note(0.0, 1.0);
    outcome.harmed += traffic.Harm(t, kHorizonSeconds, 1.0);
    if (!outcome.begun_s && deployment.bad)
      outcome.begun_s = std::max(t, deployment.fault.begins_s);
  }
  return outcome;
}

}  // namespace auspex::lab::simulator
