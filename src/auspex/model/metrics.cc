#include "auspex/model/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace auspex::model {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kCalibrationBins = 15;

// Row numbers, highest score first.
std::vector<std::size_t> Ranked(std::span<const double> scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&scores](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  return order;
}

double Mean(double sum, std::size_t rows) {
  return rows == 0 ? kNaN : sum / static_cast<double>(rows);
}

}  // namespace

double Auc(std::span<const double> scores, std::span<const double> failed) {
  const std::vector<std::size_t> order = Ranked(scores);
  double wins = 0, failures = 0, passes = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    double tied_failures = 0, tied_passes = 0;
    std::size_t end = begin;
    for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end)
      (failed[order[end]] > 0.5 ? tied_failures : tied_passes) += 1;
    wins += tied_passes * (failures + tied_failures / 2);
    failures += tied_failures;
    passes += tied_passes;
    begin = end;
  }
  return failures == 0 || passes == 0 ? kNaN : wins / (failures * passes);
}

double AveragePrecision(std::span<const double> scores, std::span<const double> failed) {
  const std::vector<std::size_t> order = Ranked(scores);
  double hits = 0, sum = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    double tied = 0;
    std::size_t end = begin;
    for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end)
      tied += failed[order[end]];
    hits += tied;
    sum += tied * hits / static_cast<double>(end);
    begin = end;
  }
  return hits == 0 ? kNaN : sum / hits;
}

double LogLoss(std::span<const double> probabilities, std::span<const double> failed) {
  constexpr double kEdge = 1e-15;
  double sum = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const double p = std::clamp(probabilities[i], kEdge, 1 - kEdge);
    sum -= failed[i] > 0.5 ? std::log(p) : std::log1p(-p);
  }
  return Mean(sum, probabilities.size());
}

double Brier(std::span<const double> probabilities, std::span<const double> failed) {
  double sum = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i)
    sum += (probabilities[i] - failed[i]) * (probabilities[i] - failed[i]);
  return Mean(sum, probabilities.size());
}

std::vector<ReliabilityBin> Reliability(std::span<const double> probabilities,
                                        std::span<const double> failed, std::size_t bins) {
  std::vector<ReliabilityBin> out(bins);
  const auto count = static_cast<double>(bins);
  for (std::size_t i = 0; i < bins; ++i) {
    out[i].low = static_cast<double>(i) / count;
    out[i].high = static_cast<double>(i + 1) / count;
  }
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const auto bin = std::min(bins - 1, static_cast<std::size_t>(probabilities[i] * count));
    ++out[bin].rows;
    out[bin].predicted += probabilities[i];
    out[bin].observed += failed[i];
  }
  for (ReliabilityBin& bin : out) {
    if (bin.rows == 0) continue;
    bin.predicted /= static_cast<double>(bin.rows);
    bin.observed /= static_cast<double>(bin.rows);
  }
  return out;
}

double CalibrationError(std::span<const double> probabilities, std::span<const double> failed) {
  double sum = 0;
  for (const ReliabilityBin& bin : Reliability(probabilities, failed, kCalibrationBins))
    sum += static_cast<double>(bin.rows) * std::abs(bin.predicted - bin.observed);
  return Mean(sum, probabilities.size());
}

Metrics Measure(std::span<const double> probabilities, std::span<const double> failed) {
  Metrics metrics;
  metrics.rows = probabilities.size();
  metrics.failures =
      static_cast<std::size_t>(std::lround(std::accumulate(failed.begin(), failed.end(), 0.0)));
  metrics.auc = Auc(probabilities, failed);
  metrics.average_precision = AveragePrecision(probabilities, failed);
  metrics.log_loss = LogLoss(probabilities, failed);
  metrics.brier = Brier(probabilities, failed);
  metrics.calibration_error = CalibrationError(probabilities, failed);
  return metrics;
}

double Sigmoid(double margin) {
  if (margin >= 0) return 1 / (1 + std::exp(-margin));
  const double odds = std::exp(margin);
  return odds / (1 + odds);
}

double LogOdds(double probability) { return std::log(probability) - std::log1p(-probability); }

}  // namespace auspex::model
