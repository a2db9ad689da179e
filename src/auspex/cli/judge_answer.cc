#include "auspex/cli/judge_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace auspex::cli {
namespace {

using evidence::Judgement;
using evidence::JudgeVerdict;
using evidence::MetricJudgement;
using nlohmann::ordered_json;

// JSON has no infinity.
ordered_json Number(std::optional<double> value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json MetricJson(const MetricJudgement& metric) {
  ordered_json out{{"name", metric.name},
                   {"verdict", Name(metric.verdict)},
                   {"effect", Number(metric.effect)},
                   {"effect_low", Number(metric.effect_low)},
                   {"effect_high", Number(metric.effect_high)},
                   {"log_e", Number(metric.log_e)},
                   {"requests_needed", Number(metric.requests_needed)},
                   {"reason", metric.reason}};
  if (!metric.classification.empty()) out["classification"] = metric.classification;
  if (metric.shift)
    out["shift"] = {{"estimate", metric.shift->estimate},
                    {"low", metric.shift->low},
                    {"high", metric.shift->high},
                    {"bound", metric.shift->bound}};
  return out;
}

std::string Upper(JudgeVerdict verdict) {
  return verdict == JudgeVerdict::kPass   ? "PASS"
         : verdict == JudgeVerdict::kFail ? "FAIL"
                                          : "INCONCLUSIVE";
}

std::string EffectText(const MetricJudgement& metric) {
  if (!metric.effect) return "-";
  if (!metric.effect_low) return fmt::format("x {:.3g}", *metric.effect);
  return fmt::format("x {:.3g} ({:.3g} to {:.3g})", *metric.effect, *metric.effect_low,
                     *metric.effect_high);
}

std::string NeededText(const MetricJudgement& metric) {
  if (!metric.requests_needed) return "-";
  return *metric.requests_needed < 1e6 ? fmt::format("{:.0f}", *metric.requests_needed)
                                       : fmt::format("{:.2g}", *metric.requests_needed);
}

}  // namespace

std::string JudgementToJson(const Judgement& judgement, std::string_view method,
                            const std::vector<std::string>& notes) {
  ordered_json out{{"verdict", Name(judgement.verdict)},
                   {"p_fail", Number(judgement.p_fail)},
                   {"log_e", Number(judgement.log_e)},
                   {"alpha", judgement.alpha},
                   {"metrics", ordered_json::array()},
                   {"reason", judgement.reason},
                   {"method", method},
                   {"p_value", Number(judgement.p_value)},
                   {"level", judgement.level}};
  for (const MetricJudgement& metric : judgement.metrics)
    out["metrics"].push_back(MetricJson(metric));
  if (judgement.score) out["score"] = *judgement.score;
  if (!notes.empty()) out["notes"] = notes;
  // Names come from the file; bytes that are no UTF-8 are replaced.
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string JudgementToText(const Judgement& judgement, const std::vector<std::string>& notes) {
  std::string text = Upper(judgement.verdict);
  if (judgement.score) text += fmt::format("  score {:g}", *judgement.score);
  if (judgement.p_fail) text += fmt::format("  P(fail) {:.1f} %", 100.0 * *judgement.p_fail);
  if (judgement.log_e && judgement.log_e_proves)
    text += fmt::format("  log E {:.2f} of {:.2f}", *judgement.log_e, -std::log(judgement.level));
  if (judgement.p_value)
    text += fmt::format("  p {:.2g} of {:.2g}", *judgement.p_value, judgement.level);
  text += fmt::format("\n  {}\n\n", judgement.reason);

  std::size_t name = 6;
  std::size_t effect = 6;
  for (const MetricJudgement& metric : judgement.metrics) {
    name = std::max(name, metric.name.size());
    effect = std::max(effect, EffectText(metric).size());
  }
  text += fmt::format("  {:<{}}  {:<12}  {:<{}}  {:>7}  {:>9}  {}\n", "METRIC", name, "VERDICT",
                      "EFFECT", effect, "LOG E", "NEEDED", "WHY");
  for (const MetricJudgement& metric : judgement.metrics) {
    const std::string log_e =
        metric.log_e ? fmt::format("{:.2f}", *metric.log_e) : std::string("-");
    text += fmt::format("  {:<{}}  {:<12}  {:<{}}  {:>7}  {:>9}  {}\n", metric.name, name,
                        Name(metric.verdict), EffectText(metric), effect, log_e, NeededText(metric),
                        metric.reason);
  }
  for (const std::string& note : notes) text += fmt::format("  note: {}\n", note);
  return text;
}

}  // namespace auspex::cli
