#pragma once

#include <span>

namespace auspex::model {

// Turns a classifier's margin into a chance: log-odds = slope * margin + intercept (Platt 1999). It
// keeps the order of rows, and contributions still sum: each is multiplied by the slope.
struct Calibration {
  double slope = 1;
  double intercept = 0;

  [[nodiscard]] double LogOddsOf(double margin) const { return slope * margin + intercept; }
  [[nodiscard]] double ChanceOf(double margin) const;
  friend bool operator==(const Calibration&, const Calibration&) = default;
};

// Of margins for rows later than what the classifier had learned from, with what came of them.
// Rows count by `weights` (0..1: how much a row says of the time to come; docs/models.md has how
// they are chosen). Shrunk towards "as it is" (slope 1, intercept 0), so that few rows change
// little. Without rows of both outcomes: as it is.
[[nodiscard]] Calibration FitCalibration(std::span<const double> margins,
                                         std::span<const double> failed,
                                         std::span<const double> weights);

}  // namespace auspex::model
