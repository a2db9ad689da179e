#include <algorithm>
#include <cmath>
#include <numeric>

#include "auspex/evidence/canary_evidence.h"
#include "auspex/evidence/normal.h"
#include "auspex/evidence/traffic_needed.h"

// What others ask of the evidence: nothing here changes it.
namespace auspex::evidence {
namespace {

// What a gauge that speaks against the canary costs per request, and one that does not (section 7).
constexpr double kGaugeHarm = .1, kQuietGaugeHarm = .005;
// From which own posterior on a suspected gauge costs something (section 12.3).
constexpr double kGaugeRampFrom = .05;
// A latency fault harms the requests that pass the baseline's p99, the upper 1 % point of the
// normal (section 7).
constexpr double kUpperPercentPoint = 2.3263, kUpperPercent = .01;

double QuantileWithin(double p) { return NormalQuantile(std::clamp(p, 1e-15, 1.0 - 1e-15)); }

// x / (1 + x) of x = e^log_odds.
double ShareOfOdds(double log_odds) { return 1.0 / (1.0 + std::exp(-log_odds)); }

}  // namespace

CanaryEvidence::Harm CanaryEvidence::HarmOf(const Metric& metric, double later) {
  const RateEvidence& rate = metric.rate;
  const Lanes& prior = rate.grid().prior();
  const double p = rate.BaselineRate();
  const bool median = metric.kind == Kind::kT50 || metric.kind == Kind::kT90;
  const double z = median ? QuantileWithin(p) : 0.0;
  Lanes rates;
  rate.AlternativeRates(&rates);
  double begun = 0.0;
  double coming = 0.0;
  for (std::size_t j = 0; j < rate.grid().size(); ++j) {
    const double pa = rates[j];
    const double excess =
        median ? NormalUpperTail(kUpperPercentPoint - (QuantileWithin(pa) - z)) - kUpperPercent
               : pa - p;
    begun += rate.mass(j) * std::max(0.0, excess);
    coming += prior[j] * std::max(0.0, excess);
  }
  return {.begun = metric.share * begun, .coming = metric.share * rate.wait() * later * coming};
}

double CanaryEvidence::GaugeHarm(const Gauge& gauge) const {
  const double log_odds = std::log(options_.prior_odds * gauge.q) + gauge.log_e();
  if (options_.rules.gauge_harm == Rules::GaugeHarm::kStep)
    return log_odds > 0.0 ? kGaugeHarm : kQuietGaugeHarm;
  return kGaugeHarm *
         std::max(0.0, (ShareOfOdds(log_odds) - kGaugeRampFrom) / (1.0 - kGaugeRampFrom));
}

// Of the whole posterior, a metric's share falls where another one's grows: of two suspicions the
// graver may be hidden by the slighter. By its own posterior alone more events of the canary never
// mean less harm: the ratio of likelihoods grows with the events for each alternative, the more the
// graver it is, and "none yet" is weighed against "none ever" only.
CanaryEvidence::Throttle CanaryEvidence::ThrottleView(double later) const {
  const Mixture mixture = Mix(throttle_);
  Throttle view{.p_fail = mixture.p_fail};
  const bool own = options_.rules.harm_of == Rules::HarmOf::kOwn;
  const auto add = [&view](std::size_t index, double begun) {
    view.begun += begun;
    if (begun <= view.most_begun) return;
    view.most = index;
    view.most_begun = begun;
  };
  for (std::size_t i = 0; i < throttle_.size(); ++i) {
    const Metric& metric = throttle_[i];
    const Harm harm = HarmOf(metric, later);
    double begun = mixture.post[i];
    double coming = begun;
    if (own) {
      const double log_odds = std::log(options_.prior_odds * metric.q) + metric.rate.log_e();
      const double wait = metric.rate.wait();
      begun = ShareOfOdds(log_odds);
      // In units of 1/wait, which HarmOf counts in: o0 q E / (1 + o0 q E wait).
      coming = wait > 0.0 ? ShareOfOdds(log_odds + std::log(wait)) / wait : 0.0;
    }
    add(i, begun * harm.begun);
    view.coming += coming * harm.coming;
  }
  for (std::size_t i = 0; i < gauges_.size(); ++i) {
    if (!gauges_[i].begun()) continue;
    const double log_odds = std::log(options_.prior_odds * gauges_[i].q) + gauges_[i].log_e();
    const double post = own ? ShareOfOdds(log_odds) : mixture.post[throttle_.size() + i];
    add(throttle_.size() + i, post * GaugeHarm(gauges_[i]));
  }
  return view;
}

std::string CanaryEvidence::NameOfThrottle(std::size_t index) const {
  return index < throttle_.size() ? NameOf(throttle_[index])
                                  : gauges_[index - throttle_.size()].name;
}

std::optional<double> CanaryEvidence::RequestsNeeded(const Need& need) const {
  const Metric& errors = proof_.front();
  return evidence::RequestsNeeded({.log_e = errors.rate.log_e(),
                                   .weight = errors.q,
                                   .baseline_rate = errors.rate.BaselineRate(),
                                   .s2 = errors.rate.overdispersion(),
                                   .requests_per_tick = need.requests_per_tick,
                                   .w = need.w,
                                   .alpha = need.alpha,
                                   .ratio = need.ratio});
}

std::string CanaryEvidence::NameOf(const Metric& metric) const {
  static constexpr const char* kNames[] = {"errors", "t50", "t90", "t99", "t999"};
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
                      .tolerated = metric.tolerated,
                      .s2 = metric.rate.overdispersion()});
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
