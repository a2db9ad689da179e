#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/model/classifier.h"
#include "auspex/model/metrics.h"
#include "auspex/training/dataset.h"
#include "auspex/training/folds.h"

namespace auspex::training {

// How far training has come: `done` of `all` fits.
using Progress = std::function<void(std::size_t done, std::size_t all)>;

// A way to learn.
struct Candidate {
  std::string learner;  // as registered
  bool recent = false;  // rows count less the older they are (kRecencyHalfLife)

  [[nodiscard]] std::string Name() const { return learner + (recent ? ", recent first" : ""); }
};

// Of the time from the first row to the moment of learning: after so much a row counts half. A half
// at most quarters the oldest rows, which costs little where nothing drifts, and is the faster of
// the two settings where something does; the folds choose between it and equal weights.
inline constexpr double kRecencyHalfLife = 0.5;

struct CandidateScore {
  Candidate candidate;
  std::vector<model::Metrics> folds;  // margins as chances, before calibration
  double log_loss = 0;                // over all rows tried
  double auc = 0;                     // mean of the folds in which it is defined
  std::vector<double> margins;        // of Benchmark::rows
};

// What every candidate was good for on rows later than those it learned from.
struct Benchmark {
  std::vector<Fold> folds;
  std::vector<std::size_t> rows;  // tried, fold after fold
  std::vector<CandidateScore> scores;
  // Of `scores`: the blend, in whichever weighting had the less log loss; another where its loss is
  // less by more than two standard errors (of the rows' differences). Without a blend the least.
  std::size_t best = 0;
};

// `table`: the features of `data`, all that a model may look at. `known`: what is known of columns.
// Candidates of the learner "blend" cost no fits where their members are candidates too. Errors:
// kNoData where no fold has both outcomes before it; the learners' own.
Result<Benchmark> RunBenchmark(const Dataset& data, const model::Table& table,
                               std::span<const model::Feature> known,
                               const std::vector<Candidate>& candidates,
                               const model::LearnerRegistry& learners, std::uint64_t seed,
                               const Progress& progress);

// Examples of these rows, as they were known at `at`.
[[nodiscard]] model::Examples ExamplesOf(const Dataset& data, const model::Table& table,
                                         std::span<const model::Feature> known,
                                         std::span<const std::size_t> rows, double at, bool recent);

// 2^(-age / (share of the span from the earliest of `times` to `at`)); all 1 where there is no
// span.
[[nodiscard]] std::vector<double> Fading(std::span<const double> times, double at, double share);

}  // namespace auspex::training
