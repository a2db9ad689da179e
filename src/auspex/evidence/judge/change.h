#pragma once

#include <cstdint>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/evidence/judge/judgement.h"

namespace auspex::evidence {

struct SeriesPoint {
  double at_s = 0.0;
  double value = 0.0;  // NaN: missing
};

struct ChangeOptions {
  double change_at_s = 0.0;
  double after_s = 7200.0;  // > 0; rows later than the change and this are not looked at
  double alpha = 0.01;
  std::int64_t look = 0;  // as in JudgeOptions
};

// One series before and after a change, with no canary to compare with. What to expect is the
// series' own past: the mean of the same time yesterday and last week, each the median of 15
// intervals around it; where there is no past of a day, nothing. The rest (value less expectation)
// after the change is held against the rest before it, by two robust scales: that of the last
// after_s/2 before the change, and that of all of the past. Each gives the mean of the three
// largest deviations after the change over 1.4826 times the median deviation before it; a logistic
// function of both logarithms gives p_fail, `log_e` its log odds (no e-value: it proves nothing),
// and p the place of these among those of harmless changes: p within the look's level is fail.
// Deviations to both sides count.
//
// Its four weights and the two figures of harmless changes are fitted on half of the 96 series of
// the kontrast data, and measured on the other half (docs/judge.md). So here the bound alpha is
// empirical, where the judge of two arms has it by proof.
//
// `points` sorted by time, each time once. Errors: kInvalidArgument (the change is not inside the
// series; intervals so uneven that there is no grid), kNoData (too few values before or after).
[[nodiscard]] Result<Judgement> JudgeChange(const std::vector<SeriesPoint>& points,
                                            const ChangeOptions& options);

}  // namespace auspex::evidence
