#include "auspex/evidence/judge/change.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "auspex/evidence/judge/weighing.h"
#include "auspex/evidence/normal.h"

namespace auspex::evidence {
namespace {

constexpr double kDay = 86400.0;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// Intervals on each side that the expectation is the median of.
constexpr std::size_t kHalfWidth = 7;
constexpr double kMadToSd = 1.4826;
constexpr std::size_t kLargest = 3;
// The weights of log deviations by the scales of just before and of all of the past, and where
// harmless changes lie. Logistic regression (L2, C = 1) on the even series of the kontrast data.
constexpr double kAtNothing = -6.0757;
constexpr double kWeightRecent = 2.1104;
constexpr double kWeightPast = 0.9788;
constexpr double kHarmlessMean = -2.0882;
constexpr double kHarmlessSd = 1.3948;
// Intervals wanted before the change and after it.
constexpr std::size_t kLeastBefore = 20;
constexpr std::size_t kLeastAfter = 5;
constexpr std::size_t kMostSlots = 4'000'000;

// The series on a regular grid up to change + after, NaN where nothing was told.
struct Grid {
  double step_s = 0.0;
  std::size_t change = 0;  // first slot at or after the change
  std::vector<double> values;
};

double Median(std::vector<double>* values) {
  const auto middle = std::next(values->begin(), static_cast<std::ptrdiff_t>(values->size() / 2));
  std::nth_element(values->begin(), middle, values->end());
  if (values->size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values->begin(), middle)) / 2.0;
}

std::vector<double> Told(std::span<const double> values) {
  std::vector<double> told;
  for (const double value : values)
    if (!std::isnan(value)) told.push_back(value);
  return told;
}

Result<Grid> MakeGrid(const std::vector<SeriesPoint>& points, const ChangeOptions& options) {
  std::vector<SeriesPoint> seen;
  for (const SeriesPoint& point : points)
    if (point.at_s <= options.change_at_s + options.after_s) seen.push_back(point);
  if (seen.size() < 2 || seen.front().at_s >= options.change_at_s)
    return Fail(ErrorCode::kInvalidArgument,
                "the series has no past: it begins at {:.0f}, the change is at {:.0f}",
                points.empty() ? 0.0 : points.front().at_s, options.change_at_s);
  if (seen.back().at_s < options.change_at_s)
    return Fail(ErrorCode::kInvalidArgument,
                "the series ends at {:.0f}, before the change at {:.0f}", seen.back().at_s,
                options.change_at_s);
  std::vector<double> steps;
  for (std::size_t i = 1; i < seen.size(); ++i) steps.push_back(seen[i].at_s - seen[i - 1].at_s);
  Grid grid;
  grid.step_s = Median(&steps);
  const double slots = std::round((seen.back().at_s - seen.front().at_s) / grid.step_s) + 1.0;
  if (!(slots <= static_cast<double>(kMostSlots)))
    return Fail(ErrorCode::kInvalidArgument,
                "the intervals are uneven: {:.3g} s is usual, and {:.3g} of these would fill the "
                "time; give one value per interval, at most {} of them",
                grid.step_s, slots, kMostSlots);
  grid.values.assign(static_cast<std::size_t>(slots), kNan);
  const auto slot = [&](double at_s) { return (at_s - seen.front().at_s) / grid.step_s; };
  grid.change =
      std::min(grid.values.size(), static_cast<std::size_t>(std::ceil(slot(options.change_at_s))));
  for (const SeriesPoint& point : seen) {
    // The nearest slot, so that a jitter of the clock does not put two values into one; which side
    // of the change it is on its own time says.
    std::size_t at =
        std::min(grid.values.size() - 1, static_cast<std::size_t>(std::llround(slot(point.at_s))));
    const bool after = point.at_s >= options.change_at_s;
    if (after && at < grid.change) at = std::min(grid.change, grid.values.size() - 1);
    if (!after && at >= grid.change) at = grid.change - 1;
    grid.values[at] = point.value;
  }
  return grid;
}

// The median of the values around each slot.
std::vector<double> Smoothed(const std::vector<double>& values) {
  std::vector<double> smooth(values.size(), kNan);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t from = i - std::min(i, kHalfWidth);
    const std::size_t to = std::min(values.size(), i + kHalfWidth + 1);
    std::vector<double> around = Told(std::span(values).subspan(from, to - from));
    if (!around.empty()) smooth[i] = Median(&around);
  }
  return smooth;
}

// Values less what yesterday and last week let expect. nullopt: there is no such past.
std::optional<std::vector<double>> SeasonalRest(const Grid& grid) {
  const auto day = static_cast<std::size_t>(std::llround(kDay / grid.step_s));
  // A smoothing that reaches behind the change must not show what came after it.
  if (day <= grid.values.size() - grid.change + kHalfWidth || day >= grid.change)
    return std::nullopt;
  const std::vector<double> smooth = Smoothed(grid.values);
  std::vector<double> rest(grid.values.size(), kNan);
  std::size_t before = 0;
  for (std::size_t i = day; i < rest.size(); ++i) {
    const double yesterday = smooth[i - day];
    const double last_week = i >= 7 * day ? smooth[i - 7 * day] : kNan;
    const double expected = std::isnan(yesterday)   ? last_week
                            : std::isnan(last_week) ? yesterday
                                                    : (yesterday + last_week) / 2.0;
    rest[i] = grid.values[i] - expected;
    before += i < grid.change && !std::isnan(rest[i]) ? 1U : 0U;
  }
  if (before < kLeastBefore) return std::nullopt;
  return rest;
}

// How far the largest deviations after lie, in robust scales of before.
double LogDeviation(std::vector<double> before, std::vector<double> after, double least_scale) {
  const double level = Median(&before);
  for (double& value : before) value = std::abs(value - level);
  for (double& value : after) value = std::abs(value - level);
  const std::size_t largest = std::min(kLargest, after.size());
  std::partial_sort(after.begin(), after.begin() + static_cast<std::ptrdiff_t>(largest),
                    after.end(), std::greater<>());
  double sum = 0.0;
  for (std::size_t i = 0; i < largest; ++i) sum += after[i];
  const double scale = kMadToSd * Median(&before) + least_scale;
  return std::log((sum / static_cast<double>(largest) + 1e-12) / scale);
}

// Keeps a constant past from making any step infinite.
double LeastScale(const Grid& grid) {
  std::vector<double> past = Told(std::span(grid.values).first(grid.change));
  double mean = 0.0, square = 0.0;
  const double n = static_cast<double>(past.size());
  for (const double value : past) mean += value / n;
  for (const double value : past) square += (value - mean) * (value - mean) / n;
  return 1e-3 * std::sqrt(square) + 1e-9 + 1e-4 * std::abs(Median(&past));
}

double MeanOf(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

Result<Judgement> JudgeChange(const std::vector<SeriesPoint>& points,
                              const ChangeOptions& options) {
  AUSPEX_TRY(const Grid grid, MakeGrid(points, options));
  const auto seasonal = SeasonalRest(grid);
  const std::vector<double>& rest = seasonal ? *seasonal : grid.values;
  const auto recent = static_cast<std::size_t>(std::ceil(options.after_s / 2.0 / grid.step_s));
  const std::size_t from = grid.change - std::min(grid.change, recent);
  const std::vector<double> all = Told(std::span(rest).first(grid.change));
  std::vector<double> before = Told(std::span(rest).subspan(from, grid.change - from));
  const std::vector<double> after = Told(std::span(rest).subspan(grid.change));
  // A series that paused just before the change is held against all of its past.
  if (before.size() < kLeastBefore) before = all;
  if (all.size() < kLeastBefore || after.size() < kLeastAfter)
    return Fail(ErrorCode::kNoData,
                "{} values before the change and {} after it where {} and {} are needed; wait, or "
                "give a longer series",
                all.size(), after.size(), kLeastBefore, kLeastAfter);
  const double least = LeastScale(grid);
  const double recent_log = LogDeviation(before, after, least);
  const double past_log = LogDeviation(all, after, least);
  const double odds_log = kAtNothing + kWeightRecent * recent_log + kWeightPast * past_log;

  MetricJudgement metric;
  metric.name = "value";
  const double shift = MeanOf(after) - MeanOf(before);
  const double level = MeanOf(Told(std::span(grid.values).subspan(grid.change))) - shift;
  if (level > 0.0) metric.effect = 1.0 + shift / level;
  metric.requests_needed = std::nullopt;
  metric.reason = fmt::format(
      "the largest deviations after the change are {:.3g} times the usual of just before and "
      "{:.3g} times that of all of the past; expected {}",
      std::exp(recent_log), std::exp(past_log),
      seasonal ? "as at this time yesterday (and last week, where known)"
               : "as before: the series is shorter than a day before the change");
  const double p_value = NormalUpperTail((odds_log - kHarmlessMean) / kHarmlessSd);
  Judgement judgement;
  judgement.alpha = options.alpha;
  judgement.level = LevelOf(options.alpha, options.look);
  judgement.log_e = odds_log;
  judgement.log_e_proves = false;
  judgement.p_value = std::max(p_value, 1e-300);
  judgement.p_fail = 1.0 / (1.0 + std::exp(-odds_log));
  const bool likely = *judgement.p_fail >= 0.5;
  judgement.verdict = p_value <= judgement.level && likely ? JudgeVerdict::kFail
                      : likely                             ? JudgeVerdict::kInconclusive
                                                           : JudgeVerdict::kPass;
  metric.verdict = judgement.verdict;
  metric.log_e = odds_log;
  judgement.metrics.push_back(std::move(metric));
  judgement.reason =
      fmt::format("{}: {}; p = {:.2g} by what harmless changes did elsewhere{}",
                  judgement.verdict == JudgeVerdict::kFail ? "the series departs from its past"
                  : likely ? "not proven, but more likely harmful than not"
                           : "no evidence against the change",
                  judgement.metrics[0].reason, p_value,
                  judgement.verdict == JudgeVerdict::kInconclusive
                      ? fmt::format(", proven from {:.2g} down: look again with a longer --after",
                                    judgement.level)
                      : "");
  return judgement;
}

}  // namespace auspex::evidence
