#include "auspex/rollout/signals.h"

#include <cmath>

namespace auspex::rollout {
namespace {

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// One arm's value: the mean of the series' last points (one series an instance).
Result<double> ValueOf(telemetry::MetricSource* source, const std::string& query, WallTime at,
                       MonotonicTime deadline) {
  AUSPEX_TRY(const std::vector<telemetry::Series> series, source->Instant(query, at, deadline));
  double sum = 0.0;
  double count = 0.0;
  for (const telemetry::Series& one : series) {
    if (one.points.empty()) continue;
    sum += one.points.back().value;
    ++count;
  }
  if (count == 0.0) return Fail(ErrorCode::kNoData, "no points");
  return sum / count;
}

}  // namespace

SignalReading ReadSignals(telemetry::MetricSource* source, const SignalQuestion& question,
                          MonotonicTime deadline) {
  SignalReading reading;
  for (const SignalConfig& signal : question.signals) {
    const bool by_version = signal.query.find("$version") != std::string::npos;
    if (by_version && (question.canary_version.empty() || question.baseline_version.empty()))
      continue;
    const auto ask = [&](const std::string& version, const std::string& server) {
      return ValueOf(source,
                     Replaced(Replaced(signal.query, "$version", version), "$server", server),
                     question.at, deadline);
    };
    const Result<double> baseline = ask(question.baseline_version, question.baseline_server);
    const Result<double> canary =
        baseline.ok() ? ask(question.canary_version, question.canary_server) : baseline;
    if (baseline.ok() && *baseline > 0.0) reading.baseline[signal.name] = std::log(*baseline);
    if (canary.ok() && baseline.ok()) {
      // Only positive values have a ratio.
      if (*canary > 0.0 && *baseline > 0.0)
        reading.gauges[signal.name] = std::log(*canary / *baseline);
      continue;
    }
    const Error& error = baseline.ok() ? canary.error() : baseline.error();
    if (error.code != ErrorCode::kNoData)
      reading.failure = fmt::format("signal {}: {}", signal.name, error.message);
  }
  return reading;
}

}  // namespace auspex::rollout
