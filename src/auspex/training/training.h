#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/model/classifier.h"
#include "auspex/training/artefact.h"
#include "auspex/training/benchmark.h"
#include "auspex/training/dataset.h"

// training makes a model out of rows of which it is known what came of them, and keeps time: it
// learns from the past, chooses on what came after, and calibrates on what came last.
//
//   AUSPEX_TRY(const Dataset data, ReadDataset(std::move(input), "deployments.csv", roles));
//   AUSPEX_TRY(const Artefact artefact, Train(data, options, learners));
//   AUSPEX_TRY(SaveArtefact(artefact, "model/"));
//   ...
//   AUSPEX_TRY(const Artefact read, LoadArtefact("model/", learners));
//   AUSPEX_TRY(const auto chances, read.model->Chances(FeaturesFor(read.record, later)));
//
// Read next: dataset.h (rows), history.h (what earlier rows say), folds.h (time), benchmark.h (the
// learners side by side), artefact.h (what is kept), docs/models.md (figures and constants).
namespace auspex::training {

struct TrainOptions {
  ColumnRoles roles;
  bool history = false;
  std::string learner = "auto";  // or the name of one
  std::uint64_t seed = 1;
  std::vector<model::Feature> known;  // what is known of columns; others are described from values
  Progress progress;                  // may be empty
};

// Every way to learn that is tried by `learner`: of "auto" all. Error: kInvalidArgument for a
// learner that there is not, naming those that there are.
Result<std::vector<Candidate>> CandidatesFor(const std::string& learner,
                                             const model::LearnerRegistry& learners);

// Learns from the rows whose outcome was known by the time of the last row. Equal data, options and
// seed give an equal artefact, to the last byte. Errors: kNoData (too few rows or failures, with
// how many there are); kInvalidArgument (no such learner; a column that has the name of a history
// feature); the learners' own.
Result<Artefact> Train(const Dataset& data, const TrainOptions& options,
                       const model::LearnerRegistry& learners);

}  // namespace auspex::training
