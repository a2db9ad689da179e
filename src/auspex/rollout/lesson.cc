#include "auspex/rollout/lesson.h"

#include <algorithm>
#include <cmath>

namespace auspex::rollout {
namespace {

using evidence::Counts;

// Seconds at time scale 1.
constexpr double kBlockSeconds = 300.0;  // section 4: longer than the noise's memory
constexpr double kWatchSeconds =
    480.0;  // twice the default warm-up: what follows it must be seen too
constexpr double kScoreEverySeconds = 10.0;
constexpr double kLeastGaugeValues = 5.0;  // of a block, for its mean to count
// Half of the 95 % point of chi-squared with one degree of freedom.
constexpr double kWithin = 1.92;

// Ratios of an excess worth waiting for. A median's share cannot double; a rare event's can.
struct Ratios {
  double low, high;
};
constexpr Ratios kOfErrors{2.0, 5.0};
constexpr Ratios kOfEdges[] = {{1.3, 1.6}, {1.5, 3.0}, {2.0, 5.0}};  // t50, t90, t99 and beyond

Ratios RatiosOf(std::size_t rate) {
  return rate == 0 ? kOfErrors : kOfEdges[std::min<std::size_t>(rate - 1, 2)];
}

// Errors, then slower than each edge of which both arms told.
std::vector<Counts> RatesOf(const telemetry::Window& window) {
  const telemetry::ArmWindow& c = window.canary;
  const telemetry::ArmWindow& b = window.baseline;
  std::vector<Counts> rates = {{c.errors, c.requests, b.errors, b.requests}};
  for (std::size_t i = 0; i < std::min(c.slower.size(), b.slower.size()); ++i)
    rates.push_back({c.slower[i], c.requests, b.slower[i], b.requests});
  return rates;
}

}  // namespace

void Merge(const Lesson& other, Lesson* sum) {
  Merge(other.errors, &sum->errors);
  if (sum->slower.size() < other.slower.size()) sum->slower.resize(other.slower.size());
  for (std::size_t i = 0; i < other.slower.size(); ++i) Merge(other.slower[i], &sum->slower[i]);
  for (const auto& [name, sums] : other.behaviour) Merge(sums, &sum->behaviour[name]);
  for (const Lesson::Gauge& gauge : other.gauges) {
    const auto same =
        std::find_if(sum->gauges.begin(), sum->gauges.end(), [&](const Lesson::Gauge& one) {
          return one.name == gauge.name && one.tick_s == gauge.tick_s;
        });
    if (same == sum->gauges.end()) {
      sum->gauges.push_back(gauge);
    } else {
      Merge(gauge.pairs, &same->pairs);
      same->highest = std::max(same->highest, gauge.highest);
    }
  }
  sum->cold_start_s.insert(sum->cold_start_s.end(), other.cold_start_s.begin(),
                           other.cold_start_s.end());
}

void LessonRecorder::Add(const Rollout& rollout, const Inputs& inputs) {
  const double seconds = rollout.t - last_t_;
  if (seconds <= 0.0) return;  // waiting, observing, or after the end
  last_t_ = rollout.t;
  if (!inputs.hold.empty() || inputs.covers_s > 0.0 || inputs.stopped_at_s > 0.0) {
    // Values before and after a gap are no pair.
    for (auto& [name, gauge] : gauges_) gauge.pairs.Add(std::nullopt);
    return;
  }
  const std::vector<Counts> rates = RatesOf(inputs.window);
  WatchColdStart(rollout, rates);
  if (rollout.t <= rollout.WarmUp()) return;

  const double scale = rollout.spec.time_scale;
  while (spreads_.size() < rates.size()) spreads_.emplace_back(kBlockSeconds * scale);
  for (std::size_t i = 0; i < rates.size(); ++i) spreads_[i].Add(rates[i], seconds * scale);
  AddBehaviour(rollout, inputs.window, seconds * scale);
  for (const auto& [name, y] : inputs.window.gauges) gauges_.try_emplace(name);
  for (auto& [name, gauge] : gauges_) {
    const auto found = inputs.window.gauges.find(name);
    const bool here = found != inputs.window.gauges.end();
    AddGauge(rollout, here ? std::optional(found->second) : std::nullopt, seconds, &gauge);
  }
}

// In the order of the rollout's behaviour; a tick that said nothing of one is silent for its block.
void LessonRecorder::AddBehaviour(const Rollout& rollout, const telemetry::Window& window,
                                  double seconds) {
  const auto& known = rollout.spec.history.behaviour;
  const auto& canary = window.canary.behaviour;
  const auto& baseline = window.baseline.behaviour;
  for (std::size_t i = 0; i < known.size(); ++i) {
    Counts counts;
    if (i < canary.size() && i < baseline.size())
      counts = {canary[i].events, canary[i].all, baseline[i].events, baseline[i].all};
    behaviour_.try_emplace(known[i].name, kBlockSeconds * rollout.spec.time_scale)
        .first->second.Add(counts, seconds);
  }
}

void LessonRecorder::AddGauge(const Rollout& rollout, const std::optional<double>& y,
                              double seconds, GaugeRecorder* gauge) const {
  // A tick that a person's order cut short is no step of the series.
  const bool whole = seconds > .9 * rollout.TickSeconds();
  gauge->pairs.Add(whole ? y : std::nullopt);
  if (y) gauge->sum += *y, ++gauge->count;
  gauge->seconds += seconds;
  if (gauge->seconds < kBlockSeconds - 1e-6) return;
  if (gauge->count >= kLeastGaugeValues) {
    const double mean = gauge->sum / gauge->count;
    gauge->highest = std::max(gauge->highest.value_or(mean), mean);
  }
  gauge->sum = gauge->count = gauge->seconds = 0.0;
}

void LessonRecorder::WatchColdStart(const Rollout& rollout, const std::vector<Counts>& rates) {
  if (rollout.t > kWatchSeconds + 1e-6) return;
  // Not slower than t99.9: so few requests do not say when it ends.
  const std::size_t watched = std::min<std::size_t>(rates.size(), 4);
  if (cold_.size() < watched) cold_.resize(watched);
  for (std::size_t i = 0; i < watched; ++i) {
    const Ratios ratios = RatiosOf(i);
    if (!(rates[i].canary_requests > 0.0) || !(rates[i].baseline_requests > 0.0)) continue;
    cold_[i].log_ratio[0] += evidence::LogRatioConditional(ratios.low, rates[i]);
    cold_[i].log_ratio[1] += evidence::LogRatioConditional(ratios.high, rates[i]);
  }
  const auto due = static_cast<std::size_t>(rollout.t / kScoreEverySeconds + 1e-6);
  for (ColdStart& cold : cold_) {
    const double most = std::max(cold.log_ratio[0], cold.log_ratio[1]);
    const double least = std::min(cold.log_ratio[0], cold.log_ratio[1]);
    // A rate that joined late, or a tick of several steps: what is known now held until now.
    cold.score.resize(std::max(due, cold.score.size()),
                      most + std::log((1.0 + std::exp(least - most)) / 2.0));
  }
}

double LessonRecorder::ColdStartEnd() const {
  double end = 0.0;
  for (const ColdStart& cold : cold_) {
    double most = 0.0;  // S(0)
    for (const double score : cold.score) most = std::max(most, score);
    for (std::size_t j = cold.score.size(); j > 0; --j) {
      if (cold.score[j - 1] < most - kWithin) continue;
      end = std::max(end, kScoreEverySeconds * static_cast<double>(j));
      break;
    }
  }
  return end;
}

std::optional<Lesson> LessonRecorder::Of(const Rollout& rollout) const {
  const bool passed = rollout.phase == Phase::kEnded && rollout.last.action == Action::kPromote &&
                      rollout.last.verdict == Verdict::kPass;
  if (!passed) return std::nullopt;
  Lesson lesson;
  for (std::size_t i = 0; i < spreads_.size(); ++i) {
    if (i == 0) {
      lesson.errors = spreads_[i].Sums();
    } else {
      lesson.slower.push_back(spreads_[i].Sums());
    }
  }
  for (const auto& [name, spread] : behaviour_) lesson.behaviour[name] = spread.Sums();
  for (const auto& [name, gauge] : gauges_) {
    if (!gauge.highest) continue;
    lesson.gauges.push_back({.name = name,
                             .tick_s = rollout.spec.tick_s,
                             .pairs = gauge.pairs.Sums(),
                             .highest = *gauge.highest});
  }
  lesson.cold_start_s = {ColdStartEnd() * rollout.spec.time_scale};
  return lesson;
}

}  // namespace auspex::rollout
