#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/model/calibration.h"
#include "auspex/model/classifier.h"
#include "auspex/model/reasons.h"
#include "auspex/model/table.h"

// model says how likely something is to fail, and why. A Learner makes a Classifier out of
// examples; a Calibration, fitted on later time, makes its margins into chances; a Model is the two
// together.
//
//   LearnerRegistry learners;
//   AUSPEX_TRY(RegisterLearners(learners));
//   AUSPEX_TRY(const auto learner, learners.Create("logistic"));
//   AUSPEX_TRY(auto classifier, learner->Train(examples, seed));
//   const Model model(std::move(classifier), FitCalibration(margins, failed, weights));
//   AUSPEX_TRY(const auto chances, model.Chances(table));
//
// Read next: classifier.h (the ports), feature.h (what a column means), metrics.h (how good it is),
// learners/ (logistic, xgboost, blend), ../training (data, history, folds, the artefact).
namespace auspex::model {

// Why, and how likely.
struct Explanation {
  double chance = 0;            // P(fail)
  double usual = 0;             // of the usual row: what the bias alone says
  std::vector<Reason> reasons;  // largest first
};

// Immutable and thread-safe.
class Model {
 public:
  Model(std::unique_ptr<Classifier> classifier, Calibration calibration);

  [[nodiscard]] const std::vector<Feature>& features() const { return classifier_->features(); }
  [[nodiscard]] const Calibration& calibration() const { return calibration_; }
  [[nodiscard]] const Classifier& classifier() const { return *classifier_; }

  // P(fail) of each row, in (0, 1). The table may have more columns than the features, in any
  // order. Error: kInvalidArgument naming a feature that it lacks.
  [[nodiscard]] Result<std::vector<double>> Chances(const Table& table) const;
  // Each row with its `most` weightiest reasons. Errors as Chances.
  [[nodiscard]] Result<std::vector<Explanation>> Explain(const Table& table,
                                                         std::size_t most) const;

 private:
  std::unique_ptr<Classifier> classifier_;
  Calibration calibration_;
};

}  // namespace auspex::model
