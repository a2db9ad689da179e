#include "auspex/evidence/judge/wilcoxon.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "auspex/evidence/normal.h"

namespace auspex::evidence {
namespace {

struct RankSum {
  double above = 0.0;  // rank sum of x, less what is expected of it
  double sd = 0.0;     // 0: all are tied
};

// Both sorted. Of `x` less `shift`.
RankSum Rank(std::span<const double> x, double shift, std::span<const double> y) {
  const double nx = static_cast<double>(x.size());
  const double ny = static_cast<double>(y.size());
  double sum = 0.0;
  double ties = 0.0;
  double rank = 1.0;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < x.size() || j < y.size()) {
    double value = std::numeric_limits<double>::infinity();
    if (i < x.size()) value = x[i] - shift;
    if (j < y.size()) value = std::min(value, y[j]);
    const std::size_t from_i = i;
    const std::size_t from_j = j;
    while (i < x.size() && x[i] - shift == value) ++i;
    while (j < y.size() && y[j] == value) ++j;
    const double tied = static_cast<double>((i - from_i) + (j - from_j));
    sum += static_cast<double>(i - from_i) * (rank + (tied - 1.0) / 2.0);
    ties += tied * tied * tied - tied;
    rank += tied;
  }
  const double n = nx + ny;
  const double variance = nx * ny / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)));
  return {sum - nx * (nx + 1.0) / 2.0 - nx * ny / 2.0, std::sqrt(std::max(0.0, variance))};
}

double Sign(double value) { return value > 0.0 ? 1.0 : value < 0.0 ? -1.0 : 0.0; }

// Brent's search as R's zeroin does it; f(low) and f(high) differ in sign.
class Zeroin {
 public:
  explicit Zeroin(std::function<double(double)> f) : f_(std::move(f)) {}

  double Search(double low, double high) {
    a_ = low;
    b_ = high;
    fa_ = f_(a_);
    fb_ = f_(b_);
    c_ = a_;
    fc_ = fa_;
    if (fa_ == 0.0) return a_;
    if (fb_ == 0.0) return b_;
    for (int step = 0; step <= kMostSteps; ++step) {
      const double before = b_ - a_;
      if (std::abs(fc_) < std::abs(fb_)) {
        a_ = b_;
        b_ = c_;
        c_ = a_;
        fa_ = fb_;
        fb_ = fc_;
        fc_ = fa_;
      }
      const double least =
          2.0 * std::numeric_limits<double>::epsilon() * std::abs(b_) + kTolerance / 2.0;
      double next = (c_ - b_) / 2.0;
      if (std::abs(next) <= least || fb_ == 0.0) return b_;
      if (std::abs(before) >= least && std::abs(fa_) > std::abs(fb_))
        next = Interpolated(before, least, next);
      if (std::abs(next) < least) next = next > 0.0 ? least : -least;
      a_ = b_;
      fa_ = fb_;
      b_ += next;
      fb_ = f_(b_);
      if (Sign(fb_) * Sign(fc_) > 0.0) {
        c_ = a_;
        fc_ = fa_;
      }
    }
    return b_;
  }

 private:
  static constexpr double kTolerance = 1e-4;
  static constexpr int kMostSteps = 1000;

  // The step of the secant or of the inverse parabola, where it is short enough; else the
  // bisection.
  [[nodiscard]] double Interpolated(double before, double least, double bisection) const {
    const double width = c_ - b_;
    double p = 0.0;
    double q = 0.0;
    if (a_ == c_) {
      const double ratio = fb_ / fa_;
      p = width * ratio;
      q = 1.0 - ratio;
    } else {
      const double qa = fa_ / fc_;
      const double t1 = fb_ / fc_;
      const double t2 = fb_ / fa_;
      p = t2 * (width * qa * (qa - t1) - (b_ - a_) * (t1 - 1.0));
      q = (qa - 1.0) * (t1 - 1.0) * (t2 - 1.0);
    }
    if (p > 0.0) {
      q = -q;
    } else {
      p = -p;
    }
    const bool inside = p < 0.75 * width * q - std::abs(least * q) / 2.0;
    return inside && p < std::abs(before * q / 2.0) ? p / q : bisection;
  }

  std::function<double(double)> f_;
  double a_ = 0.0, b_ = 0.0, c_ = 0.0;
  double fa_ = 0.0, fb_ = 0.0, fc_ = 0.0;
};

std::vector<double> Sorted(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

std::optional<ShiftInterval> WilcoxonShift(std::span<const double> x, std::span<const double> y,
                                           double confidence) {
  if (x.empty() || y.empty()) return std::nullopt;
  const std::vector<double> xs = Sorted(x);
  const std::vector<double> ys = Sorted(y);
  const double low = xs.front() - ys.back();
  const double high = xs.back() - ys.front();
  if (!std::isfinite(high - low)) return std::nullopt;
  bool tied = false;
  const auto z = [&](double shift, double quantile) {
    const RankSum rank = Rank(xs, shift, ys);
    if (rank.sd == 0.0) {
      tied = true;
      return 0.0;
    }
    return (rank.above - 0.5 * Sign(rank.above)) / rank.sd - quantile;
  };
  const auto root = [&](double quantile) {
    if (z(low, quantile) <= 0.0) return low;
    if (z(high, quantile) >= 0.0) return high;
    return Zeroin([&](double shift) { return z(shift, quantile); }).Search(low, high);
  };
  const double quantile = NormalQuantile((1.0 - confidence) / 2.0);
  ShiftInterval interval;
  interval.low = root(-quantile);
  interval.high = root(quantile);
  interval.estimate = Zeroin([&](double shift) { return z(shift, 0.0); }).Search(low, high);
  if (tied) return std::nullopt;
  return interval;
}

double WilcoxonUpperTail(std::span<const double> x, std::span<const double> y) {
  if (x.empty() || y.empty()) return 1.0;
  const RankSum rank = Rank(Sorted(x), 0.0, Sorted(y));
  return rank.sd == 0.0 ? 1.0 : NormalUpperTail((rank.above - 0.5) / rank.sd);
}

}  // namespace auspex::evidence
