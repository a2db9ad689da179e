#include "auspex/rollout/capacity.h"

#include <fmt/format.h>

#include <algorithm>

namespace auspex::rollout {
namespace {

constexpr double kGain = 0.3;         // of a tick, in the smoothed counts
constexpr double kFewInFlight = 3.0;  // below, in flight per share is noise
constexpr double kLittleShare = 0.02;

// floor, against the noise of floating point.
Weight Share(double share) {
  const double bp = std::clamp(share, 0.0, 1.0) * Weight::kWholeBp + 1e-6;
  return Weight::FromBp(static_cast<int>(bp)).value_or(Weight::Zero());
}

// In flight if all of the service's requests were at the canary, or at the baseline.
double WholeAtCanary(const Carried& c) {
  const double others = c.baseline_in_flight / std::max(1.0 - c.share, kLittleShare);
  const double own =
      c.share > 0 && c.canary_in_flight >= kFewInFlight ? c.canary_in_flight / c.share : 0.0;
  return std::max(own, c.share < 1.0 - kLittleShare ? others : 0.0);
}
double WholeAtBaseline(const Carried& c) {
  if (c.share < 1.0 - kLittleShare) return c.baseline_in_flight / (1.0 - c.share);
  return c.canary_in_flight / std::max(c.share, kLittleShare);
}

void BoundCanary(const Carried& carried, const Load& load, bool growth, WeightBounds* bounds) {
  const auto lower = [&](double share, std::string why) {
    const Weight weight = Share(share);
    if (weight >= bounds->most) return;
    bounds->most = weight;
    bounds->why_most = std::move(why);
  };
  if (growth && carried.canary_per_s > 0 && load.per_s > 0) {
    lower(kLoadGrowth * carried.canary_per_s / load.per_s,
          fmt::format("the canary has carried {:.3g} requests/s so far, and gets at most {:g} "
                      "times as many",
                      carried.canary_per_s, kLoadGrowth));
  }
  if (const double queue = carried.canary_queue.per_s; queue > 0 && load.per_s > 0) {
    lower(kBackOff * queue / load.per_s,
          fmt::format("requests queued for the canary at {:.3g} requests/s", queue));
  }
  const double limit = load.canary.most_in_flight;
  if (const double whole = WholeAtCanary(carried); limit > 0 && whole > 0) {
    // A baseline that lives close to its limit is no reason to keep the canary from it.
    const double proven = std::min(limit, kLoadSlack * carried.most_in_flight);
    lower(std::max(kMostFilled * limit, proven) / whole,
          fmt::format("the canary takes {:.0f} requests at a time (maxconn), and the service has "
                      "{:.3g} in flight",
                      limit, whole));
  }
  if (load.canary.full()) {
    lower(kBackOff * load.given.share(),
          fmt::format("the canary is full: {:.0f} requests in flight, {:.0f} queued",
                      load.canary.in_flight, load.canary.queued));
  }
}

void BoundBaseline(const Carried& carried, const Load& load, bool proven_bad,
                   WeightBounds* bounds) {
  const ArmLoad& baseline = load.baseline;
  const double now = 1.0 - load.given.share();
  if (!baseline.up) {
    bounds->least = load.given;
    bounds->why_least = "the baseline is down, and nobody else could serve";
    return;
  }
  if (now * kLoadSlack >= 1.0) return;  // all of it is hardly more than it has
  // The largest share of the baseline's, which only falls below here.
  double most = 1.0;
  std::string why;
  const auto lower = [&](double share, std::string text) {
    if (share >= most) return;
    most = share;
    why = std::move(text);
  };
  const double queue = carried.baseline_queue.per_s;
  if (load.per_s > 0 && carried.baseline_per_s > 0) {
    double known = kLoadSlack * carried.baseline_per_s;
    if (queue > 0) known = std::min(known, queue);
    lower(std::max(kLoadGrowth * now, known / load.per_s),
          fmt::format("the baseline has carried {:.3g} of the service's {:.3g} requests/s",
                      carried.baseline_per_s, load.per_s));
  }
  if (queue > 0 && load.per_s > 0 && !proven_bad) {
    lower(std::max(now, queue / load.per_s),
          fmt::format("requests queued for the baseline at {:.3g} of the service's {:.3g} "
                      "requests/s",
                      queue, load.per_s));
  }
  const double whole = WholeAtBaseline(carried);
  if (baseline.most_in_flight > 0 && whole > 0) {
    const double proven = std::min(baseline.most_in_flight, kLoadSlack * carried.most_in_flight);
    const double filled = (proven_bad ? 1.0 : kMostFilled) * baseline.most_in_flight;
    lower(std::max(now, std::max(filled, proven) / whole),
          fmt::format("the baseline takes {:.0f} requests at a time (maxconn), and the service "
                      "has {:.3g} in flight",
                      baseline.most_in_flight, whole));
  }
  if (baseline.full()) {
    lower(now, fmt::format("the baseline is full: {:.0f} requests in flight, {:.0f} queued",
                           baseline.in_flight, baseline.queued));
  }
  if (most >= 1.0) return;
  bounds->least = std::min(Share(1.0 - most), load.given);
  bounds->why_least = std::move(why);
}

// A queue is remembered where it formed lowest; a calm stretch moves it up.
void Remember(const ArmLoad& arm, double per_s, double seconds, Carried::Queue* queue) {
  if (arm.queues()) {
    if (per_s > 0) queue->per_s = queue->per_s > 0 ? std::min(queue->per_s, per_s) : per_s;
    queue->calm_s = 0;
    return;
  }
  if (queue->per_s == 0) return;
  queue->calm_s += seconds;
  if (queue->calm_s < kCalmSeconds - 1e-6) return;
  queue->per_s *= kLoadSlack;
  queue->calm_s = 0;
}

}  // namespace

Carried Carry(Carried carried, const Load& load) {
  const double w = load.given.share();
  // What an arm was given it has carried, if it served some of it and nobody waits.
  const auto raise = [&](const ArmLoad& arm, double share, double* most) {
    if (!arm.up || arm.requests <= 0 || arm.full()) return;
    *most = std::max(*most, share * load.per_s);
    carried.most_in_flight = std::max(carried.most_in_flight, arm.in_flight);
  };
  raise(load.canary, w, &carried.canary_per_s);
  raise(load.baseline, 1.0 - w, &carried.baseline_per_s);
  Remember(load.canary, w * load.per_s, load.seconds, &carried.canary_queue);
  Remember(load.baseline, (1.0 - w) * load.per_s, load.seconds, &carried.baseline_queue);
  const double gain = carried.any ? kGain : 1.0;
  const auto smooth = [gain](double value, double* mean) { *mean += gain * (value - *mean); };
  smooth(load.canary.in_flight + load.canary.queued, &carried.canary_in_flight);
  smooth(load.baseline.in_flight + load.baseline.queued, &carried.baseline_in_flight);
  smooth(w, &carried.share);
  carried.any = true;
  return carried;
}

WeightBounds BoundsFor(const Carried& carried, const Load& load, const BoundOptions& options) {
  WeightBounds bounds;
  BoundCanary(carried, load, options.growth, &bounds);
  BoundBaseline(carried, load, options.proven_bad, &bounds);
  return bounds;
}

}  // namespace auspex::rollout
