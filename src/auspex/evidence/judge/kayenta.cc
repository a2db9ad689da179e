#include "auspex/evidence/judge/kayenta.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "auspex/base/random.h"
#include "auspex/evidence/judge/wilcoxon.h"

namespace auspex::evidence {
namespace {

// Hard-coded in Kayenta too; its configuration keys for them are dead.
constexpr double kConfidence = 0.98;
constexpr double kTolerance = 0.25;
// Share of Nodata metrics, in percent, from which the score is 0.
constexpr double kTooMuchNodata = 50.0;
constexpr double kNoise = 1e-5;
constexpr std::uint64_t kNoiseSeed = 1;

struct Classified {
  std::string label;  // Pass, High, Low, Nodata, NodataFailMetric, Error
  bool critical = false;
  double deviation = 1.0;  // canary's mean over the baseline's; NaN where one is 0
  std::optional<Shift> shift;
  std::string reason;
};

double Mean(const std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double rest = 0.0;
  for (const double value : values) rest += value - mean;
  return mean + rest / n;
}

// Percentile by linear interpolation between order statistics (type 7 of R). Sorted, not empty.
double Percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

std::vector<double> Prepared(const std::vector<double>& raw, const KayentaMetric& metric) {
  std::vector<double> values;
  for (const double value : raw) {
    if (!std::isnan(value)) {
      values.push_back(value);
    } else if (metric.replace_nan) {
      values.push_back(0.0);
    }
  }
  if (!metric.remove_outliers || values.empty()) return values;
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const double q1 = Percentile(sorted, 0.25);
  const double q3 = Percentile(sorted, 0.75);
  const double reach = metric.outlier_factor * (q3 - q1);
  const double low = std::min(Percentile(sorted, 0.01), q1 - reach);
  const double high = std::max(Percentile(sorted, 0.99), q3 + reach);
  std::erase_if(values, [low, high](double value) { return value < low || value > high; });
  return values;
}

double MeanRatio(const std::vector<double>& canary, const std::vector<double>& baseline) {
  const double c = Mean(canary);
  const double b = Mean(baseline);
  return c == 0.0 || b == 0.0 ? std::numeric_limits<double>::quiet_NaN() : c / b;
}

// Share of pairs in which the canary is higher, ties half.
double CommonLanguageEffect(const std::vector<double>& canary, std::vector<double> baseline) {
  std::sort(baseline.begin(), baseline.end());
  double sum = 0.0;
  for (const double value : canary) {
    const auto [low, high] = std::equal_range(baseline.begin(), baseline.end(), value);
    sum += static_cast<double>(low - baseline.begin()) + 0.5 * static_cast<double>(high - low);
  }
  return sum / (static_cast<double>(canary.size()) * static_cast<double>(baseline.size()));
}

bool Constant(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(),
                     [&values](double value) { return value == values.front(); });
}

std::vector<double> WithNoise(std::vector<double> values, Random* random) {
  const double sd = values.front() * kNoise;
  for (double& value : values) value += sd * random->Normal();
  return values;
}

Classified Compare(std::vector<double> canary, std::vector<double> baseline,
                   const KayentaMetric& metric) {
  if (Constant(canary) && Constant(baseline)) {
    Random random(kNoiseSeed);
    canary = WithNoise(std::move(canary), &random);
    baseline = WithNoise(std::move(baseline), &random);
  }
  const auto found = WilcoxonShift(canary, baseline, kConfidence);
  if (!found) return {"Error", false, 1.0, {}, "all values are equal"};
  Classified done;
  // With many ties the two roots, each searched to a tolerance, may pass each other.
  const auto [least, most] = std::minmax(found->low, found->high);
  done.shift = Shift{found->estimate, least, most, kTolerance * std::abs(found->estimate)};
  done.deviation = MeanRatio(canary, baseline);
  const double effect = metric.cles ? CommonLanguageEffect(canary, baseline) : done.deviation;
  const double neutral = metric.cles ? 0.5 : 1.0;
  const auto reaches = [effect](double threshold, bool increase) {
    return std::isnan(effect) || (increase ? effect >= threshold : effect <= threshold);
  };
  using Direction = KayentaMetric::Direction;
  const bool high = metric.direction != Direction::kDecrease && found->low > done.shift->bound &&
                    reaches(metric.allowed_increase.value_or(neutral), true);
  const bool low = metric.direction != Direction::kIncrease && found->high < -done.shift->bound &&
                   reaches(metric.allowed_decrease.value_or(neutral), false);
  done.label = high ? "High" : low ? "Low" : "Pass";
  done.critical = metric.critical &&
                  ((high && reaches(metric.critical_increase.value_or(neutral), true)) ||
                   (!high && low && reaches(metric.critical_decrease.value_or(neutral), false)));
  done.reason =
      fmt::format("shift {:.5g} ({:.5g} to {:.5g}, 98 %), {} at {}{:.5g}", found->estimate, least,
                  most, low ? "Low" : "High", low ? "below -" : "above ", done.shift->bound);
  return done;
}

Classified Classify(const KayentaValues& values) {
  const KayentaMetric& metric = values.metric;
  const std::vector<double> canary = Prepared(values.canary, metric);
  const std::vector<double> baseline = Prepared(values.baseline, metric);
  if (canary.empty() || baseline.empty()) {
    if (metric.replace_nan) return {"Pass", false, 1.0, {}, "no values of an arm"};
    const std::string reason =
        fmt::format("no values of the {}", canary.empty() ? "canary" : "baseline");
    if (metric.must_have_data && !metric.critical)
      return {"NodataFailMetric", false, 1.0, {}, reason};
    return {"Nodata", metric.critical, 1.0, {}, reason};
  }
  std::vector<double> a = canary;
  std::vector<double> b = baseline;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  if (a == b) return {"Pass", false, 1.0, {}, "both arms have the same values"};
  return Compare(canary, baseline, metric);
}

// Mean of the groups by weight; groups without one share what the weights leave of 100.
double WeightedScore(const std::vector<KayentaValues>& metrics,
                     const std::vector<Classified>& classified, const KayentaConfig& config) {
  struct Group {
    double pass = 0.0;
    double counted = 0.0;
  };
  std::map<std::string, Group> groups;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (metrics[i].metric.muted) continue;
    const std::string& label = classified[i].label;
    for (const std::string& name : metrics[i].metric.groups) {
      Group& group = groups[name];
      group.pass += label == "Pass" ? 1.0 : 0.0;
      group.counted += label == "Nodata" || label == "Error" ? 0.0 : 1.0;
    }
  }
  double given = 0.0;
  for (const auto& [name, weight] : config.group_weights) given += weight;
  const auto others = std::count_if(groups.begin(), groups.end(), [&config](const auto& entry) {
    return !config.group_weights.contains(entry.first);
  });
  double score = 0.0;
  for (const auto& [name, group] : groups) {
    const auto found = config.group_weights.find(name);
    const double weight = found != config.group_weights.end()
                              ? found->second
                              : (100.0 - given) / static_cast<double>(others);
    score += (group.counted == 0.0 ? 100.0 : 100.0 * group.pass / group.counted) * weight / 100.0;
  }
  return std::round(score * 100.0) / 100.0;
}

struct Score {
  double value = 0.0;
  std::string reason;
};

Score ScoreOf(const std::vector<KayentaValues>& metrics, const std::vector<Classified>& classified,
              const KayentaConfig& config) {
  double counted = 0.0;
  double nodata = 0.0;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (metrics[i].metric.muted) continue;
    counted += 1.0;
    nodata += classified[i].label == "Nodata" ? 1.0 : 0.0;
    if (classified[i].critical && classified[i].label != "Pass")
      return {0.0, fmt::format("the critical metric {} is {}", metrics[i].metric.name,
                               classified[i].label)};
  }
  if (counted > 0.0 && nodata / counted * 100.0 >= kTooMuchNodata)
    return {0.0, fmt::format("{:g} of {:g} metrics have no data", nodata, counted)};
  return {WeightedScore(metrics, classified, config), ""};
}

JudgeVerdict VerdictOf(const std::string& label) {
  if (label == "Pass") return JudgeVerdict::kPass;
  return label == "Nodata" || label == "Error" ? JudgeVerdict::kInconclusive : JudgeVerdict::kFail;
}

}  // namespace

Judgement JudgeAsKayenta(const std::vector<KayentaValues>& metrics, const KayentaConfig& config) {
  std::vector<Classified> classified;
  Judgement judgement;
  for (const KayentaValues& values : metrics) {
    const Classified& one = classified.emplace_back(Classify(values));
    MetricJudgement metric;
    metric.name = values.metric.name;
    metric.classification = one.label;
    metric.verdict = VerdictOf(one.label);
    if (one.shift && std::isfinite(one.deviation)) metric.effect = one.deviation;
    metric.shift = one.shift;
    metric.reason =
        fmt::format("{}: {}{}", one.label, one.reason, one.critical ? " (critical)" : "");
    judgement.metrics.push_back(std::move(metric));
  }
  const Score score = ScoreOf(metrics, classified, config);
  judgement.score = score.value;
  judgement.verdict = score.value >= config.pass       ? JudgeVerdict::kPass
                      : score.value >= config.marginal ? JudgeVerdict::kInconclusive
                                                       : JudgeVerdict::kFail;
  judgement.reason =
      fmt::format("score {:g}, pass from {:g}, marginal from {:g}{}{}", score.value, config.pass,
                  config.marginal, score.reason.empty() ? "" : ": ", score.reason);
  return judgement;
}

}  // namespace auspex::evidence
