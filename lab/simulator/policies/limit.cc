#include "lab/simulator/policies/limit.h"

#include <algorithm>
#include <cmath>

namespace auspex::lab::simulator {
namespace {

constexpr double kLogBar = 4.605170185988091;  // ln(1/alpha), alpha .01
// From here on it takes 1e5 times more to convict than chance gives: it is settled.
constexpr double kSettled = -12.0;
constexpr double kFirstShare = .02, kMostShare = .95;
constexpr double kReactionTicks = 2.0;
constexpr double kBudgetPer10s = .1, kTolerance = .03e-3;  // section 7, balanced

// Of k events among n requests, rate p1 against p0.
double BinomialLogRatio(double k, double n, double p1, double p0) {
  if (p1 == p0) return 0.0;
  double total = 0.0;
  if (k > 0.0) total += k * std::log(p1 / p0);
  if (n > k) total += (n - k) * (std::log1p(-std::min(p1, 1.0 - 1e-12)) - std::log1p(-p0));
  return total;
}

}  // namespace

LimitRun::LimitRun(const Deployment& deployment, double tick_s) : deployment_(&deployment) {
  look_.seconds = tick_s;
  for (const double q : {.5, .9, .99, .999})
    look_.edges.canary.push_back(deployment.service.LatencyQuantile(q));
  look_.split.canary = std::min(kFirstShare, Weight(0.0));
}

double LimitRun::Weight(double begin_s) const {
  const Deployment& d = *deployment_;
  const double seconds = look_.seconds;
  const double middle = begin_s + seconds / 2.0;
  const double excess = Harmed(d.service, CanaryAt(d, middle, kMostShare, Health::kWithFault)) -
                        Harmed(d.service, CanaryAt(d, middle, kMostShare, Health::kWithoutFault));
  const double odds = d.risk / (1.0 - d.risk) * std::exp(std::min(log_ratio_, 700.0));
  const double harm = odds / (1.0 + odds) * excess;
  const double requests = RequestsPerSecond(d, middle) * seconds;
  const double budget = kBudgetPer10s * seconds / 10.0 + kTolerance * requests;
  const double least = std::max(.001, std::min(.05, 20.0 * seconds / 10.0 / requests));
  double share = std::max(least, budget / (requests * kReactionTicks * std::max(harm, 1e-12)));
  // Below that share a load fault cannot be seen at all.
  if (d.fault.kind == FaultKind::kLoad) share = std::max(share, kHighLoadShare);
  return std::min(share, kMostShare);
}

double LimitRun::LogRatio(double begin_s, const ArmCounts& canary) const {
  const Deployment& d = *deployment_;
  const double middle = begin_s + look_.seconds / 2.0;
  if (middle < d.fault.begins_s) return 0.0;
  const double weight = look_.split.canary;
  const ArmState with = CanaryAt(d, middle, weight, Health::kWithFault);
  const ArmState without = CanaryAt(d, middle, weight, Health::kWithoutFault);
  double total = 0.0;
  for (std::size_t i = 0; i < kRouteShares.size(); ++i) {
    total += BinomialLogRatio(static_cast<double>(canary.routes[i].errors),
                              static_cast<double>(canary.routes[i].requests), with.error_rate[i],
                              without.error_rate[i]);
  }
  if (with.slowdown == without.slowdown && with.tail_share == without.tail_share) return total;
  // Latency in five classes between the edges.
  double count_above = static_cast<double>(canary.requests);
  double above_with = 1.0, above_without = 1.0;
  for (std::size_t i = 0; i <= look_.edges.canary.size(); ++i) {
    const bool last = i == look_.edges.canary.size();
    const double edge = last ? 0.0 : look_.edges.canary[i];
    const double count = last ? 0.0 : static_cast<double>(canary.slower[i]);
    const double next_with = last ? 0.0 : SlowerThan(d.service, with, edge);
    const double next_without = last ? 0.0 : SlowerThan(d.service, without, edge);
    if (count_above > count) {
      total += (count_above - count) *
               std::log((above_with - next_with) / (above_without - next_without));
    }
    count_above = count;
    above_with = next_with;
    above_without = next_without;
  }
  return total;
}

void LimitRun::See(double begin_s, const Tick& tick) {
  log_ratio_ += LogRatio(begin_s, tick.canary);
  if (log_ratio_ >= kLogBar) {
    look_.ended = true;
    look_.end = Outcome::End::kRolledBack;
    look_.by_evidence = true;
    look_.by = "evidence";
    return;
  }
  if (log_ratio_ <= kSettled) {
    look_.ended = true;
    look_.end = Outcome::End::kPromoted;
    look_.by = "evidence";
    return;
  }
  look_.split.canary = Weight(begin_s + look_.seconds);
}

}  // namespace auspex::lab::simulator
