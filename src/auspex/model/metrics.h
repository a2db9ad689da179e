#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace auspex::model {

// How good predictions were. Everywhere `failed` is 0 or 1, of the length of the predictions; a
// figure that is not defined (no rows, or one outcome alone where both are needed) is NaN.

// Chance that a row that failed got a higher score than one that passed; ties count half
// (Mann-Whitney).
[[nodiscard]] double Auc(std::span<const double> scores, std::span<const double> failed);
// Average precision: sum of (R_n - R_n-1) P_n over the distinct scores, highest first, as
// scikit-learn's average_precision_score.
[[nodiscard]] double AveragePrecision(std::span<const double> scores,
                                      std::span<const double> failed);
// Mean of -log of the probability of what happened, in nats; kept off 0 and 1 by 1e-15.
[[nodiscard]] double LogLoss(std::span<const double> probabilities, std::span<const double> failed);
[[nodiscard]] double Brier(std::span<const double> probabilities, std::span<const double> failed);

// Rows whose probability is in [low, high); the last bin has 1 too.
struct ReliabilityBin {
  double low = 0;
  double high = 0;
  std::size_t rows = 0;
  double predicted = 0;  // mean probability; 0 without rows
  double observed = 0;   // share that failed
};
[[nodiscard]] std::vector<ReliabilityBin> Reliability(std::span<const double> probabilities,
                                                      std::span<const double> failed,
                                                      std::size_t bins);
// Expected calibration error: mean of |predicted - observed| over 15 bins of equal width, weighted
// by rows (Guo et al. 2017, "On calibration of modern neural networks").
[[nodiscard]] double CalibrationError(std::span<const double> probabilities,
                                      std::span<const double> failed);

struct Metrics {
  std::size_t rows = 0;
  std::size_t failures = 0;
  double auc = 0;
  double average_precision = 0;
  double log_loss = 0;
  double brier = 0;
  double calibration_error = 0;
};
[[nodiscard]] Metrics Measure(std::span<const double> probabilities,
                              std::span<const double> failed);

// The chance whose log-odds are `margin`, and back.
[[nodiscard]] double Sigmoid(double margin);
[[nodiscard]] double LogOdds(double probability);  // in (0, 1)

}  // namespace auspex::model
