#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace auspex::lab::simulator {

// Two arms that get as many requests and fail at constant rates, from the first minute on: the
// smallest world in which to compare judges.
struct Case {
  std::string name;
  double baseline_rate = 0.0;
  double canary_rate = 0.0;
  std::int64_t requests = 0;  // of each arm and minute
  int minutes = 0;
};
// Those for which figures of other judges are known (docs/simulate.md names the source).
[[nodiscard]] const std::vector<Case>& KnownCases();

enum class CaseJudge {
  kGrowthbook,         // a look each minute
  kGrowthbookNoFloor,  // the same without the rule of 150 events
  kPipecd,             // a look each five minutes, at the last six values
  kKayenta,            // its judge once, at the end
  kAuspex,             // a tick each minute, E >= 1/alpha, alpha .01; history: the baseline's rate
  kAuspexAt5,          // the same at alpha .05, which is the others'
};
inline constexpr std::size_t kCaseJudges = 6;

struct CaseResult {
  Case of;
  struct Answer {
    double flagged = 0.0;  // share of the runs in which the canary was called worse by the end
    double median_minute = 0.0;  // of those
  };
  std::vector<Answer> answers;  // by CaseJudge
};
[[nodiscard]] CaseResult JudgeCase(const Case& known, std::size_t runs, std::uint64_t seed);

[[nodiscard]] std::string ToText(const std::vector<CaseResult>& results, std::size_t runs);
[[nodiscard]] std::string ToJson(const std::vector<CaseResult>& results, std::size_t runs);

}  // namespace auspex::lab::simulator
