#include "lab/simulator/cases.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "auspex/base/random.h"
#include "auspex/base/result.h"
#include "auspex/evidence/evidence.h"
#include "auspex/evidence/judge/kayenta.h"
#include "lab/simulator/policies/growthbook.h"
#include "lab/simulator/policies/pipecd.h"
#include "lab/simulator/text_table.h"

namespace auspex::lab::simulator {
namespace {

constexpr double kMinuteSeconds = 60.0;
constexpr double kOnset = 300.0;  // t0 of docs/statistics.md, section 3
constexpr int kPipecdMinutes = 5;

struct Minute {
  double canary_errors = 0.0;
  double baseline_errors = 0.0;
};

// Ours, with errors alone: no latency, no routes, no warm-up.
class Ours {
 public:
  explicit Ours(const Case& known) : requests_(static_cast<double>(known.requests)) {
    evidence::CanaryEvidence::Options options;
    options.tick_s = kMinuteSeconds;
    if (known.baseline_rate > 0.0) options.history.error_rate = known.baseline_rate;
    evidence_.emplace(options);
  }
  // ln E.
  double See(const Minute& minute, int number) {
    evidence::TickCounts counts;
    counts.errors = {.canary_events = minute.canary_errors,
                     .canary_requests = requests_,
                     .baseline_events = minute.baseline_errors,
                     .baseline_requests = requests_};
    evidence_->Step(counts, {.hazard = kMinuteSeconds / (kOnset + kMinuteSeconds * number),
                             .warm_up = false,
                             .high_load = true});
    return evidence_->log_e();
  }

 private:
  double requests_;
  std::optional<evidence::CanaryEvidence> evidence_;
};

bool KayentaSaysHigh(const std::vector<double>& canary, const std::vector<double>& baseline) {
  evidence::KayentaValues values;
  values.metric.name = "errors";
  values.metric.direction = evidence::KayentaMetric::Direction::kIncrease;
  values.canary = canary;
  values.baseline = baseline;
  return evidence::JudgeAsKayenta({values}, {}).verdict == evidence::JudgeVerdict::kFail;
}

using FirstMinutes = std::array<std::optional<int>, kCaseJudges>;

FirstMinutes RunOnce(const Case& known, Random* random) {
  FirstMinutes first;
  const auto note = [&](CaseJudge judge, bool worse, int minute) {
    std::optional<int>& at = first[static_cast<std::size_t>(judge)];
    if (worse && !at) at = minute;
  };
  Ours ours(known);
  Guardrail guardrail;
  const auto requests = static_cast<double>(known.requests);
  std::vector<double> canary, baseline;
  for (int minute = 1; minute <= known.minutes; ++minute) {
    const Minute seen = {
        .canary_errors = static_cast<double>(random->Binomial(known.requests, known.canary_rate)),
        .baseline_errors =
            static_cast<double>(random->Binomial(known.requests, known.baseline_rate))};
    guardrail.rollout.units += requests;
    guardrail.control.units += requests;
    guardrail.rollout.events += seen.canary_errors;
    guardrail.control.events += seen.baseline_errors;
    note(CaseJudge::kGrowthbook, GuardrailLost(guardrail), minute);
    note(CaseJudge::kGrowthbookNoFloor, GuardrailLost(guardrail, 0.0), minute);
    canary.push_back(seen.canary_errors / requests);
    baseline.push_back(seen.baseline_errors / requests);
    if (minute % kPipecdMinutes == 0 && minute < known.minutes) {
      note(CaseJudge::kPipecd, PipecdFails(PipecdRange(canary), PipecdRange(baseline)), minute);
    }
    const double log_e = ours.See(seen, minute);
    note(CaseJudge::kAuspex, log_e >= -std::log(.01), minute);
    note(CaseJudge::kKayenta, minute == known.minutes && KayentaSaysHigh(canary, baseline), minute);
    note(CaseJudge::kAuspexAt5, log_e >= -std::log(.05), minute);
  }
  return first;
}

constexpr std::array<const char*, kCaseJudges> kNames = {"GrowthBook",       "GrowthBook, no floor",
                                                         "PipeCD rate[1m]",  "Kayenta",
                                                         "Auspex alpha .01", "Auspex alpha .05"};
constexpr std::array<const char*, kCaseJudges> kKeys = {
    "growthbook", "growthbook_no_floor", "pipecd", "kayenta", "auspex", "auspex_alpha_5"};

}  // namespace

const std::vector<Case>& KnownCases() {
  static const std::vector<Case> kCases = {
      {"1 % -> 3 %", .01, .03, 20, 50},   {"1 % -> 5 %", .01, .05, 20, 50},
      {"1 % -> 2 %", .01, .02, 100, 50},  {"1 % -> 5 %", .01, .05, 20, 10},
      {"0 % -> 5 %", .0, .05, 20, 30},    {"1 % -> 1 %", .01, .01, 20, 50},
      {"1 % -> 1 %", .01, .01, 100, 30},  {"1 % -> 1 %", .01, .01, 100, 50},
      {"1 % -> 1 %", .01, .01, 1000, 30},
  };
  return kCases;
}

CaseResult JudgeCase(const Case& known, std::size_t runs, std::uint64_t seed) {
  CaseResult result{.of = known, .answers = {}};
  std::array<std::vector<int>, kCaseJudges> minutes;
  Random random(seed);
  for (std::size_t run = 0; run < runs; ++run) {
    const FirstMinutes first = RunOnce(known, &random);
    for (std::size_t judge = 0; judge < kCaseJudges; ++judge) {
      if (first[judge]) minutes[judge].push_back(*first[judge]);
    }
  }
  for (std::vector<int>& of_judge : minutes) {
    CaseResult::Answer answer;
    answer.flagged = static_cast<double>(of_judge.size()) / static_cast<double>(runs);
    if (!of_judge.empty()) {
      const auto middle = of_judge.begin() + static_cast<std::ptrdiff_t>(of_judge.size() / 2);
      std::nth_element(of_judge.begin(), middle, of_judge.end());
      answer.median_minute = *middle;
    }
    result.answers.push_back(answer);
  }
  return result;
}

std::string ToText(const std::vector<CaseResult>& results, std::size_t runs) {
  TextTable table;
  std::vector<std::string> head = {"errors", "an arm and minute", "minutes"};
  head.insert(head.end(), kNames.begin(), kNames.end());
  table.Add(head);
  for (const CaseResult& result : results) {
    std::vector<std::string> row = {result.of.name, fmt::format("{}", result.of.requests),
                                    fmt::format("{}", result.of.minutes)};
    for (const CaseResult::Answer& answer : result.answers) {
      const std::string share = fmt::format("{:.1f} %", 100.0 * answer.flagged);
      row.push_back(answer.flagged > 0.0 ? fmt::format("{} in {:.0f}", share, answer.median_minute)
                                         : share);
    }
    table.Add(row);
  }
  return fmt::format(
      "{}\nShare of {} runs in which the canary is called worse, and in how many minutes (median "
      "of "
      "those).\n",
      table.ToText(), runs);
}

std::string ToJson(const std::vector<CaseResult>& results, std::size_t runs) {
  using Json = nlohmann::ordered_json;
  Json cases = Json::array();
  for (const CaseResult& result : results) {
    Json json{{"baseline_error_rate", result.of.baseline_rate},
              {"canary_error_rate", result.of.canary_rate},
              {"requests_per_minute", result.of.requests},
              {"minutes", result.of.minutes}};
    for (std::size_t judge = 0; judge < kCaseJudges; ++judge) {
      const CaseResult::Answer& answer = result.answers[judge];
      json[kKeys[judge]] = {
          {"flagged", answer.flagged},
          {"median_minute", answer.flagged > 0.0 ? Json(answer.median_minute) : Json()}};
    }
    cases.push_back(std::move(json));
  }
  return Json{{"runs", runs}, {"cases", std::move(cases)}}.dump();
}

}  // namespace auspex::lab::simulator
