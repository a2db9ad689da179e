#include "lab/simulator/traffic.h"

#include <algorithm>
#include <cmath>

#include "lab/simulator/sampling.h"

namespace auspex::lab::simulator {
namespace {

// Uses of a deployment's chance, beside those of deployment.cc.
constexpr std::uint64_t kTickUse = 16, kQuantileUse = 17;

std::uint64_t KeyOf(double begin_s, double seconds) {
  // Milliseconds of the begin, tick length in the upper bits.
  return static_cast<std::uint64_t>(std::llround(begin_s * 1e3)) |
         static_cast<std::uint64_t>(std::llround(seconds * 1e3)) << 32U;
}

}  // namespace

const std::vector<double>& Traffic::Beyond(const ArmState& arm, const std::vector<double>& edges,
                                           Tails* tails) const {
  const bool known = tails->arm && tails->arm->slowdown == arm.slowdown &&
                     tails->arm->tail_share == arm.tail_share &&
                     tails->arm->tail_factor == arm.tail_factor && tails->edges == edges;
  if (!known) {
    tails->arm = arm;
    tails->edges = edges;
    tails->beyond.clear();
    for (const double edge : edges)
      tails->beyond.push_back(SlowerThan(deployment_->service, arm, edge));
  }
  return tails->beyond;
}

void Traffic::AddCell(const ArmState& arm, double requests, const std::vector<double>& beyond,
                      ArmMeans* means) const {
  means->requests += requests;
  for (std::size_t i = 0; i < kRouteShares.size(); ++i)
    means->errors[i] += requests * kRouteShares[i] * arm.error_rate[i];
  means->slower.resize(beyond.size());
  for (std::size_t i = 0; i < beyond.size(); ++i) means->slower[i] += requests * beyond[i];
}

// Failed and good requests of a route are independent Poisson counts: a thinned Poisson stream.
// `part` of the tick.
void Traffic::DrawRoutes(const ArmMeans& means, double part, Random* random, ArmCounts* counts) {
  for (std::size_t i = 0; i < kRouteShares.size(); ++i) {
    ArmCounts::Route& route = counts->routes[i];
    const double good = std::max(0.0, means.requests * kRouteShares[i] - means.errors[i]);
    route.errors = random->Poisson(part * means.errors[i]);
    route.requests = route.errors + random->Poisson(part * good);
    counts->requests += route.requests;
    counts->errors += route.errors;
  }
}

// Keeps what came until error number `fuse`; the part of the tick that had passed by then. The
// times of a Poisson stream's events are uniform, whatever else is known.
double Traffic::ApplyFuse(std::int64_t fuse, Random* random, ArmCounts* counts) {
  const double part =
      DrawBeta(static_cast<double>(fuse), static_cast<double>(counts->errors - fuse + 1), random);
  std::array<std::int64_t, kRouteShares.size()> left{};
  for (std::size_t i = 0; i < left.size(); ++i) {
    ArmCounts::Route& route = counts->routes[i];
    left[i] = route.errors;
    route.requests = random->Binomial(route.requests - route.errors, part);
    route.errors = 0;
  }
  for (std::int64_t error = 0; error < fuse; ++error) {
    auto at = static_cast<std::int64_t>(
        random->Below(static_cast<std::uint64_t>(counts->errors - error)));
    std::size_t route = 0;
    while (at >= left[route]) at -= left[route++];
    --left[route];
    ++counts->routes[route].errors;
    ++counts->routes[route].requests;
  }
  counts->errors = fuse;
  counts->requests = 0;
  for (const ArmCounts::Route& route : counts->routes) counts->requests += route.requests;
  return part;
}

void Traffic::DrawLatencies(const ArmMeans& means, Random* random, ArmCounts* counts) {
  std::int64_t left = counts->requests;
  double beyond_before = means.requests;
  for (const double mean : means.slower) {
    const double beyond = std::min(mean, beyond_before);
    left = beyond_before > 0.0 ? random->Binomial(left, beyond / beyond_before) : 0;
    counts->slower.push_back(left);
    beyond_before = beyond;
  }
}

Tick Traffic::Draw(double begin_s, double seconds, const Split& split, const LatencyEdges& edges) {
  const Deployment& d = *deployment_;
  const double other = split.baseline.value_or(1.0 - split.canary);
  ArmMeans canary, baseline;
  Tick tick;
  const double end_s = begin_s + seconds;
  for (double at_s = begin_s; at_s < end_s - 1e-6;) {
    const double cell_end = kCellSeconds * (std::floor(at_s / kCellSeconds + 1e-9) + 1.0);
    const double until_s = std::min(end_s, cell_end);
    const double middle = 0.5 * (at_s + until_s);
    const double requests = RequestsPerSecond(d, middle) * (until_s - at_s);
    const ArmState b = BaselineAt(d, middle);
    const ArmState c = CanaryAt(d, middle, split.canary);
    AddCell(b, requests * other, Beyond(b, edges.baseline, &baseline_tails_), &baseline);
    if (split.canary > 0.0) {
      AddCell(c, requests * split.canary, Beyond(c, edges.canary, &canary_tails_), &canary);
      tick.harmed += requests * split.canary * HarmShare(middle, split.canary);
    }
    at_s = until_s;
  }
  canary.slower.resize(edges.canary.size());
  Random random = ChanceOf(d.number, kTickUse, KeyOf(begin_s, seconds));
  double part = 1.0;
  if (split.canary > 0.0) DrawRoutes(canary, 1.0, &random, &tick.canary);
  if (split.fuse && tick.canary.errors >= *split.fuse) {
    part = ApplyFuse(*split.fuse, &random, &tick.canary);
    tick.stopped_after_s = part * seconds;
    tick.harmed *= part;
  }
  DrawLatencies(canary, &random, &tick.canary);
  DrawRoutes(baseline, part, &random, &tick.baseline);
  DrawLatencies(baseline, &random, &tick.baseline);
  return tick;
}

double Traffic::HarmShare(double at_s, double weight) {
  const Deployment& d = *deployment_;
  if (!d.bad || at_s < d.fault.begins_s) return 0.0;
  const ArmState with = CanaryAt(d, at_s, weight);
  const ArmState without = CanaryAt(d, at_s, weight, Health::kWithoutFault);
  if (!faulty_ || *faulty_ != with || *healthy_ != without) {
    faulty_ = with;
    healthy_ = without;
    harm_share_ = Harmed(d.service, with) - Harmed(d.service, without);
  }
  return harm_share_;
}

double Traffic::Harm(double begin_s, double end_s, double canary_share) {
  double harmed = 0.0;
  for (double at_s = begin_s; at_s < end_s - 1e-6;) {
    const double until_s =
        std::min(end_s, kCellSeconds * (std::floor(at_s / kCellSeconds + 1e-9) + 1.0));
    const double middle = 0.5 * (at_s + until_s);
    harmed += RequestsPerSecond(*deployment_, middle) * (until_s - at_s) * canary_share *
              HarmShare(middle, canary_share);
    at_s = until_s;
  }
  return harmed;
}

double Traffic::DrawLatencyQuantile(const Sample& sample) const {
  const Deployment& d = *deployment_;
  const auto n = static_cast<double>(sample.requests);
  const double rank = std::clamp(std::ceil(sample.q * n), 1.0, n);
  Random random =
      ChanceOf(d.number, kQuantileUse + (sample.canary ? 2U : 0U), KeyOf(sample.at_s, sample.q));
  const double u = DrawBeta(rank, n - rank + 1.0, &random);
  const ArmState arm =
      sample.canary ? CanaryAt(d, sample.at_s, sample.weight) : BaselineAt(d, sample.at_s);
  return LatencyQuantile(d.service, arm, u);
}

}  // namespace auspex::lab::simulator
