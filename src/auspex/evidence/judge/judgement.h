#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace auspex::evidence {

// What a judge of recorded data says; a rollout ends with another one (rollout::Verdict).
enum class JudgeVerdict { kPass, kFail, kInconclusive };
[[nodiscard]] std::string_view Name(JudgeVerdict verdict);  // "pass", "fail", "inconclusive"

// Where the judge of Kayenta sees a shift (wilcoxon.h), in the metric's unit.
struct Shift {
  double estimate = 0.0;
  double low = 0.0;
  double high = 0.0;
  double bound = 0.0;  // what `low` must exceed for High, and `high` undercut, negated, for Low
};

struct MetricJudgement {
  std::string name;
  JudgeVerdict verdict = JudgeVerdict::kInconclusive;
  // Canary over baseline, 1: no difference; with its 95 % interval. nullopt: not to be had.
  std::optional<double> effect;
  std::optional<double> effect_low;
  std::optional<double> effect_high;
  std::optional<double> log_e;
  // Requests (of a series without counts: values) of both arms, more than there are, until a ratio
  // of 2 would be proven.
  std::optional<double> requests_needed;
  std::string reason;
  std::string classification;  // of Kayenta's judge; else empty
  std::optional<Shift> shift;  // of Kayenta's judge
};

// What recorded data prove about a canary, or about a change.
struct Judgement {
  JudgeVerdict verdict = JudgeVerdict::kInconclusive;
  std::optional<double> p_fail;  // nullopt: this judge gives none
  std::optional<double> log_e;
  std::optional<double> p_value;  // of the whole record, looked at once
  double alpha = 0.01;
  double level = 0.01;       // what of alpha this look may spend (JudgeOptions::look)
  bool log_e_proves = true;  // false: log_e is log odds, and p_value alone proves (JudgeChange)
  std::vector<MetricJudgement> metrics;
  std::optional<double> score;  // 0 to 100, of Kayenta's judge
  std::string reason;
};

}  // namespace auspex::evidence
