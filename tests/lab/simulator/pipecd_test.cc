#include "lab/simulator/policies/pipecd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "auspex/base/random.h"
#include "lab/simulator/policies/rank_test.h"

namespace auspex::lab::simulator {
namespace {

double UOf(const std::vector<double>& x, const std::vector<double>& y) {
  double u = 0.0;
  for (const double a : x) {
    for (const double b : y) u += a > b ? 1.0 : a == b ? .5 : 0.0;
  }
  return u;
}

// By all ways to deal the values to the two sides.
double ByEnumeration(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> all = x;
  all.insert(all.end(), y.begin(), y.end());
  const double seen = UOf(x, y);
  double high = 0.0, total = 0.0;
  for (unsigned bits = 0; bits < 1U << all.size(); ++bits) {
    std::vector<double> a, b;
    for (std::size_t i = 0; i < all.size(); ++i) ((bits >> i & 1U) != 0 ? a : b).push_back(all[i]);
    if (a.size() != x.size()) continue;
    ++total;
    high += UOf(a, b) >= seen ? 1.0 : 0.0;
  }
  return high / total;
}

TEST(ExactUpperTail, IsTheShareOfDealsThatAreAsHigh) {
  Random random(1);
  for (int i = 0; i < 100; ++i) {
    std::vector<double> x, y;
    const std::uint64_t nx = 1 + random.Below(5), ny = 1 + random.Below(5);
    for (std::uint64_t k = 0; k < nx; ++k) x.push_back(static_cast<double>(random.Below(4)));
    for (std::uint64_t k = 0; k < ny; ++k) y.push_back(static_cast<double>(random.Below(4)));
    EXPECT_NEAR(ExactUpperTail(x, y), ByEnumeration(x, y), 1e-12);
  }
}

// With an interval of one minute there are two values a side, and nothing can ever fail.
TEST(Pipecd, TwoValuesCannotFail) {
  EXPECT_NEAR(ExactUpperTail(std::vector{3.0, 4.0}, std::vector{1.0, 2.0}), 1.0 / 6.0, 1e-12);
  EXPECT_FALSE(PipecdFails(std::vector{3.0, 4.0}, std::vector{1.0, 2.0}));
}

TEST(Pipecd, EqualValuesPassAndHigherOnesFail) {
  const std::vector<double> zeros(5, 0.0);
  EXPECT_FALSE(PipecdFails(zeros, zeros));
  EXPECT_FALSE(PipecdFails({}, zeros));
  const std::vector<double> low = {1, 2, 3, 4, 5}, high = {6, 7, 8, 9, 10};
  EXPECT_TRUE(PipecdFails(high, low));
  EXPECT_FALSE(PipecdFails(low, high));  // deviation HIGH
}

TEST(Pipecd, RunsForHalfAnHourAndForgetsEachLook) {
  const Deployment d = [] {
    std::uint64_t number = 1;
    while (DrawDeployment(number).bad) ++number;
    return DrawDeployment(number);
  }();
  const Traffic traffic(d);
  PipecdRun run(&traffic);
  double now_s = 0.0;
  ArmCounts silent;
  while (!run.Next().ended) {
    run.See(now_s, {.canary = silent, .baseline = silent, .harmed = 0.0});
    now_s += run.Next().seconds;
  }
  EXPECT_EQ(now_s, 1800.0);
  EXPECT_EQ(run.Next().end, Outcome::End::kPromoted);
}

}  // namespace
}  // namespace auspex::lab::simulator
