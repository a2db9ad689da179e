#include "lab/simulator/history.h"

#include <algorithm>
#include <cmath>

#include "lab/simulator/sampling.h"

namespace auspex::lab::simulator {
namespace {

constexpr double kDaySeconds = 86400.0;
constexpr std::size_t kBlocks = 288;  // of 5 minutes
constexpr std::size_t kCellsInBlock = 30;
constexpr std::size_t kGaugePairs = 360;  // section 4
// A block with fewer events says nothing of the spread beyond chance.
constexpr double kLeastBlockEvents = 5.0;
// Requests beyond which a quantile's or rate's own error does not matter, and sampling costs.
constexpr double kMostRequests = 5e6;
// Strength of the service's rate in a route's (decision 9).
constexpr double kBorrowedEvents = 10.0;

double Variance(const std::vector<double>& x) {
  double mean = 0.0, total = 0.0;
  for (const double value : x) mean += value / static_cast<double>(x.size());
  for (const double value : x) total += (value - mean) * (value - mean);
  return total / static_cast<double>(x.size() - 1);
}

class Noise {
 public:
  Noise(const NoiseShape& shape, Random* random)
      : shape_(shape), random_(random), x_(shape.sd * random->Normal()) {}
  double Next() {
    const double now = x_;
    x_ = shape_.memory * x_ +
         shape_.sd * std::sqrt(1.0 - shape_.memory * shape_.memory) * random_->Normal();
    return now;
  }

 private:
  NoiseShape shape_;
  Random* random_;
  double x_;
};

// (variance of the blocks' log-ratios - its Poisson part) x seconds of a block, at least 0.
double DrawS2PerSecond(const Service& service, const NoiseShape& arms, Random* random) {
  constexpr double kBlockSeconds = kCellSeconds * static_cast<double>(kCellsInBlock);
  const double mean = service.requests_per_s * service.error_rate * kBlockSeconds / 2.0;
  if (mean < kLeastBlockEvents) return 0.0;
  Noise noise(arms, random);
  std::vector<double> ratios(kBlocks);
  double poisson = 0.0;
  for (double& ratio : ratios) {
    double factor = 1.0;
    if (arms.sd > 0.0) {
      factor = 0.0;
      for (std::size_t i = 0; i < kCellsInBlock; ++i)
        factor += std::exp(noise.Next()) / static_cast<double>(kCellsInBlock);
    }
    const double one = static_cast<double>(random->Poisson(mean * factor)) + .5;
    const double other = static_cast<double>(random->Poisson(mean)) + .5;
    ratio = std::log(one / other);
    poisson += (1.0 / one + 1.0 / other) / static_cast<double>(kBlocks);
  }
  return std::max(0.0, Variance(ratios) - poisson) * kBlockSeconds;
}

// Lag-one correlation and innovation sd of pairs.
void DrawGauge(const NoiseShape& gauge, Random* random, KnownHistory* history) {
  Noise noise(gauge, random);
  std::vector<double> y(kGaugePairs);
  for (double& value : y) value = noise.Next();
  double mean = 0.0;
  for (const double value : y) mean += value / static_cast<double>(kGaugePairs);
  double lagged = 0.0, total = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    total += (y[i] - mean) * (y[i] - mean);
    if (i > 0) lagged += (y[i] - mean) * (y[i - 1] - mean);
  }
  history->memory_phi = lagged / total;
  history->memory_sigma = std::sqrt(total / static_cast<double>(kGaugePairs) *
                                    (1.0 - history->memory_phi * history->memory_phi));
}

}  // namespace

KnownHistory DrawHistory(const Service& service, const NoiseShape& arms, const NoiseShape& gauge,
                         Random* random) {
  KnownHistory history;
  const double n = std::min(kMostRequests, service.requests_per_s * kDaySeconds);
  double errors = 0.0;
  std::array<double, kRouteShares.size()> of_route{};
  for (std::size_t i = 0; i < kRouteShares.size(); ++i) {
    of_route[i] = static_cast<double>(random->Poisson(n * kRouteShares[i] * service.error_rate));
    errors += of_route[i];
  }
  history.error_rate = (errors + .5) / (n + 1.0);
  for (std::size_t i = 0; i < kRouteShares.size(); ++i) {
    history.route_error_rate[i] = (of_route[i] + kBorrowedEvents) /
                                  (n * kRouteShares[i] + kBorrowedEvents / history.error_rate);
  }
  static constexpr std::array<double, 4> kQuantiles = {.5, .9, .99, .999};
  for (std::size_t i = 0; i < kQuantiles.size(); ++i) {
    const double rank = std::ceil(kQuantiles[i] * n);
    history.latency_ms[i] = service.LatencyQuantile(DrawBeta(rank, n - rank + 1.0, random));
  }
  history.error_s2_per_s = DrawS2PerSecond(service, arms, random);
  DrawGauge(gauge, random, &history);
  return history;
}

}  // namespace auspex::lab::simulator
