#include "auspex/training/folds.h"

#include <cmath>
#include <limits>

namespace auspex::training {

std::vector<std::size_t> KnownBy(const Dataset& data, double at) {
  std::vector<std::size_t> rows;
  for (const std::size_t row : data.order)
    if (!std::isnan(data.failed[row]) && data.known_at[row] <= at) rows.push_back(row);
  return rows;
}

std::vector<Fold> TimeFolds(const Dataset& data, std::size_t count) {
  std::vector<std::size_t> rows;  // with an outcome, by time
  for (const std::size_t row : data.order)
    if (!std::isnan(data.failed[row])) rows.push_back(row);
  std::vector<double> cuts;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t place = rows.size() / 2 + k * (rows.size() - rows.size() / 2) / count;
    if (place >= rows.size()) break;
    const double cut = data.time[rows[place]];
    if (cuts.empty() || cut > cuts.back()) cuts.push_back(cut);
  }
  cuts.push_back(std::numeric_limits<double>::infinity());
  std::vector<Fold> folds;
  for (std::size_t k = 0; k + 1 < cuts.size(); ++k) {
    Fold fold;
    fold.at = cuts[k];
    for (const std::size_t row : rows) {
      const double time = data.time[row];
      if (time < fold.at && data.known_at[row] <= fold.at) fold.train.push_back(row);
      if (time >= fold.at && time < cuts[k + 1]) fold.test.push_back(row);
    }
    if (!fold.train.empty() && !fold.test.empty()) folds.push_back(std::move(fold));
  }
  return folds;
}

}  // namespace auspex::training
