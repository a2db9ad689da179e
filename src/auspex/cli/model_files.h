#pragma once

#include <string>

#include "auspex/base/result.h"
#include "auspex/model/metrics.h"
#include "auspex/training/artefact.h"
#include "auspex/training/dataset.h"

// What train, predict and evaluate share.
namespace auspex::cli {

// The learners of this build. Never fails but by a bug of ours.
Result<model::LearnerRegistry> Learners();

// Errors as ReadDataset, of the file as it was named; - is standard input.
Result<training::Dataset> ReadData(const std::string& file, const training::ColumnRoles& roles);

// A model, rows it is to judge, and what it says of them.
struct Judged {
  training::Artefact artefact;
  training::Dataset data;
  model::Table features;
  std::vector<double> chances;  // P(fail) a row
};
// `label`: the column with outcomes; empty: no outcomes are read, and a model with history knows
// none (said on standard error). Errors: LoadArtefact's and ReadDataset's.
Result<Judged> JudgeData(const std::string& model, const std::string& file,
                         const std::string& label, bool keep_lines);

// A number, or null where it is not defined.
[[nodiscard]] std::string JsonNumber(double value);
// {"rows":…,"failures":…,"auc":…,"pr_auc":…,"log_loss":…,"brier":…,"calibration_error":…}
[[nodiscard]] std::string MetricsJson(const model::Metrics& metrics);

}  // namespace auspex::cli
