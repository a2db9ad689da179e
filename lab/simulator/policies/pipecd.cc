#include "lab/simulator/policies/pipecd.h"

#include <algorithm>
#include <cmath>

#include "lab/simulator/policies/rank_test.h"

namespace auspex::lab::simulator {
namespace {

constexpr double kAlpha = 0.05;  // hard-coded there
constexpr double kShare = .10;
constexpr double kIntervalSeconds = 300.0, kStageSeconds = 1800.0, kMinute = 60.0;
constexpr std::size_t kRangeValues = 6;  // five minutes at a step of one, both ends

bool IsMultiple(double t_s, double of_s) { return std::abs(std::remainder(t_s, of_s)) < 1e-6; }

}  // namespace

bool PipecdFails(std::span<const double> canary, std::span<const double> baseline) {
  return ExactUpperTail(canary, baseline) < kAlpha;
}

std::span<const double> PipecdRange(const std::vector<double>& series) {
  return std::span(series).last(std::min(series.size(), kRangeValues));
}

PipecdRun::PipecdRun(const Traffic* traffic) : traffic_(traffic) {
  look_.seconds = kMinute;
  look_.split = {.canary = kShare, .baseline = kShare};
}

void PipecdRun::See(double begin_s, const Tick& tick) {
  AddMinute(*traffic_, begin_s, kShare, tick, &series_);
  const double now_s = begin_s + kMinute;
  if (!IsMultiple(now_s, kIntervalSeconds)) return;
  const bool fails = PipecdFails(series_.canary.error_rate, series_.baseline.error_rate) ||
                     PipecdFails(series_.canary.latency_ms_p99, series_.baseline.latency_ms_p99);
  series_ = {};
  if (fails || now_s >= kStageSeconds - 1e-6) {
    look_.ended = true;
    look_.end = fails ? Outcome::End::kRolledBack : Outcome::End::kPromoted;
    look_.by_evidence = fails;
    look_.by = fails ? "analysis" : "steps";
  }
}

}  // namespace auspex::lab::simulator
