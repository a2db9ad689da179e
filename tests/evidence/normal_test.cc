#include "auspex/evidence/normal.h"

#include <gtest/gtest.h>

#include <cmath>

namespace auspex::evidence {
namespace {

// Reference values: Python's statistics.NormalDist, which is AS 241 too, checked there against
// tables to 16 digits.
TEST(Normal, QuantileMatchesReferenceValues) {
  EXPECT_DOUBLE_EQ(NormalQuantile(0.5), 0.0);
  EXPECT_NEAR(NormalQuantile(0.975), 1.9599639845400536, 1e-14);
  EXPECT_NEAR(NormalQuantile(0.99), 2.3263478740408408, 1e-14);
  EXPECT_NEAR(NormalQuantile(1e-10), -6.361340902404056, 1e-13);
  EXPECT_NEAR(NormalQuantile(1e-15), -7.941345326170997, 1e-12);
}

TEST(Normal, UpperTailInvertsTheQuantile) {
  for (const double p : {1e-12, 1e-6, .01, .3, .5, .77, .999}) {
    EXPECT_NEAR(NormalUpperTail(-NormalQuantile(p)), p, 1e-12 * p + 1e-15) << p;
  }
}

}  // namespace
}  // namespace auspex::evidence
