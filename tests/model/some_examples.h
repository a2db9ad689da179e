#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "auspex/base/random.h"
#include "auspex/model/classifier.h"
#include "auspex/model/metrics.h"

namespace auspex::model {

// The log-odds of a row of SomeExamples.
inline double TrueMargin(double lines, double risky) {
  return -1.5 + 0.4 * std::log1p(lines) + 1.2 * risky;
}

// Rows whose chance to fail is known: `noise` says nothing, and every tenth of it is missing.
inline Examples SomeExamples(std::size_t rows, std::uint64_t seed) {
  Random random(seed);
  Examples examples;
  examples.table.columns = {"lines", "risky", "noise"};
  examples.features = {{"lines", "lines", FeatureScale::kLog1p, "adds {} lines", 0, 0},
                       {"risky", "", FeatureScale::kFlag, "touches a migration", 0, 0},
                       {"noise", "", FeatureScale::kLinear, "", 0, 0}};
  for (std::size_t row = 0; row < rows; ++row) {
    const double lines = std::floor(std::exp(6 * random.Uniform())) - 1;
    const double risky = random.Chance(0.3) ? 1 : 0;
    const double noise = row % 10 == 9 ? std::nan("") : random.Normal();
    examples.table.values.insert(examples.table.values.end(), {lines, risky, noise});
    examples.failed.push_back(random.Chance(Sigmoid(TrueMargin(lines, risky))) ? 1 : 0);
    examples.weights.push_back(1.0);
  }
  return examples;
}

}  // namespace auspex::model
