#include "auspex/rollout/signals.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>

namespace auspex::rollout {
namespace {

using telemetry::BucketReading;
using telemetry::CounterReading;
using telemetry::RateReading;
using telemetry::Series;

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// One arm's questions.
struct Arm {
  telemetry::MetricSource* source;
  const std::string* version;
  const std::string* server;
  WallTime at;
  MonotonicTime deadline;

  [[nodiscard]] Result<std::vector<Series>> Ask(const std::string& query) const {
    return source->Instant(Replaced(Replaced(query, "$version", *version), "$server", *server), at,
                           deadline);
  }
  // The mean of the series' last points (one series an instance).
  [[nodiscard]] Result<double> Gauge(const SignalConfig& signal) const {
    AUSPEX_TRY(const std::vector<Series> series, Ask(signal.query));
    double sum = 0.0;
    double count = 0.0;
    for (const Series& one : series) {
      if (one.points.empty()) continue;
      sum += one.points.back().value;
      ++count;
    }
    if (count == 0.0) return Fail(ErrorCode::kNoData, "no points");
    return sum / count;
  }
  [[nodiscard]] Result<RateReading> Rate(const SignalConfig& signal) const {
    RateReading reading;
    AUSPEX_TRY(const std::vector<Series> all, Ask(signal.all));
    AUSPEX_TRY(reading.all, telemetry::ReadCounter(all));
    const Result<std::vector<Series>> good = Ask(signal.good);
    if (good.ok()) {
      AUSPEX_TRY(reading.good, telemetry::ReadCounter(*good));
    }
    // Nothing succeeded yet, or a label has another name by now: no counter tells which.
    const bool absent =
        good.ok() ? reading.good.series.empty() : good.error().code == ErrorCode::kNoData;
    if (absent) {
      return Fail(ErrorCode::kNoData,
                  "`good` has no series where `all` has; if that means that nothing succeeded, say "
                  "so in the query: `… or vector(0)`");
    }
    if (!good.ok()) return Failure{good.error()};
    return reading;
  }
  // The age of its oldest series' newest sample: an instant query answers with the moment it was
  // asked for, not with the sample's own. Whoever is no Prometheus may not know the function.
  [[nodiscard]] std::optional<double> Age(const SignalConfig& signal) const {
    const auto age = Ask(fmt::format("time() - min(timestamp({}))", signal.all));
    if (!age.ok() || age->empty() || age->front().points.empty()) return std::nullopt;
    return std::max(0.0, age->front().points.back().value);
  }
  [[nodiscard]] Result<BucketReading> Buckets(const SignalConfig& signal) const {
    AUSPEX_TRY(const std::vector<Series> series, Ask(signal.histogram));
    return telemetry::ReadBuckets(series);
  }
};

// `read(arm)` for both, the second only if the first has an answer.
template <typename Read>
auto ReadBoth(const BothArms<Arm>& arms, const Read& read)
    -> Result<BothArms<std::decay_t<decltype(*read(arms.canary))>>> {
  auto canary = read(arms.canary);
  if (!canary.ok()) return Within("the canary", canary.error());
  auto baseline = read(arms.baseline);
  if (!baseline.ok()) return Within("the baseline", baseline.error());
  return BothArms<std::decay_t<decltype(*canary)>>{*std::move(canary), *std::move(baseline)};
}

// Error: what kept the signal out; kNoData is no trouble.
Status ReadOne(const BothArms<Arm>& arms, const SignalConfig& signal, SignalReading* reading) {
  if (signal.IsRate()) {
    AUSPEX_TRY(reading->rates[signal.name],
               ReadBoth(arms, [&](const Arm& arm) { return arm.Rate(signal); }));
    return {};
  }
  if (!signal.histogram.empty()) {
    AUSPEX_TRY(reading->histograms[signal.name],
               ReadBoth(arms, [&](const Arm& arm) { return arm.Buckets(signal); }));
    return {};
  }
  AUSPEX_TRY(const double baseline, arms.baseline.Gauge(signal));
  // Only positive values have a ratio.
  if (baseline > 0.0) reading->baseline[signal.name] = std::log(baseline);
  AUSPEX_TRY(const double canary, arms.canary.Gauge(signal));
  if (canary > 0.0 && baseline > 0.0) reading->gauges[signal.name] = std::log(canary / baseline);
  return {};
}

}  // namespace

SignalReading ReadSignals(telemetry::MetricSource* source, const SignalQuestion& question,
                          MonotonicTime deadline) {
  const BothArms<Arm> arms{
      {source, &question.canary_version, &question.canary_server, question.at, deadline},
      {source, &question.baseline_version, &question.baseline_server, question.at, deadline}};
  const bool versions = !question.canary_version.empty() && !question.baseline_version.empty();
  SignalReading reading;
  for (const SignalConfig& signal : question.signals) {
    if (!versions && signal.ByVersion()) continue;
    const Status read = ReadOne(arms, signal, &reading);
    if (read.ok()) {
      if (signal.role == "errors" && signal.IsRate()) reading.age_s = arms.baseline.Age(signal);
      continue;
    }
    if (read.error().code == ErrorCode::kNoData) {
      if (signal.query.empty())
        reading.unseen.push_back(fmt::format("{} ({})", signal.name, read.error().message));
      continue;
    }
    reading.failure = fmt::format("signal {}: {}", signal.name, read.error().message);
  }
  return reading;
}

}  // namespace auspex::rollout
