#include "auspex/evidence/judge/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "auspex/base/random.h"
#include "auspex/evidence/judge/event_test.h"
#include "auspex/evidence/judge/wilcoxon.h"

namespace auspex::evidence {
namespace {

// Shares are worth twice a value in the mean of E: they are what users feel.
constexpr double kShareWeight = 2.0;
constexpr double kValueWeight = 1.0;
constexpr double kRankShare = 0.2;
constexpr std::array<double, 5> kAboveEdge = {.5, .3, .2, .1, .05};
// Values of each arm in a stratum: an hour of minutes gives four.
constexpr std::size_t kStratumLeast = 15;
// What a draw costs, in the unit of DrawsFor.
constexpr double kDrawOfAStratum = 300.0;
constexpr double kDrawOfAValue = 30.0;
constexpr std::size_t kLeastForAutocorrelation = 20;
constexpr double kMostInflation = 50.0;
// A pass promises that a fault in this share of the canary's requests, or of its intervals, would
// have been proven.
constexpr double kShownRequests = 0.10;
constexpr double kShownIntervals = 0.75;
constexpr double kConfidence = 0.95;

// One metric's outcome, before it is weighed with the others.
struct Outcome {
  Weighed weighed;
  std::optional<double> p_value;
  bool enough = false;
};

bool NameHas(const std::string& name, std::initializer_list<std::string_view> words) {
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(words.begin(), words.end(), [&lower](std::string_view word) {
    return lower.find(word) != std::string::npos;
  });
}

template <typename Use>
void ForEachPoint(const JudgedMetric& metric, const Use& use) {
  for (const JudgedPoint& point : metric.canary) use(point);
  for (const JudgedPoint& point : metric.baseline) use(point);
}

std::vector<double> Values(const std::vector<JudgedPoint>& points) {
  std::vector<double> values;
  for (const JudgedPoint& point : points)
    if (!std::isnan(point.value)) values.push_back(point.value);
  return values;
}

// Canary and baseline of the same time, both with a value.
template <typename Use>
void ForEachPair(const JudgedMetric& metric, const Use& use) {
  std::size_t j = 0;
  for (const JudgedPoint& c : metric.canary) {
    while (j < metric.baseline.size() && metric.baseline[j].at_s < c.at_s) ++j;
    if (j == metric.baseline.size()) return;
    const JudgedPoint& b = metric.baseline[j];
    if (b.at_s == c.at_s && !std::isnan(c.value) && !std::isnan(b.value)) use(c, b);
  }
}

Outcome NoData(const JudgedMetric& metric) {
  Outcome outcome;
  outcome.weighed.metric.name = metric.name;
  outcome.weighed.metric.reason =
      fmt::format("no values of the {}", Values(metric.canary).empty() ? "canary" : "baseline");
  return outcome;
}

// --- shares with counts

struct ShareCounts {
  std::vector<Stratum> strata;
  std::vector<std::int64_t> seen;
  ArmTotals totals;
  bool paired = true;
  // Values of intervals that the other arm has none of: left out, since time would speak for an
  // arm.
  std::size_t unpaired = 0;
};

ShareCounts CountShares(const JudgedMetric& metric, bool decrease) {
  ShareCounts counts;
  const auto events = [decrease](const JudgedPoint& point) {
    const double hit = std::round(point.value * point.count);
    return static_cast<std::int64_t>(decrease ? point.count - hit : hit);
  };
  const auto add = [&](std::int64_t nc, std::int64_t kc, std::int64_t nb, std::int64_t kb) {
    counts.strata.push_back({nc, nb, kc + kb});
    counts.seen.push_back(kc);
    counts.totals.canary += static_cast<double>(nc);
    counts.totals.baseline += static_cast<double>(nb);
    counts.totals.canary_events += static_cast<double>(kc);
    counts.totals.baseline_events += static_cast<double>(kb);
  };
  ForEachPair(metric, [&](const JudgedPoint& c, const JudgedPoint& b) {
    add(static_cast<std::int64_t>(c.count), events(c), static_cast<std::int64_t>(b.count),
        events(b));
  });
  if (!counts.strata.empty()) {
    counts.unpaired =
        Values(metric.canary).size() + Values(metric.baseline).size() - 2 * counts.strata.size();
    return counts;
  }
  // No interval has both arms: all of the record is one.
  counts.paired = false;
  std::int64_t n[2] = {0, 0};
  std::int64_t k[2] = {0, 0};
  for (int arm = 0; arm < 2; ++arm) {
    for (const JudgedPoint& point : arm == 0 ? metric.canary : metric.baseline) {
      if (std::isnan(point.value)) continue;
      n[arm] += static_cast<std::int64_t>(point.count);
      k[arm] += events(point);
    }
  }
  add(n[0], k[0], n[1], k[1]);
  return counts;
}

std::string UnpairedText(const ShareCounts& counts) {
  if (!counts.paired) return "; no interval has both arms, so time is not told from the canary";
  if (counts.unpaired == 0) return "";
  return fmt::format("; {} of {} values are of an interval of one arm alone and left out",
                     counts.unpaired, counts.unpaired + 2 * counts.strata.size());
}

void DescribeShare(const JudgedMetric& metric, const ShareCounts& counts,
                   const JudgeOptions& options, Outcome* outcome) {
  MetricJudgement& out = outcome->weighed.metric;
  const double log_e = outcome->weighed.log_e;
  const ArmTotals& totals = counts.totals;
  if (totals.canary_events + totals.baseline_events > 0.0) {
    const RateRatio ratio = PooledRateRatio(counts.strata, counts.seen);
    out.effect = ratio.ratio;
    out.effect_low = ratio.low;
    out.effect_high = ratio.high;
  }
  out.reason =
      fmt::format("{}{} of the canary's {:.0f}, {} of the baseline's {:.0f} requests; {}{}",
                  metric.direction == JudgedMetric::Direction::kDecrease ? "not reached by " : "",
                  Percent(totals.canary_events / std::max(1.0, totals.canary)), totals.canary,
                  Percent(totals.baseline_events / std::max(1.0, totals.baseline)), totals.baseline,
                  EText(log_e), UnpairedText(counts));
  out.requests_needed = RequestsStillNeeded(totals, log_e, options.level());
}

Outcome JudgeShare(const JudgedMetric& metric, const JudgeOptions& options) {
  const ShareCounts counts =
      CountShares(metric, metric.direction == JudgedMetric::Direction::kDecrease);
  const ArmTotals& totals = counts.totals;
  if (totals.canary == 0.0 || totals.baseline == 0.0) return NoData(metric);
  Outcome outcome;
  outcome.weighed.metric.name = metric.name;
  outcome.weighed.weight = kShareWeight;
  const EventTest test(counts.strata, options.tolerated_rate_ratio);
  outcome.weighed.log_e = test.LogE(counts.seen);
  if (outcome.weighed.log_e < -std::log(options.level())) {
    Random random(options.seed);
    std::vector<std::int64_t> drawn(counts.strata.size());
    const double cost = kDrawOfAStratum * static_cast<double>(drawn.size());
    outcome.p_value = PValueByDraws(outcome.weighed.log_e, options.level(), DrawsFor(cost), [&] {
      for (std::size_t s = 0; s < drawn.size(); ++s) drawn[s] = test.Draw(s, &random);
      return test.LogE(drawn);
    });
  }
  outcome.enough = totals.canary * kShownRequests >=
                   EventsToExpect(totals.canary, totals.canary + totals.baseline, options.level(),
                                  kShownRequests);
  DescribeShare(metric, counts, options, &outcome);
  return outcome;
}

// --- values alone

struct Value {
  double at_s = 0.0;
  double value = 0.0;  // the canary's brought nearer to the good side by the tolerance; high is bad
  bool canary = false;
};

// Sorted by time, with strata that hold kStratumLeast of each arm.
class ValueRecord {
 public:
  ValueRecord(const JudgedMetric& metric, bool decrease, const JudgeOptions& options) {
    const double sign = decrease ? -1.0 : 1.0;
    const auto add = [&](const JudgedPoint& point, bool canary) {
      if (std::isnan(point.value)) return;
      double value = sign * point.value;
      // Towards the good side, whatever its sign.
      if (canary)
        value = value > 0.0 ? value / options.tolerated_value_ratio
                            : value * options.tolerated_value_ratio;
      values_.push_back({point.at_s, value, canary});
    };
    for (const JudgedPoint& point : metric.canary) add(point, true);
    for (const JudgedPoint& point : metric.baseline) add(point, false);
    std::stable_sort(values_.begin(), values_.end(),
                     [](const Value& a, const Value& b) { return a.at_s < b.at_s; });
    Cut();
    MakeTests();
  }

  // ln of the mean E over the edges.
  [[nodiscard]] double LogE() const {
    return LogE([this](std::size_t i) { return values_[i].canary; });
  }

  double DrawLogE(Random* random) {
    for (std::size_t s = 0; s + 1 < cuts_.size(); ++s)
      for (std::size_t i = cuts_[s]; i + 1 < cuts_[s + 1]; ++i)
        std::swap(drawn_[i], drawn_[i + random->Below(cuts_[s + 1] - i)]);
    return LogE([this](std::size_t i) { return drawn_[i] != 0; });
  }

  [[nodiscard]] double LogRankE() const {
    std::vector<double> canary, baseline;
    for (const Value& value : values_) (value.canary ? canary : baseline).push_back(value.value);
    return LogCalibrated(WilcoxonUpperTail(canary, baseline));
  }
  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  void Cut() {
    cuts_ = {0};
    std::size_t of_arm[2] = {0, 0};
    for (std::size_t i = 0; i < values_.size(); ++i) {
      ++of_arm[values_[i].canary ? 1 : 0];
      drawn_.push_back(values_[i].canary ? 1 : 0);
      if (of_arm[0] < kStratumLeast || of_arm[1] < kStratumLeast) continue;
      cuts_.push_back(i + 1);
      of_arm[0] = of_arm[1] = 0;
    }
    if (cuts_.size() == 1) cuts_.push_back(0);
    cuts_.back() = values_.size();
  }

  void MakeTests() {
    std::vector<double> sorted;
    for (const Value& value : values_) sorted.push_back(value.value);
    std::sort(sorted.begin(), sorted.end());
    std::size_t before = 0;
    for (const double share : kAboveEdge) {
      const auto above = static_cast<std::size_t>(
          std::max(1.0, std::round(share * static_cast<double>(sorted.size()))));
      double edge = sorted[sorted.size() - 1 - std::min(sorted.size() - 1, above)];
      auto higher = static_cast<std::size_t>(sorted.end() -
                                             std::upper_bound(sorted.begin(), sorted.end(), edge));
      if (higher == 0 || higher == before) continue;
      before = higher;
      std::vector<Stratum> strata;
      for (std::size_t s = 0; s + 1 < cuts_.size(); ++s) {
        Stratum stratum;
        for (std::size_t i = cuts_[s]; i < cuts_[s + 1]; ++i) {
          ++(values_[i].canary ? stratum.canary : stratum.baseline);
          stratum.events += values_[i].value > edge ? 1 : 0;
        }
        strata.push_back(stratum);
      }
      edges_.push_back(edge);
      tests_.emplace_back(std::move(strata), 1.0);
    }
  }

  template <typename IsCanary>
  [[nodiscard]] double LogE(const IsCanary& is_canary) const {
    std::vector<Weighed> edges(tests_.size());
    std::vector<std::int64_t> seen(cuts_.size() - 1);
    for (std::size_t e = 0; e < tests_.size(); ++e) {
      std::fill(seen.begin(), seen.end(), 0);
      for (std::size_t s = 0; s + 1 < cuts_.size(); ++s)
        for (std::size_t i = cuts_[s]; i < cuts_[s + 1]; ++i)
          if (is_canary(i) && values_[i].value > edges_[e]) ++seen[s];
      edges[e].weight = 1.0;
      edges[e].log_e = tests_[e].LogE(seen);
    }
    return LogMeanE(edges);
  }

  std::vector<Value> values_;
  std::vector<char> drawn_;        // an arm for each value
  std::vector<std::size_t> cuts_;  // begins of the strata, and the end
  std::vector<double> edges_;
  std::vector<EventTest> tests_;
};

// How many neighbouring values count as one: (1 + r) / (1 - r) of their lag-one autocorrelation r
// where it is surely above 0, else 1. nullopt: too few to tell.
std::optional<double> InflationOf(const std::vector<double>& values) {
  if (values.size() < kLeastForAutocorrelation) return std::nullopt;
  const double n = static_cast<double>(values.size());
  double mean = 0.0;
  for (const double value : values) mean += value / n;
  double square = 0.0, lagged = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    square += (values[i] - mean) * (values[i] - mean);
    if (i > 0) lagged += (values[i] - mean) * (values[i - 1] - mean);
  }
  if (square <= 0.0) return 1.0;
  const double r = std::min(0.99, lagged / square);
  return r > 2.0 / std::sqrt(n) ? std::min(kMostInflation, (1.0 + r) / (1.0 - r)) : 1.0;
}

// Of the arms' difference; where they were not recorded at the same times, of each arm itself,
// which also counts what both would have had in common.
std::optional<double> Inflation(const JudgedMetric& metric) {
  std::vector<double> gaps;
  ForEachPair(metric, [&gaps](const JudgedPoint& c, const JudgedPoint& b) {
    gaps.push_back(c.value - b.value);
  });
  if (const auto inflation = InflationOf(gaps)) return inflation;
  const auto canary = InflationOf(Values(metric.canary));
  const auto baseline = InflationOf(Values(metric.baseline));
  if (canary && baseline) return std::max(*canary, *baseline);
  return canary ? canary : baseline;
}

void DescribeValue(const JudgedMetric& metric, std::optional<double> known,
                   const JudgeOptions& options, Outcome* outcome) {
  const double inflation = known.value_or(1.0);
  const std::vector<double> canary = Values(metric.canary);
  const std::vector<double> baseline = Values(metric.baseline);
  MetricJudgement& out = outcome->weighed.metric;
  std::vector<double> sorted = baseline;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2),
                   sorted.end());
  const double median = sorted[sorted.size() / 2];
  const auto shift = WilcoxonShift(canary, baseline, kConfidence);
  if (shift && median > 0.0) {
    out.effect = 1.0 + shift->estimate / median;
    out.effect_low = 1.0 + shift->low / median;
    out.effect_high = 1.0 + shift->high / median;
  }
  const double have = static_cast<double>(canary.size() + baseline.size());
  const double share = static_cast<double>(canary.size()) / have;
  const double events =
      EventsToExpect(static_cast<double>(canary.size()), have, options.level(), kShownIntervals);
  const double needed = events / kShownIntervals * inflation / share;
  if (std::isfinite(needed)) out.requests_needed = std::ceil(std::max(0.0, needed - have));
  outcome->enough = have >= needed;
  out.reason = fmt::format(
      "{}{} values of the canary against {}, by ranks and tails and the rank sum's p as an e-value "
      "(Vovk-Wang); {}{}",
      shift ? fmt::format("shift {:.4g} on a median of {:.4g}; ", shift->estimate, median) : "",
      canary.size(), baseline.size(), EText(outcome->weighed.log_e),
      inflation > 1.0
          ? fmt::format("; neighbours are alike, so {:.2g} values count as one", inflation)
      : known ? ""
              : "; too few to see whether neighbours are alike: taken as independent");
}

Outcome JudgeValues(const JudgedMetric& metric, const JudgeOptions& options) {
  if (Values(metric.canary).empty() || Values(metric.baseline).empty()) return NoData(metric);
  using Direction = JudgedMetric::Direction;
  Outcome outcome;
  outcome.weighed.metric.name = metric.name;
  outcome.weighed.weight = kValueWeight;
  const std::optional<double> known = Inflation(metric);
  const double inflation = known.value_or(1.0);
  std::vector<Weighed> sides;
  double p_value = 1.0;
  const double ways = metric.direction == Direction::kEither ? 2.0 : 1.0;
  for (const bool decrease : {false, true}) {
    if (metric.direction == (decrease ? Direction::kIncrease : Direction::kDecrease)) continue;
    ValueRecord record(metric, decrease, options);
    const double tail = record.LogE();
    sides.push_back({{}, 1.0 - kRankShare, tail / inflation});
    sides.push_back({{}, kRankShare, record.LogRankE() / inflation});
    if (inflation > 1.0) continue;
    Random random(options.seed);
    const double cost = kDrawOfAValue * static_cast<double>(record.size());
    p_value = std::min(p_value, ways * PValueByDraws(tail, options.level() / ways, DrawsFor(cost),
                                                     [&] { return record.DrawLogE(&random); }));
  }
  outcome.weighed.log_e = LogMeanE(sides);
  if (inflation == 1.0) outcome.p_value = p_value;
  DescribeValue(metric, known, options, &outcome);
  return outcome;
}

}  // namespace

double LogCalibrated(double p) {
  // At p = 1 the limit is 1/2.
  if (p > 0.9999) return std::log(0.5);
  const double log_p = std::log(std::max(p, 1e-300));
  return std::log(1.0 - p + p * log_p) - log_p - 2.0 * std::log(-log_p);
}

JudgedMetric::Kind GuessKind(const JudgedMetric& metric) {
  bool share = !metric.canary.empty() || !metric.baseline.empty();
  bool whole = true;
  bool some = false;
  ForEachPoint(metric, [&](const JudgedPoint& point) {
    if (point.count < 0.0) share = false;
    if (std::isnan(point.value)) return;
    if (point.value < 0.0 || point.value > 1.0) share = false;
    const double hits = point.value * point.count;
    whole = whole && std::abs(hits - std::round(hits)) <= 1e-6 * std::max(1.0, hits);
    some = some || point.count > 0.0;
  });
  if (!share || !some) return JudgedMetric::Kind::kValue;
  const bool named = NameHas(metric.name, {"err", "fail", "5xx", "4xx", "success", "availab"});
  return named || whole ? JudgedMetric::Kind::kShare : JudgedMetric::Kind::kValue;
}

JudgedMetric::Direction GuessDirection(const std::string& name) {
  return NameHas(name, {"success", "throughput", "orders", "availab", "hit_r", "good"})
             ? JudgedMetric::Direction::kDecrease
             : JudgedMetric::Direction::kIncrease;
}

Judgement JudgeSeries(const std::vector<JudgedMetric>& metrics, const JudgeOptions& options) {
  std::vector<Outcome> outcomes;
  double total = 0.0;
  std::size_t enough = 0;
  for (const JudgedMetric& metric : metrics) {
    outcomes.push_back(metric.kind == JudgedMetric::Kind::kShare ? JudgeShare(metric, options)
                                                                 : JudgeValues(metric, options));
    total += outcomes.back().weighed.weight;
    enough += outcomes.back().enough ? 1U : 0U;
  }
  if (total == 0.0) outcomes.front().weighed.weight = total = 1.0;
  std::optional<double> p_value;
  std::vector<Weighed> weighed;
  for (Outcome& outcome : outcomes) {
    if (outcome.p_value && outcome.weighed.weight > 0.0)
      p_value =
          std::min({p_value.value_or(1.0), 1.0, *outcome.p_value * total / outcome.weighed.weight});
    weighed.push_back(std::move(outcome.weighed));
  }
  Judgement judgement =
      Conclude(std::move(weighed), p_value, options, 2 * enough >= metrics.size(),
               fmt::format("{} of {} metrics could have shown a fault", enough, metrics.size()));
  for (std::size_t m = 0; m < outcomes.size(); ++m) {
    MetricJudgement& metric = judgement.metrics[m];
    if (!outcomes[m].enough && metric.verdict == JudgeVerdict::kPass)
      metric.verdict = JudgeVerdict::kInconclusive;
  }
  return judgement;
}

}  // namespace auspex::evidence
