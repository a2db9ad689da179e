#include "lab/simulator/policies/kayenta.h"

#include <cmath>

#include "auspex/evidence/judge/kayenta.h"

namespace auspex::lab::simulator {
namespace {

constexpr double kShare = .10, kMinute = 60.0;
constexpr double kIntervalSeconds = 600.0, kWholeSeconds = 3600.0;

evidence::KayentaValues ValuesOf(std::string name, const std::vector<double>& canary,
                                 const std::vector<double>& baseline) {
  evidence::KayentaValues values;
  values.metric.name = std::move(name);
  values.metric.direction = evidence::KayentaMetric::Direction::kIncrease;
  values.canary = canary;
  values.baseline = baseline;
  return values;
}

}  // namespace

KayentaRun::KayentaRun(const Traffic* traffic) : traffic_(traffic) {
  look_.seconds = kMinute;
  look_.split = {.canary = kShare, .baseline = kShare};
}

void KayentaRun::See(double begin_s, const Tick& tick) {
  AddMinute(*traffic_, begin_s, kShare, tick, &series_);
  const double now_s = begin_s + kMinute;
  if (std::abs(std::remainder(now_s, kIntervalSeconds)) > 1e-6) return;
  const evidence::KayentaConfig config;
  const evidence::Judgement judgement = evidence::JudgeAsKayenta(
      {ValuesOf("errors", series_.canary.error_rate, series_.baseline.error_rate),
       ValuesOf("p50", series_.canary.latency_ms_p50, series_.baseline.latency_ms_p50),
       ValuesOf("p99", series_.canary.latency_ms_p99, series_.baseline.latency_ms_p99)},
      config);
  const bool last = now_s >= kWholeSeconds - 1e-6;
  const double score = judgement.score.value_or(0.0);
  const bool fails = score <= config.marginal || (last && score < config.pass);
  if (!fails && !last) return;
  look_.ended = true;
  look_.end = fails ? Outcome::End::kRolledBack : Outcome::End::kPromoted;
  look_.by_evidence = fails;
  look_.by = fails ? "judge" : "steps";
}

}  // namespace auspex::lab::simulator
