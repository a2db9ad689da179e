#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "auspex/base/clock.h"
#include "auspex/base/input.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/judge_answer.h"
#include "auspex/cli/kayenta_config.h"
#include "auspex/evidence/judge/change.h"
#include "auspex/evidence/judge/kayenta.h"
#include "auspex/evidence/judge/requests.h"
#include "auspex/evidence/judge/series.h"
#include "auspex/telemetry/recorded/recorded.h"

namespace auspex::cli {
namespace {

using evidence::Judgement;
using telemetry::RecordedMetric;
using telemetry::RecordedMetrics;
using telemetry::RecordedRequest;
using telemetry::RecordedRequests;
using telemetry::RecordedSeries;

struct Answer {
  Judgement judgement;
  std::vector<std::string> notes;
};

std::vector<std::string> NotesOf(const telemetry::Notes& notes) {
  std::vector<std::string> texts;
  if (notes.unsorted > 0)
    texts.push_back(
        fmt::format("{} of {} rows were out of order; sorted by time", notes.unsorted, notes.rows));
  if (notes.duplicates > 0)
    texts.push_back(fmt::format("{} rows stood twice; counted once", notes.duplicates));
  if (notes.missing > 0)
    texts.push_back(fmt::format("{} of {} rows have no value", notes.missing, notes.rows));
  if (!notes.ignored_columns.empty())
    texts.push_back(
        fmt::format("columns not looked at: {}", fmt::join(notes.ignored_columns, ", ")));
  return texts;
}

evidence::JudgeOptions EvidenceOptions(const JudgeFileOptions& options) {
  evidence::JudgeOptions out;
  out.alpha = options.alpha;
  out.tolerated_rate_ratio = 1.0 + options.error_tolerance;
  out.tolerated_value_ratio = 1.0 + options.latency_tolerance;
  out.look = options.look;
  return out;
}

// Leaves the recorded rows empty, so that memory holds them once.
std::vector<evidence::JudgedRequest> Judged(std::vector<RecordedRequest>* rows) {
  std::vector<evidence::JudgedRequest> requests;
  requests.reserve(rows->size());
  for (const RecordedRequest& row : *rows)
    requests.push_back({row.at_s, row.latency_ms, row.route, row.canary, row.ok});
  std::vector<RecordedRequest>().swap(*rows);
  return requests;
}

std::vector<evidence::JudgedPoint> Judged(const std::vector<telemetry::RecordedPoint>& points) {
  std::vector<evidence::JudgedPoint> judged;
  judged.reserve(points.size());
  for (const auto& point : points) judged.push_back({point.at_s, point.value, point.count});
  return judged;
}

// The canary's configuration of this metric; the default where there is no configuration. Error:
// there is one, and the metric is not in it.
Result<evidence::KayentaMetric> Configured(const std::optional<KayentaFile>& config,
                                           const std::string& name) {
  evidence::KayentaMetric metric;
  metric.name = name;
  if (!config) return metric;
  std::vector<std::string> names;
  for (const auto& known : config->metrics) {
    if (known.name == name) return known;
    names.push_back(known.name);
  }
  return Fail(
      ErrorCode::kInvalidArgument,
      "metric '{}' is not in the configuration, which has {}; add it there or drop its rows", name,
      fmt::join(names, ", "));
}

std::vector<double> Values(const std::vector<telemetry::RecordedPoint>& points) {
  std::vector<double> values;
  values.reserve(points.size());
  for (const auto& point : points) values.push_back(point.value);
  return values;
}

// The values of single requests, where a series has one of each interval.
std::vector<evidence::KayentaValues> RequestValues(const RecordedRequests& requests) {
  std::vector<evidence::KayentaValues> metrics(2);
  metrics[0].metric.name = "errors";
  metrics[1].metric.name = "latency_ms";
  for (const RecordedRequest& row : requests.rows) {
    (row.canary ? metrics[0].canary : metrics[0].baseline).push_back(row.ok ? 0.0 : 1.0);
    (row.canary ? metrics[1].canary : metrics[1].baseline).push_back(row.latency_ms);
  }
  return metrics;
}

Result<Answer> AsKayenta(std::vector<evidence::KayentaValues> values,
                         const std::optional<KayentaFile>& config,
                         const JudgeFileOptions& options) {
  for (auto& one : values) {
    AUSPEX_TRY(one.metric, Configured(config, one.metric.name));
  }
  // A metric that is configured and has no rows is Nodata.
  if (config) {
    for (const auto& metric : config->metrics) {
      const bool there = std::any_of(values.begin(), values.end(), [&metric](const auto& one) {
        return one.metric.name == metric.name;
      });
      if (!there) values.push_back({metric, {}, {}});
    }
  }
  Judgement judgement = JudgeAsKayenta(values, config ? config->config : evidence::KayentaConfig{});
  judgement.alpha = options.alpha;
  return Answer{std::move(judgement), config ? config->notes : std::vector<std::string>()};
}

Result<Answer> JudgeRecorded(RecordedRequests recorded, const std::optional<KayentaFile>& config,
                             const JudgeFileOptions& options) {
  if (options.method == "mann-whitney") return AsKayenta(RequestValues(recorded), config, options);
  if (config)
    return Fail(ErrorCode::kInvalidArgument,
                "--config names metrics of series; requests are judged without it");
  const auto requests = Judged(&recorded.rows);
  return Answer{JudgeRequests(requests, recorded.routes, EvidenceOptions(options)), {}};
}

Result<Answer> JudgeRecorded(const RecordedMetrics& recorded,
                             const std::optional<KayentaFile>& config,
                             const JudgeFileOptions& options) {
  if (options.method == "mann-whitney") {
    std::vector<evidence::KayentaValues> values;
    for (const RecordedMetric& metric : recorded.metrics) {
      evidence::KayentaValues& one = values.emplace_back();
      one.metric.name = metric.name;
      one.canary = Values(metric.canary);
      one.baseline = Values(metric.baseline);
    }
    return AsKayenta(std::move(values), config, options);
  }
  std::vector<evidence::JudgedMetric> metrics;
  std::vector<std::string> notes;
  for (const RecordedMetric& metric : recorded.metrics) {
    using Direction = evidence::JudgedMetric::Direction;
    evidence::JudgedMetric& one = metrics.emplace_back();
    one.name = metric.name;
    one.canary = Judged(metric.canary);
    one.baseline = Judged(metric.baseline);
    one.kind = GuessKind(one);
    one.direction = evidence::GuessDirection(metric.name);
    if (config) {
      AUSPEX_TRY(const auto known, Configured(config, metric.name));
      using Known = evidence::KayentaMetric::Direction;
      one.direction = known.direction == Known::kIncrease   ? Direction::kIncrease
                      : known.direction == Known::kDecrease ? Direction::kDecrease
                                                            : Direction::kEither;
    }
    const bool share = one.kind == evidence::JudgedMetric::Kind::kShare;
    // Fewer failures are never held against a canary.
    if (share && one.direction == Direction::kEither) one.direction = Direction::kIncrease;
    notes.push_back(
        fmt::format("{}: {}; {} is bad", metric.name,
                    share ? "shares of counted requests" : "values without a known count of events",
                    one.direction == Direction::kEither     ? "either way"
                    : one.direction == Direction::kDecrease ? "less"
                                                            : "more"));
  }
  return Answer{JudgeSeries(metrics, EvidenceOptions(options)), std::move(notes)};
}

Result<Answer> JudgeRecorded(const RecordedSeries& recorded, const std::optional<KayentaFile>&,
                             const JudgeFileOptions& options) {
  if (options.change_at.empty())
    return Fail(ErrorCode::kInvalidArgument,
                "one series without arms; say when the change was, as --change-at "
                "2026-11-24T11:13:00Z");
  AUSPEX_TRY(const WallTime at, ParseTime(options.change_at));
  std::vector<evidence::SeriesPoint> points;
  points.reserve(recorded.points.size());
  for (const auto& point : recorded.points) points.push_back({point.at_s, point.value});
  AUSPEX_TRY(Judgement judgement,
             JudgeChange(points, {static_cast<double>(MicrosSinceEpoch(at)) * 1e-6, options.after_s,
                                  options.alpha, options.look}));
  return Answer{std::move(judgement), {}};
}

Result<Answer> Judge(const JudgeFileOptions& options) {
  std::optional<KayentaFile> config;
  if (!options.config.empty()) {
    AUSPEX_TRY(config, ReadKayentaConfig(options.config));
  }
  if (!options.change_at.empty()) {
    AUSPEX_TRY(ParseTime(options.change_at));
  }
  const std::string name = options.file == "-" ? "<stdin>" : options.file;
  AUSPEX_TRY(auto input, OpenInput(options.file));
  AUSPEX_TRY(auto recording, telemetry::ReadRecording(std::move(input), name));
  if (!options.change_at.empty() && !std::holds_alternative<RecordedSeries>(recording))
    return Fail(ErrorCode::kInvalidArgument,
                "{}: --change-at wants one series, timestamp,value; this file has two arms", name);
  return std::visit(
      [&](auto& recorded) -> Result<Answer> {
        std::vector<std::string> notes = NotesOf(recorded.notes);
        Result<Answer> answer = JudgeRecorded(std::move(recorded), config, options);
        if (!answer.ok()) return Within(name, answer.error());
        answer->notes.insert(answer->notes.begin(), notes.begin(), notes.end());
        return answer;
      },
      recording);
}

}  // namespace

int JudgeFile(const JudgeFileOptions& options) {
  Result<Answer> answer = Judge(options);
  // Too little data is an answer, too: a program that reads JSON finds it where the others are.
  if (!answer.ok() && answer.error().code == ErrorCode::kNoData && options.json) {
    Judgement missing;
    missing.verdict = evidence::JudgeVerdict::kInconclusive;
    missing.alpha = options.alpha;
    missing.reason = answer.error().message;
    answer = Answer{std::move(missing), {}};
  }
  if (!answer.ok()) return Complain("judge", answer.error());
  const Judgement& judgement = answer->judgement;
  const std::string method = options.change_at.empty() ? options.method : "change";
  if (options.json) {
    fmt::print("{}\n", JudgementToJson(judgement, method, answer->notes));
  } else {
    fmt::print("{}", JudgementToText(judgement, answer->notes));
  }
  switch (judgement.verdict) {
    case evidence::JudgeVerdict::kPass:
      return kGood;
    case evidence::JudgeVerdict::kFail:
      return kBad;
    case evidence::JudgeVerdict::kInconclusive:
      return kNoAnswer;
  }
  return kBug;
}

}  // namespace auspex::cli
