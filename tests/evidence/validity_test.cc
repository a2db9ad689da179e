// Property 4 of section 9: a canary that is no worse than tolerated is rarely called faulty,
// however often one looks and however the weight follows what was seen. The twelve cells of
// `make test`; bench/validity_cells has 96.

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/evidence/tolerated_canary.h"

namespace auspex::evidence {
namespace {

constexpr int kRuns = 20'000;

class FalseAlarms : public ::testing::TestWithParam<ToleratedCanary> {};

TEST_P(FalseAlarms, AreAtMostAlpha) {
  const FalseAlarmCounts counts = CountFalseAlarms(GetParam(), kRuns);
  RecordProperty("at_05", counts.at_05);
  RecordProperty("at_01", counts.at_01);
  EXPECT_LE(counts.at_05, .05 * kRuns);
  EXPECT_LE(counts.at_01, .01 * kRuns);
}

std::vector<ToleratedCanary> TwelveCells() {
  std::vector<ToleratedCanary> cells;
  for (const double rate : {1.0, 100.0, 10'000.0}) {
    for (const double p : {1e-4, 1e-2}) {
      for (const Load load : {Load::kStationary, Load::kDiurnalWithOutages})
        cells.push_back(
            {.requests_per_s = rate, .error_rate = p, .ratio = kToleratedRatio, .load = load});
    }
  }
  return cells;
}

INSTANTIATE_TEST_SUITE_P(MonteCarlo, FalseAlarms, ::testing::ValuesIn(TwelveCells()),
                         [](const auto& cell) { return NameOf(cell.param); });

}  // namespace
}  // namespace auspex::evidence
