#include "auspex/evidence/judge/weighing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "auspex/evidence/rate_evidence.h"

namespace auspex::evidence {
namespace {

// Of CalibratedPFail.
constexpr double kAtNothing = -2.112;
constexpr double kSlope = 1.104;
// A metric that carries this share of what proves the canary bad is called bad itself.
constexpr double kCarries = 0.25;
// A metric whose E is above this points at the canary, unproven.
constexpr double kPoints = 3.0;

constexpr double kDrawBudget = 3e8;
constexpr double kMostDraws = 999.0;
constexpr double kFewestDraws = 199.0;
// Rate ratio that RequestsStillNeeded speaks of, and what the mixture over ratios costs in ln E.
constexpr double kDetect = 2.0;
constexpr double kMixtureCost = 2.8;
constexpr double kNineOfTen = 1.2816;  // normal quantile

double TotalWeight(const std::vector<Weighed>& metrics) {
  double total = 0.0;
  for (const Weighed& one : metrics) total += one.weight;
  return total;
}

std::string WhyProven(const std::vector<Weighed>& metrics, const Judgement& judgement, double bar) {
  const auto most =
      std::max_element(metrics.begin(), metrics.end(), [](const Weighed& a, const Weighed& b) {
        return std::log(a.weight) + a.log_e < std::log(b.weight) + b.log_e;
      });
  const std::string how = *judgement.log_e >= bar
                              ? fmt::format("{} against a bar of {:g}", EText(*judgement.log_e),
                                            std::round(std::exp(bar)))
                              : fmt::format("p = {:.3g} of {:.3g} ({})", *judgement.p_value,
                                            judgement.level, EText(*judgement.log_e));
  return fmt::format("proven: {}: {}; {}", most->metric.name, most->metric.reason, how);
}

}  // namespace

std::string_view Name(JudgeVerdict verdict) {
  switch (verdict) {
    case JudgeVerdict::kPass:
      return "pass";
    case JudgeVerdict::kFail:
      return "fail";
    case JudgeVerdict::kInconclusive:
      return "inconclusive";
  }
  return "inconclusive";
}

std::string Percent(double share) {
  const double percent = 100.0 * share;
  return percent == 0.0    ? "0 %"
         : percent < 0.095 ? fmt::format("{:.2g} %", percent)
                           : fmt::format("{:.{}f} %", percent, percent < 9.95 ? 2 : 1);
}

std::string EText(double log_e) {
  return log_e > 700.0 ? fmt::format("E = e^{:.0f}", log_e)
                       : fmt::format("E = {:.3g}", std::exp(log_e));
}

double LogMeanE(const std::vector<Weighed>& metrics) {
  if (metrics.empty()) return 0.0;
  double most = metrics.front().log_e;
  for (const Weighed& one : metrics) most = std::max(most, one.log_e);
  double sum = 0.0;
  for (const Weighed& one : metrics) sum += one.weight * std::exp(one.log_e - most);
  return most + std::log(sum / TotalWeight(metrics));
}

double CalibratedPFail(double log_e, std::optional<double> p_value) {
  const double strength = std::max(log_e, p_value ? -std::log(*p_value) : 0.0);
  return 1.0 / (1.0 + std::exp(-(kAtNothing + kSlope * strength)));
}

double LevelOf(double alpha, std::int64_t look) {
  const auto n = static_cast<double>(look);
  return look == 0 ? alpha : alpha / (n * (n + 1.0));
}

std::int64_t DrawsFor(double cost) {
  return static_cast<std::int64_t>(std::clamp(kDrawBudget / cost, kFewestDraws, kMostDraws));
}

double EventsToExpect(double canary, double all, double level, double hit) {
  double chance = 1.0;
  double events = 0.0;
  for (; chance > level; ++events) {
    if (events >= canary) return std::numeric_limits<double>::infinity();
    chance *= (canary - events) / (all - events);
  }
  // m with m - 1.28 sqrt(m (1 - hit)) = events - 1/2: binomial, by its normal limit.
  const double half = 0.5 * kNineOfTen * std::sqrt(1.0 - hit);
  const double root = half + std::sqrt(half * half + events - 0.5);
  return root * root;
}

std::optional<double> RequestsStillNeeded(const ArmTotals& totals, double log_e, double level) {
  const double p = std::min(0.45, (totals.baseline_events + 0.5) / (totals.baseline + 1.0));
  const double gain = LogRatioProjected(
      kDetect, {kDetect * p * totals.canary, totals.canary, p * totals.baseline, totals.baseline},
      p);
  if (gain <= 0.0) return std::nullopt;
  const double missing = -std::log(level) + kMixtureCost - std::max(0.0, log_e);
  return std::ceil(std::max(0.0, missing / gain * (totals.canary + totals.baseline)));
}

double PValueByDraws(double seen, double alpha, std::int64_t most_draws,
                     const std::function<double()>& draw) {
  // So many hits, and p is above alpha whatever the rest brings, and known to a seventh.
  const auto enough = std::max(
      static_cast<std::int64_t>(std::floor(alpha * static_cast<double>(most_draws + 1))) + 1,
      most_draws / 20);
  std::int64_t hits = 0;
  std::int64_t draws = 0;
  while (draws < most_draws && hits < enough) {
    ++draws;
    if (draw() >= seen - 1e-9) ++hits;
  }
  return static_cast<double>(hits + (hits < enough ? 1 : 0)) /
         static_cast<double>(draws + (hits < enough ? 1 : 0));
}

Judgement Conclude(std::vector<Weighed> metrics, std::optional<double> p_value,
                   const JudgeOptions& options, bool enough, const std::string& missing) {
  Judgement judgement;
  judgement.alpha = options.alpha;
  judgement.level = LevelOf(options.alpha, options.look);
  const double bar = -std::log(judgement.level);
  judgement.log_e = LogMeanE(metrics);
  judgement.p_value = p_value;
  judgement.p_fail = CalibratedPFail(*judgement.log_e, p_value);
  // E > 1 as well: p alone speaks of "alike", E of "no worse than tolerated".
  const bool proven =
      *judgement.log_e >= bar || (p_value && *p_value <= judgement.level && *judgement.log_e > 0.0);
  const double total = TotalWeight(metrics);
  for (Weighed& one : metrics) {
    const double share = one.weight / total * std::exp(one.log_e - *judgement.log_e);
    const bool bad = one.log_e >= bar + std::log(total / one.weight) ||
                     (proven && share >= kCarries && one.log_e > 0.0);
    one.metric.log_e = one.log_e;
    // Whatever the whole record could not have shown, none of its metrics has.
    one.metric.verdict = bad                                        ? JudgeVerdict::kFail
                         : !enough || one.log_e > std::log(kPoints) ? JudgeVerdict::kInconclusive
                                                                    : JudgeVerdict::kPass;
  }
  if (proven) {
    judgement.verdict = JudgeVerdict::kFail;
    judgement.reason = WhyProven(metrics, judgement, bar);
  } else if (!enough) {
    judgement.reason = "too little data: " + missing;
  } else if (*judgement.p_fail >= 0.5) {
    judgement.reason =
        fmt::format("not proven, but more likely faulty than not: {}{}", EText(*judgement.log_e),
                    p_value ? fmt::format(", p = {:.3g}", *p_value) : std::string());
  } else {
    judgement.verdict = JudgeVerdict::kPass;
    judgement.reason = fmt::format("no evidence against the canary: {}", EText(*judgement.log_e));
  }
  for (Weighed& one : metrics) judgement.metrics.push_back(std::move(one.metric));
  return judgement;
}

}  // namespace auspex::evidence
