#include "lab/simulator/policies/rank_test.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <vector>

namespace auspex::lab::simulator {
namespace {

constexpr std::size_t kMost = 50;

// Twice the average ranks of `all`, in its order: whole numbers.
std::vector<std::size_t> DoubledRanks(const std::vector<double>& all) {
  std::vector<std::size_t> ranks;
  for (const double value : all) {
    std::size_t below = 0, equal = 0;
    for (const double other : all) {
      below += other < value ? 1U : 0U;
      equal += other == value ? 1U : 0U;
    }
    ranks.push_back(2 * below + equal + 1);
  }
  return ranks;
}

}  // namespace

double ExactUpperTail(std::span<const double> x, std::span<const double> y) {
  assert(x.size() <= kMost && y.size() <= kMost);  // the callers judge a few minutes
  if (x.empty() || y.empty()) return 1.0;
  std::vector<double> all(x.begin(), x.end());
  all.insert(all.end(), y.begin(), y.end());
  if (std::all_of(all.begin(), all.end(), [&](double v) { return v == all.front(); })) return 1.0;
  const std::vector<std::size_t> ranks = DoubledRanks(all);
  std::size_t whole = 0, seen = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    whole += ranks[i];
    if (i < x.size()) seen += ranks[i];
  }
  // ways[m][s]: subsets of m values whose doubled ranks sum to s.
  std::vector<std::vector<double>> ways(x.size() + 1, std::vector<double>(whole + 1, 0.0));
  ways[0][0] = 1.0;
  for (const std::size_t rank : ranks) {
    for (std::size_t m = x.size(); m > 0; --m) {
      for (std::size_t s = whole; s >= rank; --s) ways[m][s] += ways[m - 1][s - rank];
    }
  }
  double total = 0.0, high = 0.0;
  for (std::size_t s = 0; s <= whole; ++s) {
    total += ways[x.size()][s];
    if (s >= seen) high += ways[x.size()][s];
  }
  return high / total;
}

}  // namespace auspex::lab::simulator
