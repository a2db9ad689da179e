#include "auspex/evidence/gauge_evidence.h"

#include <algorithm>
#include <cmath>

namespace auspex::evidence {
namespace {

constexpr std::array<double, 6> kLevels = {1.2, 1.3, 1.5, 1.8, 2.3, 3.0};
constexpr double kToleratedLevel = 1.1;
constexpr std::array<double, 6> kSlopesPercentPerMinute = {.3, .5, .8, 1.3, 2., 3.};
constexpr double kToleratedPerMinute = 0.001;
constexpr double kSettlingSeconds = 300.0;
// Below this many ticks three coefficients cannot be told apart.
constexpr double kLeastTicks = 12.0;

// ln of the mean of e^v.
double LogMeanExp(const std::array<double, 6>& v) {
  const double most = *std::max_element(v.begin(), v.end());
  double total = 0.0;
  for (const double x : v) total += std::exp(x - most);
  return most + std::log(total / static_cast<double>(v.size()));
}

}  // namespace

LevelEvidence::LevelEvidence(const GaugeNoise& noise)
    : phi_(noise.phi), sigma_(1.1 * noise.sigma) {}

void LevelEvidence::Step(std::optional<double> y) {
  if (!y) {
    hole_ = true;
    if (ticks_ > 0) ++ticks_;
    return;
  }
  if (ticks_ > 0 && !hole_) {
    const double x = (1.0 - phi_) / sigma_;
    score_ += x * (*y - phi_ * previous_) / sigma_;
    information_ += x * x;
  }
  hole_ = false;
  ++ticks_;
  previous_ = *y;
  log_e_ = LogE();
}

double LevelEvidence::LogE() const {
  const double d0 = std::log(kToleratedLevel);
  std::array<double, 6> v{};
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double d = std::log(kLevels[i]);
    v[i] = (d - d0) * score_ - (d * d - d0 * d0) * information_ / 2.0;
  }
  return LogMeanExp(v);
}

SlopeEvidence::Shape SlopeEvidence::ShapeFor(double tick_s) {
  Shape shape{.tolerated_per_tick = kToleratedPerMinute / 60.0 * tick_s,
              .settling_ticks = kSettlingSeconds / tick_s};
  for (std::size_t i = 0; i < kSlopesPercentPerMinute.size(); ++i) {
    shape.slopes_per_tick[i] = kSlopesPercentPerMinute[i] / 100.0 / 60.0 * tick_s;
  }
  return shape;
}

SlopeEvidence::SlopeEvidence(double phi, double sigma, const Shape& shape)
    : phi_(phi), sigma_(sigma), shape_(shape) {}

void SlopeEvidence::Step(std::optional<double> y) {
  if (y) Add(*y);
  if (y || ticks_ > 0) ++ticks_;
  hole_ = !y;
  log_e_ = LogE();
}

// The whitened value and its regressors.
void SlopeEvidence::Add(double y) {
  if (ticks_ > 0 && !hole_) {
    const double t = ticks_ + 1.0;
    const double z = (y - phi_ * previous_) / sigma_;
    const double x0 = (1.0 - phi_) / sigma_;
    const double x1 = (std::exp(-t / shape_.settling_ticks) -
                       phi_ * std::exp(-(t - 1.0) / shape_.settling_ticks)) /
                      sigma_;
    const double x2 = (t - phi_ * (t - 1.0)) / sigma_;
    x00_ += x0 * x0;
    x01_ += x0 * x1;
    x11_ += x1 * x1;
    z0_ += x0 * z;
    z1_ += x1 * z;
    b0_ += x2 * x0;
    b1_ += x2 * x1;
    bb_ += x2 * x2;
    bz_ += x2 * z;
  }
  previous_ = y;
}

double SlopeEvidence::LogE() const {
  if (ticks_ < kLeastTicks) return 0.0;
  const double det = x00_ * x11_ - x01_ * x01_;
  if (det < 1e-9 * x00_ * x11_) return 0.0;
  const double a = x11_ / det;
  const double b = -x01_ / det;
  const double c = x00_ / det;
  const double score = bz_ - (b0_ * (a * z0_ + b * z1_) + b1_ * (b * z0_ + c * z1_));
  const double information = bb_ - (b0_ * (a * b0_ + b * b1_) + b1_ * (b * b0_ + c * b1_));
  if (information <= 0.0) return 0.0;
  std::array<double, 6> v{};
  const double null = shape_.tolerated_per_tick;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double slope = shape_.slopes_per_tick[i];
    v[i] = (slope - null) * score - (slope * slope - null * null) * information / 2.0;
  }
  return LogMeanExp(v);
}

}  // namespace auspex::evidence
