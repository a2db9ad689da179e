#include "auspex/evidence/canary_evidence.h"

#include <algorithm>
#include <cmath>

namespace auspex::evidence {
namespace {

// Prior weights q before they are normalised (sections 5 and 12.1).
constexpr double kErrorsWeight = .35, kT50Weight = .15, kT90Weight = .15, kT99Weight = .20,
                 kT999Weight = .10, kRouteWeight = .03, kHighLoadWeight = .03, kSlopeWeight = .05,
                 kLevelWeight = .03, kBehaviourWeight = .05;
// Seconds at time scale 1 (sections 3 and 6).
constexpr double kRateHalfLife = 600.0, kShiftHalfLife = 40.0, kShiftHold = 600.0;
// Pseudo-counts of history and drift to larger faults, per 10 s (sections 3 and 6).
constexpr double kHistoryPer10s = .5, kDriftPer10s = .01;
// Bound on calling an honest router's share wrong: what follows costs time, not safety.
constexpr double kShareAlpha = 1e-3;
constexpr double kShareOnsetSeconds = 300.0;
// A gauge's phi comes from so many A/A points (section 4).
constexpr double kGaugePoints = 360.0, kMostPhi = .97;

constexpr const char* kLevel = "level.";
constexpr const char* kSlope = "slope.";
// Latency metrics in order of their edges.
constexpr std::size_t kFirstEdge = 1;

double WithMargin(double phi) {
  return std::max(phi, std::min(kMostPhi, phi + std::sqrt((1.0 - phi * phi) / kGaugePoints)));
}

// The noise of every nth value of an AR(1) series, n >= 1: the same spread, less memory.
GaugeNoise EachNth(const GaugeNoise& noise, double n) {
  if (n <= 1.0) return noise;
  const double phi = noise.phi > 0.0 ? std::pow(noise.phi, n) : 0.0;
  return {.phi = phi,
          .sigma = noise.sigma * std::sqrt((1.0 - phi * phi) / (1.0 - noise.phi * noise.phi))};
}

}  // namespace

CanaryEvidence::CanaryEvidence(const Options& options) : options_(options) {
  shift_keep_ = std::exp2(-options_.tick_s / kShiftHalfLife);
  const History& history = options_.history;
  routes_ = history.routes.size();
  static constexpr Kind kAll[] = {Kind::kErrors, Kind::kT50, Kind::kT90, Kind::kT99, Kind::kT999};
  const std::size_t counted = kFirstEdge + options_.rules.edges;
  for (std::size_t i = 0; i < counted; ++i) throttle_.push_back(MakeMetric(kAll[i], 0, false));
  for (std::size_t i = 0; i < routes_; ++i) throttle_.push_back(MakeMetric(Kind::kRoute, i, false));
  for (std::size_t i = 0; i < history.behaviour.size(); ++i)
    throttle_.push_back(MakeMetric(Kind::kBehaviour, i, false));
  proof_ = throttle_;
  for (std::size_t i = 0; i < counted; ++i) proof_.push_back(MakeMetric(kAll[i], 0, true));
  for (const History::Gauge& gauge : history.gauges) {
    const auto add = [&](const std::string& name, double q) {
      gauges_.push_back(
          {.name = name, .level = {}, .slope = {}, .q = q, .log_q = 0.0, .latest = {}});
    };
    if (gauge.level) add(kLevel + gauge.name, kLevelWeight);
    if (gauge.name == kLeakGauge) add(kSlope + gauge.name, kSlopeWeight);
    if (!gauge.learn) BeginGauge(gauge.name, gauge.noise);
  }

  // Once over F and the gauges; G uses the same weights and leaves the high-load copies out.
  double total = 0.0;
  for (const Metric& metric : proof_) total += metric.q;
  for (const Gauge& gauge : gauges_) total += gauge.q;
  const auto normalise = [total](auto* all) {
    for (auto& one : *all) {
      one.q /= total;
      one.log_q = std::log(one.q);
    }
  };
  normalise(&proof_);
  normalise(&throttle_);
  normalise(&gauges_);
  proof_.shrink_to_fit();
  throttle_.shrink_to_fit();
  gauges_.shrink_to_fit();

  const Mixture mixture = Mix(proof_);
  log_e_ = mixture.log_e;
  p_fail_ = mixture.p_fail;
  p_fail_at_any_load_ = FailsAtAnyLoad(mixture);
}

void CanaryEvidence::BeginGauge(std::string_view name, const GaugeNoise& noise) {
  const double step = std::max(options_.tick_s, options_.rules.gauge_step_s);
  GaugeNoise per_step = EachNth(noise, step / options_.tick_s);
  if (options_.rules.gauge_margin) per_step.phi = WithMargin(per_step.phi);
  for (Gauge& gauge : gauges_) {
    if (gauge.name == kLevel + std::string(name)) gauge.level = LevelEvidence(per_step);
    if (gauge.name == kSlope + std::string(name)) {
      gauge.slope =
          SlopeEvidence(per_step.phi, 1.1 * per_step.sigma, SlopeEvidence::ShapeFor(step));
    }
  }
}

void CanaryEvidence::SetErrorSpread(double s2) {
  const double used = std::max(s2, options_.history.error_s2);
  for (std::vector<Metric>* copy : {&proof_, &throttle_}) {
    for (Metric& metric : *copy) {
      if (metric.kind == Kind::kErrors || metric.kind == Kind::kRoute)
        metric.rate.SetOverdispersion(used);
    }
  }
}

CanaryEvidence::Metric CanaryEvidence::MakeMetric(Kind kind, std::size_t index,
                                                  bool high_load) const {
  const History& history = options_.history;
  double p_hist = history.error_rate;
  double s2 = history.error_s2;
  double share = 1.0;
  double q = kErrorsWeight;
  double tolerated = kToleratedRatio;
  const auto latency = [&](std::size_t edge, double weight) {
    p_hist = history.latency_rate[edge], s2 = history.latency_s2[edge], q = weight;
    tolerated = history.latency_tolerated[edge];
  };
  switch (kind) {
    case Kind::kErrors:
      break;
    case Kind::kT50:
      latency(0, kT50Weight);
      break;
    case Kind::kT90:
      latency(1, kT90Weight);
      break;
    case Kind::kT99:
      latency(2, kT99Weight);
      break;
    case Kind::kT999:
      latency(3, kT999Weight);
      break;
    case Kind::kRoute:
      p_hist = history.routes[index].error_rate, share = history.routes[index].share,
      q = kRouteWeight;
      break;
    case Kind::kBehaviour: {
      const History::Behaviour& behaviour = history.behaviour[index];
      p_hist = behaviour.rate, s2 = behaviour.s2, share = behaviour.share, q = kBehaviourWeight;
      tolerated = behaviour.tolerated;
      break;
    }
  }
  return {.kind = kind,
          .high_load = high_load,
          .index = index,
          .share = share,
          .q = high_load ? kHighLoadWeight : q,
          .log_q = 0.0,
          .tolerated = tolerated,
          .shift_events = 0.0,
          .shift_requests = 0.0,
          .rate = RateEvidence({.p_hist = p_hist,
                                .overdispersion = s2,
                                .half_life_ticks = kRateHalfLife / options_.tick_s})};
}

void CanaryEvidence::Step(const TickCounts& counts, const TickContext& context) {
  if (warm_ && !context.warm_up) {
    warm_ = false;
    for (Metric& metric : throttle_) RestartIfAgainst(&metric);
  }
  UpdateGate(&error_gate_, false);
  UpdateGate(&tail_gate_, true);

  // Where neither arm had a request nothing moves.
  if (counts.errors.canary_requests + counts.errors.baseline_requests > 0.0) {
    StepProof(counts, context);
    StepThrottle(counts, context);
    CheckShare(counts.errors, context);
  }
  if (!context.warm_up) StepGauges(counts, context.t);
  const Mixture mixture = Mix(proof_);
  log_e_ = mixture.log_e;
  p_fail_ = mixture.p_fail;
  p_fail_at_any_load_ = FailsAtAnyLoad(mixture);
}

// F: no history. Everything that the tick is judged by was fixed before it.
void CanaryEvidence::StepProof(const TickCounts& counts, const TickContext& context) {
  const Rules& rules = options_.rules;
  const bool planned =
      context.planned_share > 0.0 && context.planned_share < 1.0 && !share_disproved_;
  const double warm_ratio =
      rules.warm_up_ratio * (1.0 + rules.warm_up_grade * context.warm_up_left);
  for (Metric& metric : proof_) {
    const bool latency = metric.kind >= Kind::kT50 && metric.kind <= Kind::kT999;
    if (context.warm_up && latency) continue;
    if (metric.high_load && !context.high_load) continue;
    const Counts seen = CountsOf(metric, counts);
    RateEvidence::Tick tick{.hazard = context.hazard,
                            .drift = kDriftPer10s * (options_.tick_s / 10.0)};
    tick.tolerated = metric.tolerated;
    if (context.warm_up) tick.tolerated = std::max(warm_ratio, metric.tolerated);
    // What users do is counted elsewhere than at the router that draws.
    if (planned && seen.whole && metric.kind != Kind::kBehaviour) {
      tick.planned_share = context.planned_share;
      tick.planned_requests = context.planned_requests * metric.share;
    }
    StepMetric(&metric, seen, tick);
  }
}

// G: the same data and history.
void CanaryEvidence::StepThrottle(const TickCounts& counts, const TickContext& context) {
  const double ticks_per_10s = options_.tick_s / 10.0;
  const double history_events = kHistoryPer10s * ticks_per_10s;
  for (Metric& metric : throttle_) {
    RateEvidence::Tick tick{.hazard = context.hazard, .drift = kDriftPer10s * ticks_per_10s};
    const bool history = Gated(metric.kind, true) ? !tail_gate_.held
                                                  : Gated(metric.kind, false) && !error_gate_.held;
    if (history) tick.history_events = history_events;
    tick.tolerated = metric.tolerated;
    StepMetric(&metric, CountsOf(metric, counts), tick);
  }
}

void CanaryEvidence::StepMetric(Metric* metric, const Counts& counts,
                                const RateEvidence::Tick& tick) const {
  metric->rate.Step(counts, tick);
  metric->shift_events = shift_keep_ * metric->shift_events + counts.baseline_events;
  metric->shift_requests = shift_keep_ * metric->shift_requests + counts.baseline_requests;
}

void CanaryEvidence::StepGauges(const TickCounts& counts, double t) {
  const double step = options_.rules.gauge_step_s;
  const bool each_tick = step <= options_.tick_s;
  const bool due = each_tick || t >= gauges_due_ - 1e-6;
  if (due && !each_tick) gauges_due_ = (std::floor(t / step + 1e-6) + 1.0) * step;
  for (Gauge& gauge : gauges_) {
    const auto found = counts.gauges.find(gauge.name.substr(gauge.name.find('.') + 1));
    if (found != counts.gauges.end()) gauge.latest = found->second;
    if (!due) continue;
    if (gauge.level) gauge.level->Step(gauge.latest);
    if (gauge.slope) gauge.slope->Step(gauge.latest);
    gauge.latest.reset();
  }
}

// Evidence at planned shares is worth nothing once they are disproved: what it says against the
// canary is struck out, and the counts tell from now on.
void CanaryEvidence::CheckShare(const Counts& requests, const TickContext& context) {
  if (share_disproved_ || context.planned_share <= 0.0 || context.planned_share >= 1.0) return;
  share_.Step(requests.canary_requests, requests.baseline_requests, context.planned_share,
              std::min(.5, options_.tick_s / (kShareOnsetSeconds + context.t)));
  if (share_.log_e() < -std::log(kShareAlpha)) return;
  share_disproved_ = true;
  for (Metric& metric : proof_) RestartIfAgainst(&metric);
}

// Errors and routes are one gate, the tail another; medians have no history to guard.
bool CanaryEvidence::Gated(Kind kind, bool latency) {
  return latency ? kind == Kind::kT99 || kind == Kind::kT999
                 : kind == Kind::kErrors || kind == Kind::kRoute;
}

// Has the baseline left its own recent rate? Then history says nothing of today (sections 6 and
// 12.1).
bool CanaryEvidence::Shifted(const Metric& metric) const {
  const double expected = metric.rate.BaselineRate() * metric.shift_requests;
  const double seen = metric.shift_events;
  if (expected <= 0.0) return false;
  if (options_.rules.shift == Rules::Shift::kDeviation)
    return std::abs(seen - expected) > 4.0 * std::sqrt(expected + 1.0) + .7 * expected;
  constexpr double kDivergence = 8.0, kLeastRatio = 1.7;
  const double divergence = (seen > 0.0 ? seen * std::log(seen / expected) : 0.0) - seen + expected;
  return divergence > kDivergence &&
         (seen > kLeastRatio * expected || seen < expected / kLeastRatio);
}

void CanaryEvidence::RestartIfAgainst(Metric* metric) {
  if (metric->rate.log_e() > 0.0) metric->rate.Restart();
}

void CanaryEvidence::UpdateGate(ShiftGate* gate, bool latency) {
  bool shifted = false;
  for (std::size_t i = 0; i < throttle_.size(); ++i) {
    if (!Gated(throttle_[i].kind, latency) || !Shifted(throttle_[i])) continue;
    shifted = true;
    if (options_.rules.relearns) Relearn(i);
  }
  gate->hold_ticks = std::max<std::int64_t>(0, gate->hold_ticks - 1);
  if (shifted && !gate->held) {
    gate->hold_ticks = std::lrint(kShiftHold / options_.tick_s);
    for (Metric& metric : throttle_) {
      if (Gated(metric.kind, latency)) RestartIfAgainst(&metric);
    }
  }
  gate->held = shifted || gate->hold_ticks > 0;
}

// The baseline's rate of one metric is that of the last 40 s, in F, G and the high-load copy. The
// gate looks before the tick's counts are added, so that the rate stays fixed before the tick.
void CanaryEvidence::Relearn(std::size_t metric) {
  const Metric& source = throttle_[metric];
  const double events = source.shift_events;
  const double requests = source.shift_requests;
  throttle_[metric].rate.Relearn(events, requests);
  proof_[metric].rate.Relearn(events, requests);
  // The copies stand behind the routes, in the order of the metrics that have one.
  const std::size_t copy = throttle_.size() + metric;
  if (source.kind < Kind::kRoute) proof_[copy].rate.Relearn(events, requests);
}

Counts CanaryEvidence::CountsOf(const Metric& metric, const TickCounts& counts) {
  switch (metric.kind) {
    case Kind::kErrors:
      return counts.errors;
    case Kind::kT50:
    case Kind::kT90:
    case Kind::kT99:
    case Kind::kT999:
      return counts.slower[static_cast<std::size_t>(metric.kind) - kFirstEdge];
    case Kind::kRoute:
      return metric.index < counts.routes.size() ? counts.routes[metric.index] : Counts{};
    case Kind::kBehaviour:
      return metric.index < counts.behaviour.size() ? counts.behaviour[metric.index] : Counts{};
  }
  return {};
}

CanaryEvidence::Mixture CanaryEvidence::Mix(const std::vector<Metric>& metrics) const {
  Mixture mixture;
  std::vector<double> log_terms;
  log_terms.reserve(metrics.size() + gauges_.size());
  for (const Metric& metric : metrics) log_terms.push_back(metric.log_q + metric.rate.log_e());
  for (const Gauge& gauge : gauges_) log_terms.push_back(gauge.log_q + gauge.log_e());
  const double most = std::max(0.0, *std::max_element(log_terms.begin(), log_terms.end()));
  double total = 0.0;
  for (double& term : log_terms) total += term = std::exp(term - most);
  const double scale = options_.prior_odds / (std::exp(-most) + options_.prior_odds * total);
  for (double& term : log_terms) term *= scale;
  mixture.good = scale * std::exp(-most) / options_.prior_odds;
  mixture.post = std::move(log_terms);
  mixture.log_e = most + std::log(total);
  for (std::size_t i = 0; i < mixture.post.size(); ++i) {
    const bool rate = i < metrics.size();
    const double says = rate || gauges_[i - metrics.size()].begun() ? 1.0 : 0.0;
    mixture.p_fail += mixture.post[i] * (rate ? metrics[i].rate.Active() : says);
  }
  mixture.p_fail = std::min(mixture.p_fail, 1.0);  // rounding: shares that sum to 1 + 2e-16
  return mixture;
}

double CanaryEvidence::FailsAtAnyLoad(const Mixture& proof) const {
  double fails = 0.0;
  double all = proof.good;
  for (std::size_t i = 0; i < proof.post.size(); ++i) {
    const bool rate = i < proof_.size();
    if (rate && proof_[i].high_load) continue;
    const double says = rate || gauges_[i - proof_.size()].begun() ? 1.0 : 0.0;
    fails += proof.post[i] * (rate ? proof_[i].rate.Active() : says);
    all += proof.post[i];
  }
  return all > 0.0 ? std::min(fails / all, 1.0) : proof.p_fail;
}

}  // namespace auspex::evidence
