#include "auspex/evidence/noise.h"

#include <algorithm>
#include <cmath>

namespace auspex::evidence {
namespace {

// Events of each arm below which a block's log ratio is no normal variable (its bias is about
// 1/(2k), a twentieth of its standard error at 8).
constexpr double kLeastBlockEvents = 8.0;
// Of one record: a day in blocks of 5 minutes.
constexpr std::size_t kMostBlocks = 288;
// Weights are 1 / (counting variance + this): blocks that are counted better than 10 % weigh alike,
// for then the noise that is sought is what makes them differ.
constexpr double kTypicalVariance = 0.01;
constexpr double kMostPhi = 0.97;  // section 12.1
constexpr double kLeastDeviation = 0.01;

}  // namespace

void Merge(const SpreadSums& other, SpreadSums* sum) {
  sum->blocks += other.blocks;
  sum->freedom += other.freedom;
  sum->excess_s += other.excess_s;
  sum->counting_s += other.counting_s;
  sum->weight += other.weight;
  sum->neighbours_s += other.neighbours_s;
  sum->neighbour_weight += other.neighbour_weight;
}

double LongRunVariance(const SpreadSums& sums) {
  if (!(sums.weight > 0.0) || sums.excess_s <= 0.0) return 0.0;
  const double within = sums.excess_s / sums.weight;
  const double between =
      sums.neighbour_weight > 0.0 ? sums.neighbours_s / sums.neighbour_weight : 0.0;
  return within + 2.0 * std::clamp(between, 0.0, within);
}

double RelativeError(double freedom) { return std::sqrt(2.0 / freedom); }

double CountingError(const SpreadSums& sums) {
  return sums.weight > 0.0 ? RelativeError(sums.freedom) * sums.counting_s / sums.weight : 0.0;
}

void SpreadRecorder::Add(const Counts& tick, double seconds) {
  const double n = tick.canary_requests + tick.baseline_requests;
  seconds_ += seconds;
  if (tick.canary_requests > 0.0 && tick.baseline_requests > 0.0) {
    const double events = tick.canary_events + tick.baseline_events;
    canary_ += tick.canary_events * tick.baseline_requests / n;
    baseline_ += tick.baseline_events * tick.canary_requests / n;
    spread_ += (events * tick.canary_requests / n * tick.baseline_requests -
                tick.canary_events * tick.baseline_events) /
               n;
    canary_events_ += tick.canary_events;
    baseline_events_ += tick.baseline_events;
  }
  // Half a microsecond: a sum of ticks must meet the block's end.
  if (seconds_ >= block_s_ - 5e-7) Close();
}

void SpreadRecorder::Close() {
  if (blocks_.size() < kMostBlocks) {
    const bool enough =
        canary_events_ >= kLeastBlockEvents && baseline_events_ >= kLeastBlockEvents;
    blocks_.push_back(enough ? std::optional(Block{.log_ratio = std::log(canary_ / baseline_),
                                                   .variance = spread_ / (canary_ * baseline_)})
                             : std::nullopt);
  }
  seconds_ = canary_ = baseline_ = spread_ = canary_events_ = baseline_events_ = 0.0;
}

SpreadSums SpreadRecorder::Sums() const {
  const auto weight = [](const Block& block) {
    return 1.0 / (std::max(0.0, block.variance) + kTypicalVariance);
  };
  double count = 0, all = 0, squares = 0, mean = 0, noise = 0, noise_squares = 0;
  for (const std::optional<Block>& block : blocks_) {
    if (!block) continue;
    const double a = weight(*block);
    const double v = std::max(0.0, block->variance);
    ++count;
    all += a;
    squares += a * a;
    mean += a * block->log_ratio;
    noise += a * v;
    noise_squares += a * a * v;
  }
  if (count < 2.0) return {};
  mean /= all;
  SpreadSums sums{.blocks = count,
                  .freedom = count - 1.0,
                  .excess_s = -(noise - noise_squares / all),
                  .counting_s = noise - noise_squares / all,
                  .weight = all - squares / all};
  const std::optional<Block>* before = nullptr;
  for (const std::optional<Block>& block : blocks_) {
    if (block) {
      const double residual = block->log_ratio - mean;
      sums.excess_s += weight(*block) * residual * residual;
      if (before != nullptr && *before) {
        const double pair = std::sqrt(weight(*block) * weight(**before));
        sums.neighbours_s += pair * residual * ((*before)->log_ratio - mean);
        sums.neighbour_weight += pair;
      }
    }
    before = &block;
  }
  sums.excess_s *= block_s_;
  sums.counting_s *= block_s_;
  sums.neighbours_s *= block_s_;
  return sums;
}

void Merge(const PairSums& other, PairSums* sum) {
  sum->pairs += other.pairs;
  sum->records += other.records;
  sum->xx += other.xx;
  sum->xy += other.xy;
  sum->yy += other.yy;
}

void PairRecorder::Add(std::optional<double> y) {
  if (y && previous_) {
    // Sums about running means (Welford), so that a large level costs no digits.
    ++pairs_;
    const double dx = *previous_ - mean_x_;
    const double dy = *y - mean_y_;
    mean_x_ += dx / pairs_;
    mean_y_ += dy / pairs_;
    xx_ += dx * (*previous_ - mean_x_);
    xy_ += dx * (*y - mean_y_);
    yy_ += dy * (*y - mean_y_);
  }
  previous_ = y;
}

PairSums PairRecorder::Sums() const {
  if (pairs_ < 3.0) return {};
  return {.pairs = pairs_, .records = 1.0, .xx = xx_, .xy = xy_, .yy = yy_};
}

std::optional<GaugeNoise> FitNoise(const PairSums& sums) {
  if (sums.pairs < kLeastPairs || !(sums.records > 0.0)) return std::nullopt;
  double phi = sums.xx > 0.0 ? std::clamp(sums.xy / sums.xx, -1.0, 1.0) : 0.0;
  phi += (1.0 + 3.0 * phi) * sums.records / sums.pairs;
  phi = std::clamp(phi, 0.0, kMostPhi);
  phi = std::min(kMostPhi, phi + std::sqrt((1.0 - phi * phi) / sums.pairs));
  const double freedom = std::max(1.0, sums.pairs - 2.0 * sums.records);
  const double variance =
      std::max(0.0, sums.yy - 2.0 * phi * sums.xy + phi * phi * sums.xx) / freedom;
  const double least = kLeastDeviation * std::sqrt(1.0 - phi * phi);
  return GaugeNoise{.phi = phi, .sigma = std::max(least, std::sqrt(variance))};
}

GaugeNoise AtTick(const GaugeNoise& noise, double from_s, double to_s) {
  if (from_s == to_s) return noise;
  const double spread = noise.sigma / std::sqrt(1.0 - noise.phi * noise.phi);
  const double phi = noise.phi > 0.0 ? std::min(kMostPhi, std::pow(noise.phi, to_s / from_s)) : 0.0;
  return {.phi = phi, .sigma = spread * std::sqrt(1.0 - phi * phi)};
}

}  // namespace auspex::evidence
