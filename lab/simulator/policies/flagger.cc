#include "lab/simulator/policies/flagger.h"

namespace auspex::lab::simulator {
namespace {

constexpr double kIntervalSeconds = 60.0;
constexpr int kThreshold = 5;
constexpr double kStepShare = .10, kMostShare = .50;

}  // namespace

FlaggerRun::FlaggerRun(const Thresholds& limits) : limits_(limits) {
  look_.seconds = kIntervalSeconds;
  look_.edges = {.canary = {limits.latency_ms_p99}, .baseline = {}};
}

void FlaggerRun::End(Outcome::End end, std::string by) {
  look_.ended = true;
  look_.end = end;
  look_.by = std::move(by);
}

void FlaggerRun::See(double /*begin_s*/, const Tick& tick) {
  if (promoting_) return End(Outcome::End::kPromoted, "steps");
  if (failed_checks_ >= kThreshold) return End(Outcome::End::kRolledBack, "failed checks");
  if (look_.split.canary > 0.0) {
    const bool good = tick.canary.requests > 0 && KeepsErrorRate(tick.canary, limits_) &&
                      KeepsLatency(tick.canary);
    if (!good) {
      ++failed_checks_;
      return;
    }
  }
  if (look_.split.canary >= kMostShare - 1e-9) {
    promoting_ = true;
  } else {
    look_.split.canary += kStepShare;
  }
}

}  // namespace auspex::lab::simulator
