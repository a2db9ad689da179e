#pragma once

#include <cstddef>
#include <vector>

#include "auspex/training/dataset.h"

namespace auspex::training {

// One look at what a model would have been good for: learned from rows before a moment, tried on
// those from it on.
struct Fold {
  double at = 0;                   // s: the moment
  std::vector<std::size_t> train;  // strictly before it, with an outcome that was known by then
  std::vector<std::size_t> test;   // from it to the next fold's, with an outcome
};

// Time-ordered folds over the later half of the rows that have an outcome, up to `count` of about
// equal size, each learned from everything before. Rows of one moment stay together, so one
// deployment is never split. Folds that would learn or try without a row are left out.
[[nodiscard]] std::vector<Fold> TimeFolds(const Dataset& data, std::size_t count);

// Rows whose outcome was known by `at`, by time.
[[nodiscard]] std::vector<std::size_t> KnownBy(const Dataset& data, double at);

}  // namespace auspex::training
