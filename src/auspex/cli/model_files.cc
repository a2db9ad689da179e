#include "auspex/cli/model_files.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <utility>

#include "auspex/base/input.h"
#include "auspex/model/register_learners.h"

namespace auspex::cli {

Result<model::LearnerRegistry> Learners() {
  model::LearnerRegistry learners;
  AUSPEX_TRY(model::RegisterLearners(learners));
  return learners;
}

Result<training::Dataset> ReadData(const std::string& file, const training::ColumnRoles& roles) {
  AUSPEX_TRY(auto input, OpenInput(file));
  return training::ReadDataset(std::move(input), file == "-" ? "<stdin>" : file, roles);
}

Result<Judged> JudgeData(const std::string& model, const std::string& file,
                         const std::string& label, bool keep_lines) {
  AUSPEX_TRY(const auto learners, Learners());
  AUSPEX_TRY(auto artefact, training::LoadArtefact(model, learners));
  const training::ModelRecord& record = artefact.record;
  training::ColumnRoles roles = record.roles;
  roles.label = label;
  roles.drop.clear();
  roles.keep_lines = keep_lines;
  roles.time_and_group_if_there = !record.history;
  if (record.history && label.empty())
    fmt::print(stderr,
               "note: the model looks at the outcomes of earlier rows, and no --label says where "
               "they are; it goes without\n");
  AUSPEX_TRY(training::Dataset data, ReadData(file, roles));
  model::Table features = training::FeaturesFor(record, data);
  AUSPEX_TRY(std::vector<double> chances, artefact.model->Chances(features));
  return Judged{std::move(artefact), std::move(data), std::move(features), std::move(chances)};
}

std::string JsonNumber(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : std::string("null");
}

std::string MetricsJson(const model::Metrics& metrics) {
  return fmt::format(
      R"({{"rows":{},"failures":{},"auc":{},"pr_auc":{},"log_loss":{},"brier":{},"calibration_error":{}}})",
      metrics.rows, metrics.failures, JsonNumber(metrics.auc),
      JsonNumber(metrics.average_precision), JsonNumber(metrics.log_loss),
      JsonNumber(metrics.brier), JsonNumber(metrics.calibration_error));
}

}  // namespace auspex::cli
