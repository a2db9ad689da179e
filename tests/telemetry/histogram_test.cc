#include "auspex/telemetry/histogram.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace auspex::telemetry {
namespace {

// Milliseconds, so that values often fall on an edge.
double Count(const std::vector<int>& values, int above_ms) {
  return static_cast<double>(
      std::count_if(values.begin(), values.end(), [&](int v) { return v > above_ms; }));
}

Histogram Of(const std::vector<int>& values, const std::set<int>& edges_ms) {
  Histogram histogram{.edges_s = {}, .at_or_below = {}, .total = double(values.size())};
  for (const int edge : edges_ms) {
    histogram.edges_s.push_back(edge / 1e3);
    histogram.at_or_below.push_back(histogram.total - Count(values, edge));
  }
  return histogram;
}

RC_GTEST_PROP(Histogram, TheTrueCountIsWithinTheStatedError, ()) {
  const auto ms = rc::gen::inRange(1, 200);
  const auto values = *rc::gen::container<std::vector<int>>(ms);
  const auto edges = *rc::gen::nonEmpty(rc::gen::container<std::set<int>>(ms));
  const int t = *ms;
  const AboveCount above = CountAbove(Of(values, edges), t / 1e3);
  const double truth = Count(values, t);
  RC_ASSERT(above.low <= truth);
  RC_ASSERT(truth <= above.high);
  RC_ASSERT(above.low <= above.count);
  RC_ASSERT(above.count <= above.high);
  if (edges.contains(t)) RC_ASSERT(above.low == above.high);
}

RC_GTEST_PROP(Histogram, FallsWithTheEdge, ()) {
  const auto ms = rc::gen::inRange(1, 200);
  const auto histogram = Of(*rc::gen::container<std::vector<int>>(ms),
                            *rc::gen::nonEmpty(rc::gen::container<std::set<int>>(ms)));
  const int t = *ms, u = *ms;
  RC_ASSERT(CountAbove(histogram, std::min(t, u) / 1e3).count >=
            CountAbove(histogram, std::max(t, u) / 1e3).count);
}

TEST(Histogram, TheEdgeOfAQuantileHasNoMoreAboveIt) {
  const Histogram h{.edges_s = {.01, .02, .05, .1}, .at_or_below = {10, 55, 90, 100}, .total = 100};
  EXPECT_EQ(EdgeForQuantile(h, .5), 1U);
  EXPECT_EQ(EdgeForQuantile(h, .9), 2U);
  EXPECT_EQ(EdgeForQuantile(h, .99), 3U);
  const Histogram slow{.edges_s = {.01, .02}, .at_or_below = {1, 2}, .total = 100};
  EXPECT_EQ(EdgeForQuantile(slow, .5), 1U);
}

// Of a log-normal density that rises up to its mode and falls from there on.
double Survival(double t, double median, double sigma) {
  return .5 * std::erfc(std::log(t / median) / (sigma * std::sqrt(2.0)));
}

RC_GTEST_PROP(Histogram, AToleratedSlownessIsNeverAnEvent, ()) {
  const double median = *rc::gen::inRange(5, 200) / 1e3;
  const double sigma = *rc::gen::inRange(30, 90) / 1e2;
  const double mode = median * std::exp(-sigma * sigma);
  std::set<int> edges;
  double edge_ms = *rc::gen::inRange(1, 6);
  while (edges.size() < 14 && edge_ms < 2000) {
    edges.insert(static_cast<int>(edge_ms));
    edge_ms = std::max(edge_ms + 1, edge_ms * *rc::gen::inRange(102, 260) / 100.0);
  }
  Histogram h{.edges_s = {}, .at_or_below = {}, .total = 1e6};
  for (const int edge : edges) {
    h.edges_s.push_back(edge / 1e3);
    h.at_or_below.push_back(1e6 * (1 - Survival(edge / 1e3, median, sigma)));
  }
  const auto i = *rc::gen::inRange<std::size_t>(0, h.edges_s.size());
  const double from = i == 0 ? 0.0 : h.edges_s[i - 1];
  const double to = i + 1 < h.edges_s.size() ? h.edges_s[i + 1] : 1e9;
  RC_PRE(h.Above(i) > 1.0);
  RC_PRE(mode <= from || mode >= to);
  const double at = h.edges_s[i];
  const double truth = Survival(at / 1.05, median, sigma) / Survival(at, median, sigma);
  RC_ASSERT(SlownessAllowance(h, i, 1.05) >= truth * (1 - 1e-9));
  // Nor does it allow what the bucket cannot hold.
  RC_ASSERT(SlownessAllowance(h, i, 1.05) * h.Above(i) <=
            CountAbove(h, at / 1.05).high * (1 + 1e-9));
}

TEST(Histogram, NarrowBucketsAllowLittleAndWideOnesMore) {
  const auto allowance = [](double step) {
    Histogram h{.edges_s = {}, .at_or_below = {}, .total = 1e6};
    for (double edge = .02 / std::pow(step, 8); edge < 1.0; edge *= step) {
      h.edges_s.push_back(edge);
      h.at_or_below.push_back(1e6 * (1 - Survival(edge, .02, .5)));
    }
    return SlownessAllowance(h, 8 + static_cast<std::size_t>(1.2 / std::log(step)), 1.05);
  };
  EXPECT_GT(allowance(2.5), allowance(1.5));
  EXPECT_GT(allowance(1.5), allowance(1.1));
  EXPECT_LT(allowance(1.1), 1.4);
}

TEST(Histogram, OneWithNothingInItSaysNothing) {
  const Histogram empty{.edges_s = {.1}, .at_or_below = {0}, .total = 0};
  EXPECT_EQ(CountAbove(empty, .05).high, 0);
  EXPECT_EQ(SlownessAllowance(empty, 0, 1.05), 1.0);
  EXPECT_EQ(CountAbove(Histogram{}, .05).count, 0);
}

}  // namespace
}  // namespace auspex::telemetry
