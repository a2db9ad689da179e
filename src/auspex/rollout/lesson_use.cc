#include <algorithm>
#include <cmath>

#include "auspex/rollout/lesson.h"

// How a lesson becomes the history of the next rollout.
namespace auspex::rollout {
namespace {

// Three rollouts of 45 minutes give 24 blocks, 21 degrees of freedom: the variance is known within
// a third. Two would give it within a half, and a third of all services half of what they need.
constexpr double kLeastFreedom = 20.0;
// Of the variance's standard error, added: nine of ten estimates are then not too small, and too
// small is the side on which good releases are rolled back.
constexpr double kUpper = 1.2816;
// Good rollouts before a warm-up or a gauge's level is believed.
constexpr std::size_t kLeastRollouts = 3;
// Of cold starts. Below 20 rollouts it is the longest.
constexpr double kColdQuantile = 0.95;
// Seconds at time scale 1. One minute: a cold start that comes later than its first requests. The
// default is start and end: what passed with it needs no more, and a longer one would be blind for
// longer.
constexpr double kLeastWarmUp = 60.0;
// A gauge's level may be tested where no good rollout left what the test tolerates (section 4).
const double kToleratedLevel = std::log(1.1);

std::string EdgeName(std::size_t i) {
  static constexpr const char* kNames[] = {"t50", "t90", "t99", "t99.9"};
  return i < std::size(kNames) ? kNames[i] : fmt::format("edge {}", i);
}

// s2 of one rate, per tick; `unknown` collects the names of those that are assumed.
double SpreadFor(const evidence::SpreadSums& sums, const std::string& name,
                 std::vector<std::string>* unknown, RolloutSpec* spec) {
  const double assumed = evidence::kAssumedVariance * spec->time_scale / spec->tick_s;
  double s2 = evidence::LongRunVariance(sums) / spec->tick_s;
  if (sums.freedom > 0.0) s2 *= 1.0 + kUpper * evidence::RelativeError(sums.freedom);
  if (sums.freedom < kLeastFreedom) {
    unknown->push_back(name);
    return std::max(s2, assumed);
  }
  // What the history cannot tell from nothing is as unknown as before, up to what was assumed then.
  s2 = std::max(s2, std::min(assumed, evidence::CountingError(sums) / spec->tick_s));
  spec->learned.push_back(
      fmt::format("arm noise of {}: s2 {:.3g} a tick, from {:.0f} blocks of good rollouts", name,
                  s2, sums.blocks));
  return s2;
}

void ApplySpreads(const Lesson& lesson, RolloutSpec* spec) {
  std::vector<std::string> unknown;
  evidence::History& history = spec->history;
  history.error_s2 = SpreadFor(lesson.errors, "errors", &unknown, spec);
  double freedom = lesson.errors.freedom;
  const std::size_t edges = spec->pace == Pace::kSwift ? 4 : 3;
  for (std::size_t i = 0; i < edges; ++i) {
    const evidence::SpreadSums sums =
        i < lesson.slower.size() ? lesson.slower[i] : evidence::SpreadSums{};
    history.latency_s2[i] = SpreadFor(sums, EdgeName(i), &unknown, spec);
    freedom = std::min(freedom, sums.freedom);
  }
  for (evidence::History::Behaviour& behaviour : history.behaviour) {
    const auto found = lesson.behaviour.find(behaviour.name);
    const evidence::SpreadSums sums =
        found == lesson.behaviour.end() ? evidence::SpreadSums{} : found->second;
    behaviour.s2 = SpreadFor(sums, behaviour.name, &unknown, spec);
    freedom = std::min(freedom, sums.freedom);
  }
  if (unknown.empty()) return;
  spec->assumed.push_back(
      {.text = fmt::format("arms of {} that wander by {:g} %, known after {:.0f} blocks of 5 "
                           "minutes of good rollouts ({:.0f} so far)",
                           fmt::join(unknown, ", "), 100.0 * evidence::kAssumedDeviation,
                           kLeastFreedom, freedom)});
}

void ApplyWarmUp(const Lesson& lesson, RolloutSpec* spec) {
  const double most = kWarmUpSeconds * spec->time_scale;
  if (lesson.rollouts() < kLeastRollouts) {
    spec->assumed.push_back(
        {.text = fmt::format("a warm-up of {:g} s, learned after {} good rollouts ({} so far)",
                             spec->warm_up_s, kLeastRollouts, lesson.rollouts())});
    return;
  }
  std::vector<double> ends = lesson.cold_start_s;
  std::sort(ends.begin(), ends.end());
  const auto rank =
      static_cast<std::size_t>(std::ceil(kColdQuantile * static_cast<double>(ends.size())));
  spec->warm_up_s = std::clamp(ends[rank - 1], kLeastWarmUp * spec->time_scale, most);
  spec->learned.push_back(
      fmt::format("a warm-up of {:g} s, from the cold starts of {} good rollouts", spec->warm_up_s,
                  lesson.rollouts()));
}

// The record of this gauge that has most pairs; values of different spacing are different series.
const Lesson::Gauge* RecordOf(const Lesson& lesson, const std::string& name) {
  const Lesson::Gauge* best = nullptr;
  for (const Lesson::Gauge& gauge : lesson.gauges) {
    if (gauge.name == name && (best == nullptr || gauge.pairs.pairs > best->pairs.pairs))
      best = &gauge;
  }
  return best;
}

void ApplyGauge(const Lesson& lesson, const std::string& name, RolloutSpec* spec) {
  const Lesson::Gauge* record = RecordOf(lesson, name);
  const auto noise = record != nullptr ? evidence::FitNoise(record->pairs) : std::nullopt;
  evidence::History::Gauge gauge{.name = name, .noise = {}, .level = false, .learn = !noise};
  const bool grows = name == evidence::kLeakGauge;
  if (!noise) {
    if (grows) spec->history.gauges.push_back(gauge);
    std::string text =
        grows ? fmt::format(
                    "nothing of signal {}: its growth is judged once {:g} values of the "
                    "baseline have shown its noise",
                    name, evidence::kLeastPairs + 1.0)
              : fmt::format(
                    "nothing of signal {}: it is not judged before {} good rollouts have "
                    "shown its noise and level",
                    name, kLeastRollouts);
    spec->assumed.push_back({.text = std::move(text), .gauge = name});
    return;
  }
  gauge.noise = evidence::AtTick(*noise, record->tick_s, spec->tick_s);
  gauge.level = record->pairs.records >= static_cast<double>(kLeastRollouts) &&
                record->highest <= kToleratedLevel;
  if (grows || gauge.level) spec->history.gauges.push_back(gauge);
  std::string text = fmt::format(
      "noise of signal {}: phi {:.2f}, sigma {:.3g} a tick, from {:.0f} pairs of good rollouts",
      name, gauge.noise.phi, gauge.noise.sigma, record->pairs.pairs);
  if (record->highest > kToleratedLevel) {
    text += fmt::format(
        "; its level is not judged, for in a good rollout it was {:.2f} times the baseline's",
        std::exp(record->highest));
  } else if (!gauge.level) {
    text += fmt::format("; its level is judged after {} good rollouts", kLeastRollouts);
  }
  spec->learned.push_back(std::move(text));
}

}  // namespace

void ApplyLesson(const Lesson& lesson, const Learnable& learnable, RolloutSpec* spec) {
  spec->learned.clear();
  spec->assumed.clear();
  spec->history.gauges.clear();
  ApplySpreads(lesson, spec);
  if (learnable.warm_up) ApplyWarmUp(lesson, spec);
  for (const std::string& name : learnable.gauges) ApplyGauge(lesson, name, spec);
}

}  // namespace auspex::rollout
