#include "auspex/model/calibration.h"

#include <algorithm>
#include <cmath>

#include "auspex/model/metrics.h"

namespace auspex::model {
namespace {

// Precision of the normal priors around slope 1 and intercept 0. A row says p(1-p) <= 1/4 about the
// intercept, so this is what 400 rows or more say; with less recent rows than that the shift of the
// base rate is mostly noise (docs/models.md has the figures).
constexpr double kPriorPrecision = 100.0;
constexpr int kMostSteps = 100;
constexpr double kSmallStep = 1e-10;
// A classifier that is wrong way round on later time is not turned round; it just says little.
constexpr double kLeastSlope = 0.05;

}  // namespace

double Calibration::ChanceOf(double margin) const { return Sigmoid(LogOddsOf(margin)); }

Calibration FitCalibration(std::span<const double> margins, std::span<const double> failed,
                           std::span<const double> weights) {
  const bool both = std::any_of(failed.begin(), failed.end(), [](double y) { return y > 0.5; }) &&
                    std::any_of(failed.begin(), failed.end(), [](double y) { return y < 0.5; });
  Calibration fit;
  if (!both) return fit;
  // Newton's method on a concave function of two numbers; the steps are halved where they go too
  // far only at margins far beyond those of classifiers, so a bound on them is enough.
  for (int step = 0; step < kMostSteps; ++step) {
    double g_slope = -kPriorPrecision * (fit.slope - 1), g_shift = -kPriorPrecision * fit.intercept;
    double h_slope = kPriorPrecision, h_shift = kPriorPrecision, h_both = 0;
    for (std::size_t i = 0; i < margins.size(); ++i) {
      const double p = fit.ChanceOf(margins[i]);
      const double error = weights[i] * (failed[i] - p);
      const double information = weights[i] * p * (1 - p);
      g_slope += error * margins[i];
      g_shift += error;
      h_slope += information * margins[i] * margins[i];
      h_shift += information;
      h_both += information * margins[i];
    }
    const double determinant = h_slope * h_shift - h_both * h_both;
    const double d_slope = (h_shift * g_slope - h_both * g_shift) / determinant;
    const double d_shift = (h_slope * g_shift - h_both * g_slope) / determinant;
    fit.slope += std::clamp(d_slope, -1.0, 1.0);
    fit.intercept += std::clamp(d_shift, -1.0, 1.0);
    if (std::abs(d_slope) + std::abs(d_shift) < kSmallStep) break;
  }
  fit.slope = std::max(fit.slope, kLeastSlope);
  return fit;
}

}  // namespace auspex::model
