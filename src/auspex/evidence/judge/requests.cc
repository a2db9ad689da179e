#include "auspex/evidence/judge/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "auspex/base/random.h"
#include "auspex/evidence/judge/event_test.h"

namespace auspex::evidence {
namespace {

// A stratum has at least so many requests of each arm: knowing its events in advance then costs
// some 3 % of the evidence. At most kMostStrata of them.
constexpr std::int64_t kStratumLeast = 30;
constexpr std::int64_t kMostStrata = 50;
// Share of all requests above each edge. The last takes a long record.
constexpr std::array<double, 7> kAboveEdge = {.5, .2, .1, .05, .025, .01, .001};
constexpr std::array<std::string_view, 7> kEdgeNames = {"p50",   "p80", "p90",  "p95",
                                                        "p97.5", "p99", "p99.9"};
constexpr double kLeastAboveEdge = 5.0;
constexpr std::size_t kMostRoutes = 5;
// Prior weights: errors .35, latency .5 in equal parts, .03 a route (docs/statistics.md 5).
constexpr double kErrorWeight = 0.35;
constexpr double kLatencyWeight = 0.5;
constexpr double kRouteWeight = 0.03;
// A pass promises that a fault in this share of the canary's requests would have been proven.
constexpr double kShownShare = 0.10;

struct Cut {
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::vector<Cut> CutByTime(const std::vector<JudgedRequest>& requests, std::int64_t canaries) {
  const auto all = static_cast<std::int64_t>(requests.size());
  const std::int64_t least =
      std::max(kStratumLeast, std::min(canaries, all - canaries) / kMostStrata);
  std::vector<Cut> cuts;
  std::int64_t of_arm[2] = {0, 0};
  std::size_t begin = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    ++of_arm[requests[i].canary ? 1 : 0];
    if (of_arm[0] < least || of_arm[1] < least) continue;
    cuts.push_back({begin, i + 1});
    begin = i + 1;
    of_arm[0] = of_arm[1] = 0;
  }
  if (begin < requests.size()) {
    if (cuts.empty()) cuts.push_back({0, 0});
    cuts.back().end = requests.size();
  }
  return cuts;
}

// All kinds of events that a request can be: what a metric counts.
struct Metric {
  enum class Kind { kErrors, kRoute, kSlow };
  Kind kind = Kind::kErrors;
  std::string name;
  std::uint32_t route = 0;  // kRoute
  double edge_ms = 0.0;     // kSlow: of the baseline
  double weight = 0.0;
};

class RequestRecord {
 public:
  RequestRecord(const std::vector<JudgedRequest>& requests,
                const std::vector<std::string>& route_names, const JudgeOptions& options)
      : requests_(requests), options_(options) {
    for (const JudgedRequest& request : requests_) canaries_ += request.canary ? 1 : 0;
    cuts_ = CutByTime(requests_, canaries_);
    FindEdges();
    FindMetrics(route_names);
    for (const Metric& metric : metrics_) tests_.push_back(MakeTest(metric));
    DropEmpty();
    events_.reserve(requests_.size());
    for (const JudgedRequest& request : requests_) {
      std::uint32_t mask = 0;
      for (std::size_t m = 0; m < metrics_.size(); ++m)
        if (Looks(metrics_[m], request) && IsEvent(metrics_[m], request)) mask |= 1U << m;
      events_.push_back(mask);
    }
  }

  [[nodiscard]] Judgement Judge() const {
    const Counts seen = Count([this](std::size_t i) { return requests_[i].canary; });
    std::vector<Weighed> weighed;
    for (std::size_t m = 0; m < metrics_.size(); ++m) {
      Weighed one;
      one.weight = metrics_[m].weight;
      one.log_e = tests_[m].LogE(seen[m]);
      one.metric = Describe(m, seen[m], one.log_e);
      weighed.push_back(std::move(one));
    }
    const double log_e = LogMeanE(weighed);
    std::optional<double> p_value;
    if (log_e < -std::log(options_.level())) p_value = PValue(log_e);
    Judgement judgement = Conclude(std::move(weighed), p_value, options_, Enough(), MissingText());
    judgement.reason += OverlapText();
    return judgement;
  }

 private:
  using Counts = std::vector<std::vector<std::int64_t>>;  // [metric][stratum]: events on the canary

  [[nodiscard]] double Adjusted(const JudgedRequest& request) const {
    return request.canary ? request.latency_ms / options_.tolerated_value_ratio
                          : request.latency_ms;
  }

  void FindEdges() {
    std::vector<double> values;
    values.reserve(requests_.size());
    for (const JudgedRequest& request : requests_)
      if (!std::isnan(request.latency_ms)) values.push_back(Adjusted(request));
    if (values.empty()) return;
    std::sort(values.begin(), values.end());
    const double n = static_cast<double>(values.size());
    std::size_t before = 0;
    for (std::size_t e = 0; e < kAboveEdge.size(); ++e) {
      const double above = std::max(1.0, std::round(kAboveEdge[e] * n));
      if (e > 0 && above < kLeastAboveEdge) continue;
      const double edge =
          values[values.size() - 1 - std::min(values.size() - 1, static_cast<std::size_t>(above))];
      const auto slower = static_cast<std::size_t>(
          values.end() - std::upper_bound(values.begin(), values.end(), edge));
      // Ties can put two edges on one value.
      if (slower == 0 || slower == before) continue;
      before = slower;
      Metric metric;
      metric.kind = Metric::Kind::kSlow;
      metric.name = fmt::format("slower_than_{}", kEdgeNames[e]);
      metric.edge_ms = edge;
      metrics_.push_back(std::move(metric));
    }
    for (Metric& metric : metrics_)
      metric.weight = kLatencyWeight / static_cast<double>(metrics_.size());
  }

  void FindMetrics(const std::vector<std::string>& route_names) {
    metrics_.insert(metrics_.begin(), {Metric::Kind::kErrors, "errors", 0, 0.0, kErrorWeight});
    std::vector<std::pair<std::int64_t, std::uint32_t>> busiest(route_names.size());
    for (std::uint32_t r = 0; r < busiest.size(); ++r) busiest[r] = {0, r};
    for (const JudgedRequest& request : requests_) --busiest[request.route].first;
    if (!busiest.empty()) busiest.erase(busiest.begin());
    std::erase_if(busiest, [](const auto& route) { return route.first == 0; });
    if (busiest.size() < 2) return;  // one route is all
    std::sort(busiest.begin(), busiest.end());
    for (std::size_t r = 0; r < std::min(busiest.size(), kMostRoutes); ++r) {
      const std::uint32_t route = busiest[r].second;
      metrics_.push_back({Metric::Kind::kRoute, fmt::format("errors of {}", route_names[route]),
                          route, 0.0, kRouteWeight});
    }
  }

  // Requests that a metric looks at, and of these the events.
  [[nodiscard]] bool Looks(const Metric& metric, const JudgedRequest& request) const {
    switch (metric.kind) {
      case Metric::Kind::kErrors:
        return true;
      case Metric::Kind::kRoute:
        return request.route == metric.route;
      case Metric::Kind::kSlow:
        return !std::isnan(request.latency_ms);
    }
    return false;
  }
  // Whose canary it is does not matter to the edge: Adjusted() is part of the values drawn.
  [[nodiscard]] bool IsEvent(const Metric& metric, const JudgedRequest& request) const {
    return metric.kind == Metric::Kind::kSlow ? Adjusted(request) > metric.edge_ms : !request.ok;
  }

  [[nodiscard]] EventTest MakeTest(const Metric& metric) const {
    std::vector<Stratum> strata;
    for (const Cut& cut : cuts_) {
      Stratum stratum;
      for (std::size_t i = cut.begin; i < cut.end; ++i) {
        if (!Looks(metric, requests_[i])) continue;
        ++(requests_[i].canary ? stratum.canary : stratum.baseline);
        stratum.events += IsEvent(metric, requests_[i]) ? 1 : 0;
      }
      strata.push_back(stratum);
    }
    return EventTest(std::move(strata),
                     metric.kind == Metric::Kind::kSlow ? 1.0 : options_.tolerated_rate_ratio);
  }

  // A metric without any event tells nothing; which it is does not depend on the arms.
  void DropEmpty() {
    for (std::size_t m = metrics_.size(); m-- > 0;) {
      if (tests_[m].events() > 0 || metrics_[m].kind == Metric::Kind::kErrors) continue;
      metrics_.erase(metrics_.begin() + static_cast<std::ptrdiff_t>(m));
      tests_.erase(tests_.begin() + static_cast<std::ptrdiff_t>(m));
    }
    if (tests_[0].events() == 0 && metrics_.size() > 1) metrics_[0].weight = 0.0;
  }

  template <typename IsCanary>
  [[nodiscard]] Counts Count(const IsCanary& is_canary) const {
    Counts counts(metrics_.size(), std::vector<std::int64_t>(cuts_.size(), 0));
    for (std::size_t s = 0; s < cuts_.size(); ++s)
      for (std::size_t i = cuts_[s].begin; i < cuts_[s].end; ++i)
        if (is_canary(i)) AddTo(&counts, s, i);
    return counts;
  }
  void AddTo(Counts* counts, std::size_t stratum, std::size_t request) const {
    for (std::uint32_t rest = events_[request]; rest != 0; rest &= rest - 1)
      ++(*counts)[static_cast<std::size_t>(std::countr_zero(rest))][stratum];
  }

  [[nodiscard]] double PValue(double log_e) const {
    const std::int64_t draws = DrawsFor(static_cast<double>(requests_.size()));
    Random random(options_.seed);
    std::vector<std::vector<std::uint32_t>> order(2);  // of one stratum: those that passed, failed
    return PValueByDraws(log_e, options_.level(), draws, [&] { return DrawLogE(&random, &order); });
  }

  // Arms drawn anew: as many failures on the canary as the tolerated odds say, which ones by lot.
  double DrawLogE(Random* random, std::vector<std::vector<std::uint32_t>>* order) const {
    Counts counts(metrics_.size(), std::vector<std::int64_t>(cuts_.size(), 0));
    for (std::size_t s = 0; s < cuts_.size(); ++s) {
      (*order)[0].clear();
      (*order)[1].clear();
      for (std::size_t i = cuts_[s].begin; i < cuts_[s].end; ++i)
        (*order)[requests_[i].ok ? 0 : 1].push_back(static_cast<std::uint32_t>(i));
      const std::int64_t failed = tests_[0].events() == 0 ? 0 : tests_[0].Draw(s, random);
      const std::int64_t wanted[2] = {tests_[0].strata()[s].canary - failed, failed};
      for (std::size_t kind = 0; kind < 2; ++kind) {
        std::vector<std::uint32_t>& rest = (*order)[kind];
        for (std::int64_t taken = 0; taken < wanted[kind]; ++taken) {
          const auto at = static_cast<std::size_t>(taken);
          const std::size_t other = at + static_cast<std::size_t>(random->Below(rest.size() - at));
          std::swap(rest[at], rest[other]);
          AddTo(&counts, s, rest[at]);
        }
      }
    }
    std::vector<Weighed> drawn(metrics_.size());
    for (std::size_t m = 0; m < metrics_.size(); ++m) {
      drawn[m].weight = metrics_[m].weight;
      drawn[m].log_e = tests_[m].LogE(counts[m]);
    }
    return LogMeanE(drawn);
  }

  [[nodiscard]] ArmTotals TotalsOf(std::size_t m, const std::vector<std::int64_t>& seen) const {
    ArmTotals total;
    for (std::size_t s = 0; s < cuts_.size(); ++s) {
      const Stratum& stratum = tests_[m].strata()[s];
      total.canary += static_cast<double>(stratum.canary);
      total.baseline += static_cast<double>(stratum.baseline);
      total.canary_events += static_cast<double>(seen[s]);
      total.baseline_events += static_cast<double>(stratum.events - seen[s]);
    }
    return total;
  }

  [[nodiscard]] MetricJudgement Describe(std::size_t m, const std::vector<std::int64_t>& seen,
                                         double log_e) const {
    const Metric& metric = metrics_[m];
    const ArmTotals total = TotalsOf(m, seen);
    MetricJudgement out;
    out.name = metric.name;
    if (tests_[m].events() > 0) {
      const RateRatio ratio = PooledRateRatio(tests_[m].strata(), seen);
      out.effect = ratio.ratio;
      out.effect_low = ratio.low;
      out.effect_high = ratio.high;
    }
    const std::string what =
        metric.kind == Metric::Kind::kSlow
            ? fmt::format("slower than {:.4g} ms (canary: {:.4g} ms)", metric.edge_ms,
                          metric.edge_ms * options_.tolerated_value_ratio)
            : std::string("failed");
    out.reason =
        fmt::format("{} {} of the canary's {:.0f}, {} of the baseline's {:.0f} requests; {}", what,
                    Percent(total.canary_events / std::max(1.0, total.canary)), total.canary,
                    Percent(total.baseline_events / std::max(1.0, total.baseline)), total.baseline,
                    EText(log_e));
    out.requests_needed = RequestsStillNeeded(total, log_e, options_.level());
    return out;
  }

  // Would a fault in a tenth of the canary's requests have been proven? At the level of each of the
  // metrics looked at.
  [[nodiscard]] double EventsWanted() const {
    return EventsToExpect(static_cast<double>(canaries_), static_cast<double>(requests_.size()),
                          options_.level() / static_cast<double>(metrics_.size()), kShownShare);
  }
  [[nodiscard]] bool Enough() const {
    return static_cast<double>(canaries_) * kShownShare >= EventsWanted();
  }
  [[nodiscard]] std::string MissingText() const {
    const double wanted = EventsWanted() / kShownShare;
    if (std::isinf(wanted))
      return fmt::format("{} requests of the canary prove nothing at this share", canaries_);
    return fmt::format(
        "{} requests of the canary where {:.0f} show a fault in a tenth of them, at this share",
        canaries_, std::ceil(wanted));
  }

  // Arms that were not recorded at the same time can differ for its sake.
  [[nodiscard]] std::string OverlapText() const {
    double first[2] = {std::numeric_limits<double>::infinity(),
                       std::numeric_limits<double>::infinity()};
    double last[2] = {-first[0], -first[0]};
    for (const JudgedRequest& request : requests_) {
      const int arm = request.canary ? 1 : 0;
      first[arm] = std::min(first[arm], request.at_s);
      last[arm] = std::max(last[arm], request.at_s);
    }
    if (std::max(first[0], first[1]) <= std::min(last[0], last[1])) return "";
    return "; the arms were not recorded at the same time, so what changed between is counted as "
           "the canary's";
  }

  const std::vector<JudgedRequest>& requests_;
  const JudgeOptions& options_;
  std::int64_t canaries_ = 0;
  std::vector<Cut> cuts_;
  std::vector<Metric> metrics_;  // [0]: errors
  std::vector<EventTest> tests_;
  std::vector<std::uint32_t> events_;  // of each request: bit m, is it an event of metric m
};

}  // namespace

Judgement JudgeRequests(const std::vector<JudgedRequest>& requests,
                        const std::vector<std::string>& route_names, const JudgeOptions& options) {
  return RequestRecord(requests, route_names, options).Judge();
}

}  // namespace auspex::evidence
