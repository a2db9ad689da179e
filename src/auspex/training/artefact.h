#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/model/metrics.h"
#include "auspex/model/model.h"
#include "auspex/training/dataset.h"

namespace auspex::training {

// A way to learn and how it did on the folds.
struct TriedCandidate {
  std::string name;
  bool chosen = false;
  double auc = 0;       // mean over folds
  double log_loss = 0;  // over all rows
  std::vector<model::Metrics> folds;
};

// Everything about a model but the model.
struct ModelRecord {
  ColumnRoles roles;       // `features`: the columns of the file, in order
  bool history = false;    // with HistoryFeatures() after them
  std::string learner;     // as registered
  bool recent = false;     // recent rows first (benchmark.h)
  std::string parameters;  // the learner's constants in a line
  std::uint64_t seed = 1;
  std::string data_sha256;  // dataset.h: HashOf
  std::size_t rows = 0;     // learned from
  std::size_t failures = 0;
  std::size_t unknown = 0;  // rows whose outcome was not known by the last row's time
  std::size_t groups = 0;
  double first_time = 0, last_time = 0;  // s; of all rows
  std::vector<TriedCandidate> tried;
  // Of the chosen one on the folds, each calibrated on those before it; `rows` 0 where there is no
  // such fold.
  model::Metrics later;
  // The column that alone, higher or lower first, puts those same rows in the best order: what a
  // model must be better than to be worth it. It is the best in hindsight. Empty: no such rows.
  std::string single_column = {};
  double single_auc = 0;
  std::vector<std::string> notes;  // what a user should look at
};

struct Artefact {
  ModelRecord record;
  std::shared_ptr<const model::Model> model;
};

// A folder with model.json (record, features, calibration, hashes), classifier.json (what the
// learner saved) and model-card.md (the same for people). No clock and no path is in it: equal
// models give equal bytes. An older artefact there is replaced. Errors: kConflict where `folder`
// holds other things; kUnavailable or kPermissionDenied where it cannot be written.
Status SaveArtefact(const Artefact& artefact, const std::string& folder);

// Errors: kNotFound (no artefact there); kInvalidArgument (damaged, changed by hand, of a newer
// format, or its classifier is of other features than the record says).
Result<Artefact> LoadArtefact(const std::string& folder, const model::LearnerRegistry& learners);

// What the model looks at for each row of `data`, which was read with the record's roles.
[[nodiscard]] model::Table FeaturesFor(const ModelRecord& record, const Dataset& data);

}  // namespace auspex::training
