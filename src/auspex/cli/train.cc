#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/builds/features.h"
#include "auspex/change/dependencies/delta.h"
#include "auspex/change/features.h"
#include "auspex/cli/commands.h"
#include "auspex/cli/copy_meter.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/model_files.h"
#include "auspex/training/model_card.h"
#include "auspex/training/training.h"

namespace auspex::cli {
namespace {

// Columns that a module of ours makes are scaled, and told in reasons, as it says.
std::vector<model::Feature> KnownFeatures() {
  std::vector<model::Feature> known;
  const auto add = [&known](std::span<const FeatureSpec> specs) {
    for (const FeatureSpec& spec : specs) known.push_back(model::FeatureOf(spec));
  };
  add(change::kChangeFeatures);
  add(change::kRangeFeatures);
  add(change::kDependencyFeatures);
  add(builds::kBuildFeatures);
  add(builds::kHistoryFeatures);
  return known;
}

Result<training::Artefact> TrainAndSave(const TrainModelOptions& options) {
  AUSPEX_TRY(const auto learners, Learners());
  // Before a long file is read.
  AUSPEX_TRY(training::CandidatesFor(options.learner, learners));
  training::TrainOptions train;
  train.roles.label = options.label;
  train.roles.time = options.time;
  train.roles.group = options.group;
  train.roles.drop = options.drop;
  train.history = options.history;
  train.learner = options.learner;
  train.seed = options.seed;
  train.known = KnownFeatures();
  AUSPEX_TRY(const training::Dataset data, ReadData(options.data, train.roles));
  for (const std::string& column : data.left_out)
    fmt::print(stderr, "note: column '{}' is no feature by its name; left out\n", column);
  const RealClock clock;
  CopyMeter meter(clock);
  train.progress = [&meter](std::size_t done, std::size_t all) {
    meter.Show(
        {"training", "fits", static_cast<std::int64_t>(done), static_cast<std::int64_t>(all)});
  };
  auto artefact = training::Train(data, train, learners);
  if (!artefact.ok()) return Within(options.data, artefact.error());
  AUSPEX_TRY(training::SaveArtefact(*artefact, options.out));
  return artefact;
}

void PrintJson(const training::Artefact& artefact, const std::string& out) {
  const training::ModelRecord& record = artefact.record;
  std::string candidates;
  for (const training::TriedCandidate& tried : record.tried) {
    std::string folds;
    for (const model::Metrics& fold : tried.folds)
      folds += (folds.empty() ? "" : ",") + MetricsJson(fold);
    candidates +=
        fmt::format(R"({}{{"name":{},"chosen":{},"auc":{},"log_loss":{},"folds":[{}]}})",
                    candidates.empty() ? "" : ",", nlohmann::json(tried.name).dump(), tried.chosen,
                    JsonNumber(tried.auc), JsonNumber(tried.log_loss), folds);
  }
  fmt::print(
      R"({{"model":{},"learner":"{}","recent_first":{},"seed":{},"rows":{},"failures":{},"unknown":{},"groups":{},"data_sha256":"{}","calibration":{{"slope":{},"intercept":{}}},"candidates":[{}],"later":{},"single_column":{},"single_auc":{},"notes":{}}})"
      "\n",
      nlohmann::json(out).dump(), record.learner, record.recent, record.seed, record.rows,
      record.failures, record.unknown, record.groups, record.data_sha256,
      artefact.model->calibration().slope, artefact.model->calibration().intercept, candidates,
      MetricsJson(record.later), nlohmann::json(record.single_column).dump(),
      JsonNumber(record.single_auc), nlohmann::json(record.notes).dump());
}

void PrintText(const training::Artefact& artefact, const std::string& out) {
  const training::ModelRecord& record = artefact.record;
  fmt::print("{} rows, {} failed ({:.1f} %)", record.rows, record.failures,
             100.0 * static_cast<double>(record.failures) / static_cast<double>(record.rows));
  if (record.unknown > 0)
    fmt::print("; {} more whose outcome was not known by the last row's time", record.unknown);
  fmt::print("\n\non later rows, each fold learned from everything before it:\n{}",
             training::FoldsText(record));
  const model::Metrics& later = record.later;
  if (later.rows > 0)
    fmt::print(
        "\nchosen, calibrated on earlier folds: AUC {:.4f}, average precision "
        "{:.4f}, log loss {:.4f}, Brier {:.4f}, calibration error {:.4f}\n",
        later.auc, later.average_precision, later.log_loss, later.brier, later.calibration_error);
  if (!record.single_column.empty())
    fmt::print("{} alone, the best single column of those rows: AUC {:.4f}\n", record.single_column,
               record.single_auc);
  for (const std::string& note : record.notes) fmt::print("\nlook at this: {}\n", note);
  fmt::print("\nsaved in {}: model.json, classifier.json, model-card.md\n", out);
}

}  // namespace

int TrainModel(const TrainModelOptions& options) {
  const auto artefact = TrainAndSave(options);
  if (!artefact.ok()) return Complain("train", artefact.error());
  if (options.json) {
    PrintJson(*artefact, options.out);
  } else {
    PrintText(*artefact, options.out);
  }
  return kGood;
}

}  // namespace auspex::cli
