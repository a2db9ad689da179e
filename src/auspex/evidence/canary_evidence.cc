#include "auspex/evidence/canary_evidence.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "auspex/evidence/normal.h"
#include "auspex/evidence/traffic_needed.h"

namespace auspex::evidence {
namespace {

// Tolerated ratio of errors while a fresh instance warms up (section 6).
constexpr double kWarmUpRatio = 5.0;
// Prior weights q before they are normalised (section 5).
constexpr double kErrorsWeight = .35, kT50Weight = .15, kT90Weight = .15, kT99Weight = .20,
                 kRouteWeight = .03, kHighLoadWeight = .03, kSlopeWeight = .05, kLevelWeight = .03,
                 kBehaviourWeight = .05;
// Seconds at time scale 1 (sections 3 and 6).
constexpr double kRateHalfLife = 600.0, kShiftHalfLife = 40.0, kShiftHold = 600.0;
// Pseudo-counts of history and drift to larger faults, per 10 s (sections 3 and 6).
constexpr double kHistoryPer10s = .5, kDriftPer10s = .01;
// What a gauge that speaks against the canary costs per request, and one that does not (section 7).
constexpr double kGaugeHarm = .1, kQuietGaugeHarm = .005;
// A latency fault harms the requests that pass the baseline's p99, the upper 1 % point of the
// normal (section 7).
constexpr double kUpperPercentPoint = 2.3263, kUpperPercent = .01;

constexpr const char* kLevel = "level.";
constexpr const char* kSlope = "slope.";

double QuantileWithin(double p) { return NormalQuantile(std::clamp(p, 1e-15, 1.0 - 1e-15)); }

}  // namespace

CanaryEvidence::CanaryEvidence(const Options& options) : options_(options) {
  const History& history = options_.history;
  routes_ = history.routes.size();
  for (const Kind kind : {Kind::kErrors, Kind::kT50, Kind::kT90, Kind::kT99}) {
    throttle_.push_back(MakeMetric(kind, 0, false));
  }
  for (std::size_t i = 0; i < routes_; ++i) throttle_.push_back(MakeMetric(Kind::kRoute, i, false));
  for (std::size_t i = 0; i < history.behaviour.size(); ++i)
    throttle_.push_back(MakeMetric(Kind::kBehaviour, i, false));
  proof_ = throttle_;
  for (const Kind kind : {Kind::kErrors, Kind::kT50, Kind::kT90, Kind::kT99}) {
    proof_.push_back(MakeMetric(kind, 0, true));
  }
  for (const History::Gauge& gauge : history.gauges) {
    if (gauge.level)
      gauges_.push_back({.name = kLevel + gauge.name, .level = {}, .slope = {}, .q = kLevelWeight});
    if (gauge.name == kLeakGauge)
      gauges_.push_back({.name = kSlope + gauge.name, .level = {}, .slope = {}, .q = kSlopeWeight});
    if (!gauge.learn) BeginGauge(gauge.name, gauge.noise);
  }

  // Once over F and the gauges; G uses the same weights and leaves the high-load copies out.
  double total = 0.0;
  for (const Metric& metric : proof_) total += metric.q;
  for (const Gauge& gauge : gauges_) total += gauge.q;
  for (Metric& metric : proof_) metric.q /= total;
  for (Metric& metric : throttle_) metric.q /= total;
  for (Gauge& gauge : gauges_) gauge.q /= total;

  const Mixture mixture = Mix(proof_);
  log_e_ = mixture.log_e;
  p_fail_ = mixture.p_fail;
}

void CanaryEvidence::BeginGauge(std::string_view name, const GaugeNoise& noise) {
  for (Gauge& gauge : gauges_) {
    if (gauge.name == kLevel + std::string(name)) gauge.level = LevelEvidence(noise);
    if (gauge.name == kSlope + std::string(name)) {
      gauge.slope =
          SlopeEvidence(noise.phi, 1.1 * noise.sigma, SlopeEvidence::ShapeFor(options_.tick_s));
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
          .tolerated = tolerated,
          .rate = RateEvidence({.p_hist = p_hist,
                                .overdispersion = s2,
                                .half_life_ticks = kRateHalfLife / options_.tick_s}),
          .shift_events = 0.0,
          .shift_requests = 0.0};
}

void CanaryEvidence::Step(const TickCounts& counts, const TickContext& context) {
  if (warm_ && !context.warm_up) {
    warm_ = false;
    for (Metric& metric : throttle_) RestartIfAgainst(&metric);
  }
  UpdateGate(&error_gate_, false);
  UpdateGate(&tail_gate_, true);

  const double ticks_per_10s = options_.tick_s / 10.0;
  const RateEvidence::Tick base{.hazard = context.hazard, .drift = kDriftPer10s * ticks_per_10s};
  // Where neither arm had a request nothing moves.
  if (counts.errors.canary_requests + counts.errors.baseline_requests > 0.0) {
    for (Metric& metric : proof_) {
      const bool latency =
          metric.kind == Kind::kT50 || metric.kind == Kind::kT90 || metric.kind == Kind::kT99;
      if ((context.warm_up && latency) || (metric.high_load && !context.high_load)) continue;
      RateEvidence::Tick tick = base;
      tick.tolerated = metric.tolerated;
      if (context.warm_up) tick.tolerated = std::max(kWarmUpRatio, metric.tolerated);
      StepMetric(&metric, CountsOf(metric, counts), tick);
    }
    for (Metric& metric : throttle_) {
      RateEvidence::Tick tick = base;
      const bool history = metric.kind == Kind::kT99
                               ? !tail_gate_.held
                               : Gated(metric.kind, false) && !error_gate_.held;
      if (history) tick.history_events = kHistoryPer10s * ticks_per_10s;
      tick.tolerated = metric.tolerated;
      StepMetric(&metric, CountsOf(metric, counts), tick);
    }
  }
  if (!context.warm_up) {
    for (Gauge& gauge : gauges_) {
      const auto found = counts.gauges.find(gauge.name.substr(gauge.name.find('.') + 1));
      const std::optional<double> y =
          found == counts.gauges.end() ? std::nullopt : std::optional(found->second);
      if (gauge.level) gauge.level->Step(y);
      if (gauge.slope) gauge.slope->Step(y);
    }
  }
  const Mixture mixture = Mix(proof_);
  log_e_ = mixture.log_e;
  p_fail_ = mixture.p_fail;
}

void CanaryEvidence::StepMetric(Metric* metric, const Counts& counts,
                                const RateEvidence::Tick& tick) const {
  metric->rate.Step(counts, tick);
  const double keep = std::exp2(-options_.tick_s / kShiftHalfLife);
  metric->shift_events = keep * metric->shift_events + counts.baseline_events;
  metric->shift_requests = keep * metric->shift_requests + counts.baseline_requests;
}

// Errors and routes are one gate, the tail another; medians have no history to guard.
bool CanaryEvidence::Gated(Kind kind, bool latency) {
  return latency ? kind == Kind::kT99 : kind == Kind::kErrors || kind == Kind::kRoute;
}

// Has the baseline left its own recent rate? Then history says nothing of today (section 6).
bool CanaryEvidence::Shifted(const Metric& metric) {
  const double expected = metric.rate.BaselineRate() * metric.shift_requests;
  return expected > 0.0 &&
         std::abs(metric.shift_events - expected) > 4.0 * std::sqrt(expected + 1.0) + .7 * expected;
}

void CanaryEvidence::RestartIfAgainst(Metric* metric) {
  if (metric->rate.log_e() > 0.0) metric->rate.Restart();
}

void CanaryEvidence::UpdateGate(ShiftGate* gate, bool latency) {
  const bool shifted = std::any_of(throttle_.begin(), throttle_.end(), [&](const Metric& metric) {
    return Gated(metric.kind, latency) && Shifted(metric);
  });
  gate->hold_ticks = std::max<std::int64_t>(0, gate->hold_ticks - 1);
  if (shifted && !gate->held) {
    gate->hold_ticks = std::lrint(kShiftHold / options_.tick_s);
    for (Metric& metric : throttle_) {
      if (Gated(metric.kind, latency)) RestartIfAgainst(&metric);
    }
  }
  gate->held = shifted || gate->hold_ticks > 0;
}

Counts CanaryEvidence::CountsOf(const Metric& metric, const TickCounts& counts) {
  switch (metric.kind) {
    case Kind::kErrors:
      return counts.errors;
    case Kind::kT50:
      return counts.slower[0];
    case Kind::kT90:
      return counts.slower[1];
    case Kind::kT99:
      return counts.slower[2];
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
  for (const Metric& metric : metrics)
    log_terms.push_back(std::log(metric.q) + metric.rate.log_e());
  for (const Gauge& gauge : gauges_) log_terms.push_back(std::log(gauge.q) + gauge.log_e());
  const double most = std::max(0.0, *std::max_element(log_terms.begin(), log_terms.end()));
  double total = 0.0;
  for (double& term : log_terms) total += term = std::exp(term - most);
  const double scale = options_.prior_odds / (std::exp(-most) + options_.prior_odds * total);
  for (double& term : log_terms) term *= scale;
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

double CanaryEvidence::HarmOf(const Metric& metric, double later) {
  const RateEvidence& rate = metric.rate;
  const RateGrid& grid = rate.grid();
  const double p = rate.BaselineRate();
  const bool median = metric.kind == Kind::kT50 || metric.kind == Kind::kT90;
  const double z = median ? QuantileWithin(p) : 0.0;
  double total = 0.0;
  for (std::size_t j = 0; j < grid.size; ++j) {
    const double odds = grid.odds[j] * p / (1.0 - p);
    const double pa = odds / (1.0 + odds);
    const double excess =
        median ? NormalUpperTail(kUpperPercentPoint - (QuantileWithin(pa) - z)) - kUpperPercent
               : pa - p;
    total +=
        (rate.mass(j) + rate.wait() * later * grid.prior[j]) * std::max(0.0, excess) * metric.share;
  }
  return total;
}

CanaryEvidence::Throttle CanaryEvidence::ThrottleView(double later) const {
  const Mixture mixture = Mix(throttle_);
  Throttle view{.p_fail = mixture.p_fail, .harm = 0.0};
  for (std::size_t i = 0; i < throttle_.size(); ++i)
    view.harm += mixture.post[i] * HarmOf(throttle_[i], later);
  for (std::size_t i = 0; i < gauges_.size(); ++i) {
    if (!gauges_[i].begun()) continue;
    const bool against = std::log(options_.prior_odds * gauges_[i].q) + gauges_[i].log_e() > 0.0;
    view.harm += mixture.post[throttle_.size() + i] * (against ? kGaugeHarm : kQuietGaugeHarm);
  }
  return view;
}

std::optional<double> CanaryEvidence::RequestsNeeded(const Need& need) const {
  const Metric& errors = proof_.front();
  return evidence::RequestsNeeded({.log_e = errors.rate.log_e(),
                                   .weight = errors.q,
                                   .baseline_rate = errors.rate.BaselineRate(),
                                   .s2 = options_.history.error_s2,
                                   .requests_per_tick = need.requests_per_tick,
                                   .w = need.w,
                                   .alpha = need.alpha,
                                   .ratio = need.ratio});
}

std::string CanaryEvidence::NameOf(const Metric& metric) const {
  static constexpr const char* kNames[] = {"errors", "t50", "t90", "t99"};
  if (metric.kind == Kind::kRoute) return "route" + std::to_string(metric.index);
  if (metric.kind == Kind::kBehaviour)
    return "behaviour." + options_.history.behaviour[metric.index].name;
  return (metric.high_load ? "high." : "") +
         std::string(kNames[static_cast<std::size_t>(metric.kind)]);
}

std::vector<MetricState> CanaryEvidence::Metrics() const {
  const Mixture mixture = Mix(proof_);
  const double whole = std::accumulate(mixture.post.begin(), mixture.post.end(), 0.0);
  std::vector<MetricState> states;
  for (std::size_t i = 0; i < proof_.size(); ++i) {
    const Metric& metric = proof_[i];
    states.push_back({.name = NameOf(metric),
                      .weight = metric.q,
                      .log_e = metric.rate.log_e(),
                      .active = metric.rate.Active(),
                      .share = mixture.post[i] / whole,
                      .baseline_rate = metric.rate.BaselineRate(),
                      .tolerated = metric.tolerated});
  }
  for (std::size_t i = 0; i < gauges_.size(); ++i) {
    states.push_back({.name = gauges_[i].name,
                      .weight = gauges_[i].q,
                      .log_e = gauges_[i].log_e(),
                      .share = mixture.post[proof_.size() + i] / whole});
  }
  return states;
}

}  // namespace auspex::evidence
