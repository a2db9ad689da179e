#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/evidence/gauge_evidence.h"
#include "auspex/evidence/rate_evidence.h"
#include "auspex/evidence/rules.h"
#include "auspex/evidence/share_evidence.h"

namespace auspex::evidence {

// The gauge that is also tested for growth.
inline constexpr std::string_view kLeakGauge = "memory";
inline constexpr std::size_t kMostEdges = 4;

// What is known of a service's baseline before the rollout (section 1, History).
struct History {
  struct Route {
    double share = 0.0;       // of the requests, 0..1
    double error_rate = 0.0;  // 0..1
    friend bool operator==(const Route&, const Route&) = default;
  };
  struct Gauge {
    std::string name;
    GaugeNoise noise;    // per tick
    bool level = true;   // its level is judged: with equal work, equal values
    bool learn = false;  // its noise is not known yet: nothing is judged before BeginGauge
  };
  // Events among all of something that users do: orders that fail, sessions left.
  struct Behaviour {
    std::string name;
    double rate = 0.05;  // of events among all, 0..1
    double s2 = 0.0;     // overdispersion, per tick
    double share = 1.0;  // of all, per request: how many there are for each request; 0..1
    double tolerated = kToleratedRatio;  // rho0
    friend bool operator==(const Behaviour&, const Behaviour&) = default;
  };
  double error_rate = 0.001;
  double error_s2 = 0.0;                        // overdispersion of errors and routes, per tick
  std::array<double, kMostEdges> latency_s2{};  // of t50, t90, t99, t99.9
  // Of the baseline's requests over its edges, and the tolerated ratio rho0: other than these where
  // latency comes in buckets, which have their own edges.
  std::array<double, kMostEdges> latency_rate{.5, .1, .01, .001};
  std::array<double, kMostEdges> latency_tolerated{kToleratedRatio, kToleratedRatio,
                                                   kToleratedRatio, kToleratedRatio};
  std::vector<Route> routes = {};
  std::vector<Gauge> gauges = {};
  std::vector<Behaviour> behaviour = {};
};

struct TickCounts {
  Counts errors;
  std::array<Counts, kMostEdges> slower;  // than t50, t90, t99, t99.9
  std::vector<Counts>
      routes;  // errors, in the order of History::routes; missing ones count as 0 of 0
  std::map<std::string, double> gauges;  // ln(canary / baseline)
  std::vector<Counts> behaviour = {};    // in the order of History::behaviour; likewise
};

struct TickContext {
  double hazard = 0.0;        // section 3
  bool warm_up = false;       // section 6
  bool high_load = false;     // weight >= .3
  double t = 0.0;             // end of the tick
  double warm_up_left = 0.0;  // share of the warm-up to come at the end of the tick, 0..1
  // Where each request's arm was drawn with a chance fixed before the tick, in (0, 1): that chance,
  // and the requests of both arms that were expected (0: unknown). 0: the counts tell.
  double planned_share = 0.0;
  double planned_requests = 0.0;
};

// One metric, as it stands: for people and diagnosis.
struct MetricState {
  // errors, t50, t90, t99, t999, route0…, behaviour.NAME, high.errors…, level.memory, slope.memory
  std::string name;
  double weight = 0.0;  // q, sums to 1 over all
  double log_e = 0.0;   // of F
  double active = 1.0;  // the share of E that says "already faulty"
  double share = 0.0;   // of sum q E: what of the whole evidence this metric carries
  double baseline_rate = 0.0;
  double tolerated = kToleratedRatio;  // rho0, after warm-up
  double s2 = 0.0;                     // overdispersion per tick, as it counts now
};

// All metrics of one rollout in two copies (sections 5 and 6): F decides whether a fault is proven;
// G, which also sees history, sets the pace. Durations are at time scale 1. A value: copies are
// independent.
class CanaryEvidence {
 public:
  struct Options {
    History history;
    double tick_s = 10.0;
    double prior_odds = 0.15 / 0.85;  // o0, of "this deployment fails"
    Rules rules = kClassicRules;
  };

  explicit CanaryEvidence(const Options& options);

  // One tick, in the order of section 7: end-of-warm-up reset, shift gate, F and G, gauges.
  void Step(const TickCounts& counts, const TickContext& context);

  // From the next tick on the gauge, which was to `learn`, is judged.
  void BeginGauge(std::string_view name, const GaugeNoise& noise);
  // From the next tick on: s2 of errors and routes as this rollout shows it, where that is more
  // than history's.
  void SetErrorSpread(double s2);

  // ln of E = sum q_m E_m over F. E >= 1/alpha proves a regression at confidence 1 - alpha, at any
  // look.
  [[nodiscard]] double log_e() const { return log_e_; }
  // P(faulty now) of F: calibrated. In [0, 1].
  [[nodiscard]] double p_fail() const { return p_fail_; }
  // The same as if the copies that are judged at high load only had never been.
  [[nodiscard]] double p_fail_at_any_load() const { return p_fail_at_any_load_; }
  // The baseline's error rate, from earlier ticks and history.
  [[nodiscard]] double ErrorRate() const { return proof_.front().rate.BaselineRate(); }
  // The router does not give the planned shares (proven at 1 in 1,000): from then on the counts
  // tell the shares, and what spoke against the canary before has been struck out.
  [[nodiscard]] bool share_disproved() const { return share_disproved_; }

  // G's view, for the pace. `later` = chance that a fault that has not begun begins before the next
  // weight acts.
  struct Throttle {
    double p_fail = 0.0;
    // Expected excess harmed per canary request: of faults that have begun, H_s, and of those that
    // have not, H_w.
    double begun = 0.0;
    double coming = 0.0;
    // Which metric most of `begun` comes from (NameOfThrottle), and how much.
    std::size_t most = 0;
    double most_begun = 0.0;
    [[nodiscard]] double harm() const { return begun + coming; }  // H
  };
  [[nodiscard]] Throttle ThrottleView(double later) const;
  // As MetricState::name. `index`: Throttle::most.
  [[nodiscard]] std::string NameOfThrottle(std::size_t index) const;

  // Requests of both arms, at canary share `w`, until E of the errors alone would bring sum q E to
  // 1/alpha if the canary's errors were `ratio` times the baseline's. nullopt: never.
  // `requests_per_tick` 0 where unknown.
  struct Need {
    double w = 0.0;
    double alpha = 0.01;
    double ratio = 2.0;
    double requests_per_tick = 0.0;
  };
  [[nodiscard]] std::optional<double> RequestsNeeded(const Need& need) const;

  [[nodiscard]] std::vector<MetricState> Metrics() const;
  [[nodiscard]] std::size_t routes() const { return routes_; }

 private:
  enum class Kind : std::uint8_t { kErrors, kT50, kT90, kT99, kT999, kRoute, kBehaviour };
  struct Metric {
    Kind kind;
    bool high_load;     // a high-load copy, in F only
    std::size_t index;  // of kRoute and kBehaviour
    double share;       // of the requests that it speaks of
    double q;           // weight
    double log_q;
    double tolerated;     // rho0
    double shift_events;  // K and N of the baseline-shift gate, half-life 40 s
    double shift_requests;
    RateEvidence rate;
  };
  struct Gauge {
    std::string name;
    std::optional<LevelEvidence> level;  // one of the two; none before its noise is known
    std::optional<SlopeEvidence> slope;
    double q;
    double log_q;
    std::optional<double> latest;  // seen since the last one judged
    [[nodiscard]] bool begun() const { return level || slope; }
    [[nodiscard]] double log_e() const {
      return level ? level->log_e() : slope ? slope->log_e() : 0.0;
    }
  };
  struct ShiftGate {
    std::int64_t hold_ticks = 0;  // how long history stays off at least
    bool held = false;
  };
  struct Mixture {
    double log_e = 0.0;
    double p_fail = 0.0;
    double good = 0.0;         // 1 / (1 + o0 sum q E)
    std::vector<double> post;  // o0 q E / (1 + o0 sum q E), metrics then gauges
  };

  [[nodiscard]] Metric MakeMetric(Kind kind, std::size_t index, bool high_load) const;
  [[nodiscard]] Mixture Mix(const std::vector<Metric>& metrics) const;
  [[nodiscard]] double FailsAtAnyLoad(const Mixture& proof) const;

  void StepMetric(Metric* metric, const Counts& counts, const RateEvidence::Tick& tick) const;
  void StepProof(const TickCounts& counts, const TickContext& context);
  void StepThrottle(const TickCounts& counts, const TickContext& context);
  void StepGauges(const TickCounts& counts, double t);
  void CheckShare(const Counts& requests, const TickContext& context);
  void UpdateGate(ShiftGate* gate, bool latency);
  void Relearn(std::size_t metric);

  [[nodiscard]] static bool Gated(Kind kind, bool latency);
  [[nodiscard]] bool Shifted(const Metric& metric) const;
  static void RestartIfAgainst(Metric* metric);
  [[nodiscard]] static Counts CountsOf(const Metric& metric, const TickCounts& counts);
  struct Harm {
    double begun = 0.0;
    double coming = 0.0;
  };
  [[nodiscard]] static Harm HarmOf(const Metric& metric, double later);
  [[nodiscard]] double GaugeHarm(const Gauge& gauge) const;
  [[nodiscard]] std::string NameOf(const Metric& metric) const;

  Options options_;
  std::size_t routes_ = 0;
  std::vector<Metric> proof_;     // F
  std::vector<Metric> throttle_;  // G
  std::vector<Gauge> gauges_;
  double shift_keep_ = 1.0;  // of K and N, from tick to tick
  bool warm_ = true;
  double gauges_due_ = 0.0;  // when the next value is judged, where not each tick
  ShiftGate error_gate_;
  ShiftGate tail_gate_;
  ShareEvidence share_;
  bool share_disproved_ = false;
  double log_e_ = 0.0;
  double p_fail_ = 0.0;
  double p_fail_at_any_load_ = 0.0;
};

}  // namespace auspex::evidence
