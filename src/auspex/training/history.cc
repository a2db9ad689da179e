#include "auspex/training/history.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <queue>
#include <utility>

namespace auspex::training {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kDay = 86400.0;

// Numbers of rows that failure rates look back on: an afternoon's builds to a season's.
constexpr std::array<std::size_t, 5> kWindows = {5, 10, 20, 50, 200};
// Half-lives, in rows, of rates in which each row counts less than the one after it.
constexpr std::array<double, 4> kHalfLives = {3, 10, 30, 100};
// Nothing looks back further, but for the totals: memory and time are bounded.
constexpr std::size_t kMostRows = 500;
constexpr std::size_t kMostAlike = 200;
// Rows' worth of the group's own rate that a short look is mixed with.
constexpr double kPriorRows = 2.0;

// How near (mean squared distance, in standard deviations) and how recent (half-life in rows) a row
// must be to count. The four pairs span what told most on folds of the CI builds (docs/models.md).
struct Kernel {
  double width;
  double half_life;
};
constexpr std::array<Kernel, 4> kKernels = {{{0.02, 20}, {0.1, 20}, {0.02, 60}, {0.3, 60}}};
// Of equally near rows the latest counts as nearest.
constexpr double kAgeOfARow = 1e-4;

constexpr FeatureScale kLog = FeatureScale::kLog1p;
constexpr FeatureScale kShare = FeatureScale::kShare;
constexpr FeatureScale kFlag = FeatureScale::kFlag;

constexpr std::array kFeatures = {
    FeatureSpec{"history_rows", "rows", kLog, "has {} known outcomes before it"},
    FeatureSpec{"history_last_failed", "", kFlag, "comes right after a failure"},
    FeatureSpec{"history_second_last_failed", "", kFlag, "comes two after a failure"},
    FeatureSpec{"history_third_last_failed", "", kFlag, "comes three after a failure"},
    FeatureSpec{"history_rate_5", "", kShare, "comes when {} of the last 5 failed"},
    FeatureSpec{"history_rate_10", "", kShare, "comes when {} of the last 10 failed"},
    FeatureSpec{"history_rate_20", "", kShare, "comes when {} of the last 20 failed"},
    FeatureSpec{"history_rate_50", "", kShare, "comes when {} of the last 50 failed"},
    FeatureSpec{"history_rate_200", "", kShare, "comes when {} of the last 200 failed"},
    FeatureSpec{"history_rate_all", "", kShare, "comes where {} of all so far failed"},
    FeatureSpec{"history_recent_3", "", kShare, "comes when {} of the latest few failed"},
    FeatureSpec{"history_recent_10", "", kShare, "comes when {} of the latest dozen failed"},
    FeatureSpec{"history_recent_30", "", kShare, "comes when {} of the latest dozens failed"},
    FeatureSpec{"history_recent_100", "", kShare, "comes when {} of the latest hundred failed"},
    FeatureSpec{"history_failed_in_a_row", "rows", kLog, "comes after {} failures in a row"},
    FeatureSpec{"history_passed_in_a_row", "rows", kLog, "comes after {} good ones in a row"},
    FeatureSpec{"history_since_last_s", "s", kLog, "comes {} after the last one"},
    FeatureSpec{"history_since_failure_s", "s", kLog, "comes {} after the last failure"},
    FeatureSpec{"history_since_pass_s", "s", kLog, "comes {} after the last good one"},
    FeatureSpec{"history_flips_20", "", FeatureScale::kLinear,
                "comes when outcomes changed at a rate of {} a row"},
    FeatureSpec{"history_rows_1d", "rows", kLog, "comes after {} others within a day"},
    FeatureSpec{"history_rate_1d", "", kShare, "comes when {} within a day failed"},
    FeatureSpec{"history_rows_7d", "rows", kLog, "comes after {} others within a week"},
    FeatureSpec{"history_rate_7d", "", kShare, "comes when {} within a week failed"},
    FeatureSpec{"history_alike_same_20", "", kShare, "is like recent ones of which {} failed"},
    FeatureSpec{"history_alike_near_20", "", kShare, "is near recent ones of which {} failed"},
    FeatureSpec{"history_alike_same_60", "", kShare, "is like ones of which {} failed"},
    FeatureSpec{"history_alike_far_60", "", kShare, "is not unlike ones of which {} failed"},
    FeatureSpec{"history_alike_rows", "rows", kLog, "is like {} recent ones"},
    FeatureSpec{"history_nearest_failed", "", kFlag, "is most like one that failed"}};

struct Known {
  std::size_t row = 0;
  double time = 0;
  double failed = 0;
};

// Running mean and deviation of a feature (Welford 1962) over the known rows that have it.
struct Spread {
  double count = 0, mean = 0, squares = 0;
  void Add(double value) {
    count += 1;
    const double step = value - mean;
    mean += step / count;
    squares += step * (value - mean);
  }
  [[nodiscard]] double Variance() const { return count < 2 ? 0.0 : squares / count; }
};

// The rows of one group whose outcome is known by now, oldest first.
struct Past {
  std::vector<Known> rows;
  double failures = 0;
  double last_failure = kNaN, last_pass = kNaN;  // times
  std::vector<Spread> spread;                    // a feature
};

// Features on the scale that distances are taken on: log1p, whatever the column is, as nothing of
// the rows to come may choose another.
std::vector<double> Logged(const model::Table& table) {
  std::vector<double> logged;
  logged.reserve(table.values.size());
  for (const double value : table.values)
    logged.push_back(std::copysign(std::log1p(std::abs(value)), value));
  return logged;
}

double Shrunk(double failures, double rows, double rate, double prior) {
  return (failures + prior * rate) / (rows + prior);
}

class Look {
 public:
  Look(const Past& past, double now, std::span<const double> logged, std::size_t width,
       std::size_t row, std::vector<double>* out)
      : past_(past), now_(now), logged_(logged), width_(width), row_(row), out_(*out) {}

  // All features of the row, in the order of kFeatures.
  void Take() {
    const std::size_t count = past_.rows.size();
    Put(static_cast<double>(count));
    if (count == 0) {
      for (std::size_t i = 1; i < kFeatures.size(); ++i) Put(kNaN);
      return;
    }
    rate_ = Shrunk(past_.failures, static_cast<double>(count), 0.5, kPriorRows);
    for (std::size_t back = 0; back < 3; ++back) Put(back < count ? Failed(back) : kNaN);
    TakeWindows();
    Put(rate_);
    TakeRecent();
    TakeStreaks();
    TakeTimes();
    TakeAlike();
  }

 private:
  void Put(double value) { out_.push_back(value); }
  // Of the known row so many before the last.
  [[nodiscard]] const Known& Back(std::size_t back) const {
    return past_.rows[past_.rows.size() - 1 - back];
  }
  [[nodiscard]] double Failed(std::size_t back) const { return Back(back).failed; }
  [[nodiscard]] std::size_t Reach(std::size_t most) const {
    return std::min(most, past_.rows.size());
  }

  void TakeWindows() {
    double failures = 0;
    std::size_t back = 0;
    for (const std::size_t window : kWindows) {
      for (; back < Reach(window); ++back) failures += Failed(back);
      Put(Shrunk(failures, static_cast<double>(back), rate_, kPriorRows));
    }
  }

  void TakeRecent() {
    for (const double half_life : kHalfLives) {
      const double fade = std::exp2(-1 / half_life);
      double weight = 1, weights = 0, failures = 0;
      for (std::size_t back = 0; back < Reach(kMostRows); ++back, weight *= fade) {
        weights += weight;
        failures += weight * Failed(back);
      }
      Put(Shrunk(failures, weights, rate_, 1.0));
    }
  }

  void TakeStreaks() {
    std::size_t streak = 0;
    while (streak < Reach(kMostRows) && Failed(streak) == Failed(0)) ++streak;
    const auto length = static_cast<double>(streak);
    Put(Failed(0) > 0.5 ? length : 0.0);
    Put(Failed(0) > 0.5 ? 0.0 : length);
  }

  void TakeTimes() {
    Put(now_ - Back(0).time);
    Put(now_ - past_.last_failure);
    Put(now_ - past_.last_pass);
    const std::size_t pairs = Reach(21) - 1;
    double flips = 0;
    for (std::size_t back = 0; back < pairs; ++back) flips += Failed(back) != Failed(back + 1);
    Put(pairs == 0 ? kNaN : flips / static_cast<double>(pairs));
    double failures = 0;
    std::size_t back = 0;
    for (const double span : {kDay, 7 * kDay}) {
      for (; back < Reach(kMostRows) && Back(back).time >= now_ - span; ++back)
        failures += Failed(back);
      Put(static_cast<double>(back));
      Put(Shrunk(failures, static_cast<double>(back), rate_, kPriorRows));
    }
  }

  // Mean squared distance in standard deviations; a value that only one of the two lacks is one
  // deviation away.
  [[nodiscard]] double Distance(std::size_t other) const {
    double sum = 0;
    for (std::size_t i = 0; i < width_; ++i) {
      const double variance = past_.spread[i].Variance();
      const double a = logged_[row_ * width_ + i], b = logged_[other * width_ + i];
      if (std::isnan(a) != std::isnan(b)) {
        sum += 1;
      } else if (!std::isnan(a) && variance > 0) {
        sum += (a - b) * (a - b) / variance;
      }
    }
    return width_ == 0 ? 0.0 : sum / static_cast<double>(width_);
  }

  void TakeAlike() {
    std::array<double, kKernels.size()> weights{}, failures{}, fade{}, age{};
    age.fill(1.0);
    for (std::size_t k = 0; k < kKernels.size(); ++k)
      fade[k] = std::exp2(-1 / kKernels[k].half_life);
    double nearest = std::numeric_limits<double>::infinity(), nearest_failed = kNaN;
    for (std::size_t back = 0; back < Reach(kMostAlike); ++back) {
      const double distance = Distance(Back(back).row);
      for (std::size_t k = 0; k < kKernels.size(); ++k) {
        age[k] *= fade[k];
        const double weight = std::exp(-distance / kKernels[k].width) * age[k];
        weights[k] += weight;
        failures[k] += weight * Failed(back);
      }
      const double aged = distance + kAgeOfARow * static_cast<double>(back);
      if (aged < nearest) {
        nearest = aged;
        nearest_failed = Failed(back);
      }
    }
    for (std::size_t k = 0; k < kKernels.size(); ++k)
      Put(Shrunk(failures[k], weights[k], rate_, 1.0));
    Put(weights[0]);
    Put(nearest_failed);
  }

  const Past& past_;
  double now_;
  std::span<const double> logged_;
  std::size_t width_;
  std::size_t row_;
  std::vector<double>& out_;
  double rate_ = 0.5;
};

// From when on a row may look at an outcome: as soon as it is known, and strictly after its row.
double Usable(const Dataset& data, std::size_t row) {
  const double after = std::nextafter(data.time[row], std::numeric_limits<double>::infinity());
  return std::max(data.known_at[row], after);
}

void Learn(const Dataset& data, std::span<const double> logged, std::size_t row, Past* past) {
  const std::size_t width = data.table.width();
  const Known known{row, data.time[row], data.failed[row]};
  // Outcomes that were long in coming stand where their row stands in time.
  auto at = past->rows.end();
  while (at != past->rows.begin() && (at - 1)->time > known.time) --at;
  past->rows.insert(at, known);
  past->failures += known.failed;
  double* last = known.failed > 0.5 ? &past->last_failure : &past->last_pass;
  *last = std::isnan(*last) ? known.time : std::max(*last, known.time);
  past->spread.resize(width);
  for (std::size_t i = 0; i < width; ++i)
    if (!std::isnan(logged[row * width + i])) past->spread[i].Add(logged[row * width + i]);
}

}  // namespace

std::span<const FeatureSpec> HistoryFeatures() { return kFeatures; }

model::Table HistoryOf(const Dataset& data) {
  model::Table table;
  for (const FeatureSpec& feature : kFeatures) table.columns.emplace_back(feature.name);
  table.values.assign(data.rows() * kFeatures.size(), kNaN);
  const std::vector<double> logged = Logged(data.table);
  std::vector<Past> pasts(data.group_names.size());
  // Outcomes that wait to be known; of equal times in the order of their rows' times.
  using Waiting = std::pair<double, std::size_t>;  // usable from, place in data.order
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting;
  std::vector<double> looked;
  for (std::size_t place = 0; place < data.order.size(); ++place) {
    const std::size_t row = data.order[place];
    const double now = data.time[row];
    for (; !waiting.empty() && waiting.top().first <= now; waiting.pop()) {
      const std::size_t known = data.order[waiting.top().second];
      Learn(data, logged, known, &pasts[data.group[known]]);
    }
    looked.clear();
    Look(pasts[data.group[row]], now, logged, data.table.width(), row, &looked).Take();
    std::copy(looked.begin(), looked.end(),
              table.values.begin() + static_cast<std::ptrdiff_t>(row * kFeatures.size()));
    if (!std::isnan(data.failed[row])) waiting.emplace(Usable(data, row), place);
  }
  return table;
}

}  // namespace auspex::training
