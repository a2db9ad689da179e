#include "lab/simulator/summary.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "auspex/base/random.h"

namespace auspex::lab::simulator {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr double kLowTail = .025, kHighTail = .975;

// The smallest value that at least the share `q` does not exceed. Reorders `values`.
double Quantile(double q, std::vector<double>* values) {
  if (values->empty()) return kNothing;
  const double rank = std::ceil(q * static_cast<double>(values->size())) - 1.0;
  const auto at = values->begin() + static_cast<std::ptrdiff_t>(std::max(0.0, rank));
  std::nth_element(values->begin(), at, values->end());
  return *at;
}

double Mean(const std::vector<double>& values) {
  double total = 0.0;
  for (const double value : values) total += value;
  return values.empty() ? kNothing : total / static_cast<double>(values.size());
}

// A policy's outcomes as columns, NaN where a deployment has no such time.
struct Columns {
  std::vector<double> caught, proven, harmed, detect_s;  // of the bad
  std::vector<double> falsely, falsely_proven, full_s;   // of the good
};

Columns ColumnsOf(const Study& study, const std::vector<Outcome>& outcomes) {
  Columns c;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const Outcome& outcome = outcomes[i];
    const bool back = outcome.end == Outcome::End::kRolledBack;
    (study.deployments[i].bad ? c.caught : c.falsely).push_back(back ? 1.0 : 0.0);
    (study.deployments[i].bad ? c.proven : c.falsely_proven)
        .push_back(back && outcome.by_evidence ? 1.0 : 0.0);
    if (study.deployments[i].bad) {
      c.harmed.push_back(outcome.harmed);
      const bool after = back && outcome.begun_s && outcome.end_s > *outcome.begun_s;
      c.detect_s.push_back(after ? outcome.end_s - *outcome.begun_s : kNothing);
    } else {
      c.full_s.push_back(outcome.full_s.value_or(kNothing));
    }
  }
  return c;
}

enum Figure : std::size_t {
  kCaught,
  kCaughtByEvidence,
  kHarmedMean,
  kHarmedMedian,
  kHarmedP95,
  kFalse,
  kFalseByEvidence,
  kFullMedian,
  kFullP90,
  kDetect,
  kFullShare,
  kHarmRatio,
  kFigures
};
using Values = std::array<double, kFigures>;
using Indices = std::vector<std::size_t>;

void Pick(const std::vector<double>& from, const Indices& indices, std::vector<double>* to) {
  to->clear();
  for (const std::size_t i : indices) {
    if (!std::isnan(from[i])) to->push_back(from[i]);
  }
}

Values Compute(const Columns& c, const Indices& bad, const Indices& good,
               std::vector<double>* scratch) {
  Values v;
  v.fill(kNothing);
  Pick(c.caught, bad, scratch);
  v[kCaught] = Mean(*scratch);
  Pick(c.proven, bad, scratch);
  v[kCaughtByEvidence] = Mean(*scratch);
  Pick(c.harmed, bad, scratch);
  v[kHarmedMean] = Mean(*scratch);
  v[kHarmedMedian] = Quantile(.5, scratch);
  v[kHarmedP95] = Quantile(.95, scratch);
  Pick(c.detect_s, bad, scratch);
  v[kDetect] = Quantile(.5, scratch);
  Pick(c.falsely, good, scratch);
  v[kFalse] = Mean(*scratch);
  Pick(c.falsely_proven, good, scratch);
  v[kFalseByEvidence] = Mean(*scratch);
  Pick(c.full_s, good, scratch);
  v[kFullMedian] = Quantile(.5, scratch);
  v[kFullP90] = Quantile(.9, scratch);
  if (!good.empty())
    v[kFullShare] = static_cast<double>(scratch->size()) / static_cast<double>(good.size());
  return v;
}

Indices AllOf(std::size_t n) {
  Indices all(n);
  for (std::size_t i = 0; i < n; ++i) all[i] = i;
  return all;
}

Indices Resample(std::size_t n, Random* random) {
  Indices picked(n);
  for (std::size_t& i : picked) i = random->Below(n);
  return picked;
}

// values[policy]; ratios are filled in where there is a reference.
std::vector<Values> ComputeAll(const std::vector<Columns>& columns, const Indices& bad,
                               const Indices& good, std::optional<std::size_t> reference) {
  std::vector<Values> all;
  all.reserve(columns.size());
  std::vector<double> scratch;
  for (const Columns& c : columns) all.push_back(Compute(c, bad, good, &scratch));
  if (!reference) return all;
  const double base = all[*reference][kHarmedMean];
  for (Values& v : all) v[kHarmRatio] = base > 0.0 ? v[kHarmedMean] / base : kNothing;
  return all;
}

std::optional<Estimate> EstimateOf(double value, std::vector<double> resampled) {
  if (std::isnan(value)) return std::nullopt;
  resampled.erase(
      std::remove_if(resampled.begin(), resampled.end(), [](double x) { return std::isnan(x); }),
      resampled.end());
  Estimate estimate{.value = value, .low = value, .high = value};
  if (!resampled.empty()) {
    estimate.low = Quantile(kLowTail, &resampled);
    estimate.high = Quantile(kHighTail, &resampled);
  }
  return estimate;
}

Figures FiguresOf(const Values& values, const std::vector<Values>& resampled) {
  const auto of = [&](Figure figure) {
    std::vector<double> column;
    column.reserve(resampled.size());
    for (const Values& v : resampled) column.push_back(v[figure]);
    return EstimateOf(values[figure], std::move(column));
  };
  return {.caught = of(kCaught),
          .caught_by_evidence = of(kCaughtByEvidence),
          .harmed_mean = of(kHarmedMean),
          .harmed_median = of(kHarmedMedian),
          .harmed_p95 = of(kHarmedP95),
          .false_share = of(kFalse),
          .false_by_evidence = of(kFalseByEvidence),
          .full_s_median = of(kFullMedian),
          .full_s_p90 = of(kFullP90),
          .detect_s = of(kDetect),
          .harm_ratio = of(kHarmRatio),
          .full_share = of(kFullShare)};
}

std::array<ByFault, kFaultKinds> FaultsOf(const Study& study,
                                          const std::vector<Outcome>& outcomes) {
  std::array<ByFault, kFaultKinds> by_fault{};
  for (std::size_t kind = 0; kind < kFaultKinds; ++kind) {
    std::vector<double> harmed;
    double caught = 0.0;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const Facts& facts = study.deployments[i];
      if (!facts.bad || facts.fault != static_cast<FaultKind>(kind)) continue;
      harmed.push_back(outcomes[i].harmed);
      caught += outcomes[i].end == Outcome::End::kRolledBack ? 1.0 : 0.0;
    }
    if (harmed.empty()) continue;
    by_fault[kind] = {.deployments = harmed.size(),
                      .caught = caught / static_cast<double>(harmed.size()),
                      .harmed_mean = Mean(harmed),
                      .harmed_median = Quantile(.5, &harmed)};
  }
  return by_fault;
}

}  // namespace

Summary Summarize(const Study& study, const SummaryOptions& options) {
  Summary summary;
  summary.first = study.deployments.empty() ? 0 : study.deployments.front().number;
  summary.deployments = study.deployments.size();
  for (const Facts& facts : study.deployments) summary.bad += facts.bad ? 1 : 0;
  const std::size_t good = summary.deployments - summary.bad;

  std::vector<Columns> columns;
  std::optional<std::size_t> reference;
  for (std::size_t p = 0; p < study.policies.size(); ++p) {
    columns.push_back(ColumnsOf(study, study.outcomes[p]));
    if (study.policies[p].name == options.reference) reference = p;
  }
  if (reference) summary.reference = options.reference;

  const std::vector<Values> values =
      ComputeAll(columns, AllOf(summary.bad), AllOf(good), reference);
  std::vector<std::vector<Values>> resampled(columns.size());
  Random random(options.seed);
  for (std::size_t i = 0; i < options.resamples; ++i) {
    const Indices bad = Resample(summary.bad, &random);
    const std::vector<Values> drawn = ComputeAll(columns, bad, Resample(good, &random), reference);
    for (std::size_t p = 0; p < columns.size(); ++p) resampled[p].push_back(drawn[p]);
  }
  for (std::size_t p = 0; p < columns.size(); ++p) {
    summary.policies.push_back({.name = study.policies[p].name,
                                .title = study.policies[p].title,
                                .figures = FiguresOf(values[p], resampled[p]),
                                .by_fault = FaultsOf(study, study.outcomes[p])});
  }
  return summary;
}

}  // namespace auspex::lab::simulator
