#include "auspex/training/artefact.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "auspex/base/sha256.h"
#include "auspex/model/json_feature.h"
#include "auspex/training/history.h"
#include "auspex/training/model_card.h"

namespace auspex::training {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int kFormat = 1;
constexpr const char* kModel = "model.json";
constexpr const char* kClassifier = "classifier.json";
constexpr const char* kCard = "model-card.md";

std::string HashOfText(const std::string& text) { return ToHex(HashSha256(text)); }

// JSON knows no NaN: what is not defined is null.
Json Number(double value) { return std::isnan(value) ? Json(nullptr) : Json(value); }

double NumberIn(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

Json ToJson(const model::Metrics& metrics) {
  return {{"rows", metrics.rows},
          {"failures", metrics.failures},
          {"auc", Number(metrics.auc)},
          {"pr_auc", Number(metrics.average_precision)},
          {"log_loss", Number(metrics.log_loss)},
          {"brier", Number(metrics.brier)},
          {"calibration_error", Number(metrics.calibration_error)}};
}

model::Metrics MetricsIn(const Json& json) {
  return {json.at("rows").get<std::size_t>(),
          json.at("failures").get<std::size_t>(),
          NumberIn(json.at("auc")),
          NumberIn(json.at("pr_auc")),
          NumberIn(json.at("log_loss")),
          NumberIn(json.at("brier")),
          NumberIn(json.at("calibration_error"))};
}

Json ToJson(const ModelRecord& record) {
  Json tried = Json::array();
  for (const TriedCandidate& one : record.tried) {
    Json folds = Json::array();
    for (const model::Metrics& fold : one.folds) folds.push_back(ToJson(fold));
    tried.push_back({{"name", one.name},
                     {"chosen", one.chosen},
                     {"auc", Number(one.auc)},
                     {"log_loss", Number(one.log_loss)},
                     {"folds", folds}});
  }
  return {{"label", record.roles.label},       {"time", record.roles.time},
          {"group", record.roles.group},       {"drop", record.roles.drop},
          {"columns", record.roles.features},  {"history", record.history},
          {"learner", record.learner},         {"recent_first", record.recent},
          {"parameters", record.parameters},   {"seed", record.seed},
          {"data_sha256", record.data_sha256}, {"rows", record.rows},
          {"failures", record.failures},       {"unknown", record.unknown},
          {"groups", record.groups},           {"first_time", record.first_time},
          {"last_time", record.last_time},     {"tried", tried},
          {"later", ToJson(record.later)},     {"single_column", record.single_column},
          {"single_auc", record.single_auc},   {"notes", record.notes}};
}

ModelRecord RecordIn(const Json& json) {
  ModelRecord record;
  record.roles.label = json.at("label").get<std::string>();
  record.roles.time = json.at("time").get<std::string>();
  record.roles.group = json.at("group").get<std::string>();
  record.roles.drop = json.at("drop").get<std::vector<std::string>>();
  record.roles.features = json.at("columns").get<std::vector<std::string>>();
  record.history = json.at("history").get<bool>();
  record.learner = json.at("learner").get<std::string>();
  record.recent = json.at("recent_first").get<bool>();
  record.parameters = json.at("parameters").get<std::string>();
  record.seed = json.at("seed").get<std::uint64_t>();
  record.data_sha256 = json.at("data_sha256").get<std::string>();
  record.rows = json.at("rows").get<std::size_t>();
  record.failures = json.at("failures").get<std::size_t>();
  record.unknown = json.at("unknown").get<std::size_t>();
  record.groups = json.at("groups").get<std::size_t>();
  record.first_time = json.at("first_time").get<double>();
  record.last_time = json.at("last_time").get<double>();
  for (const Json& one : json.at("tried")) {
    TriedCandidate& tried = record.tried.emplace_back();
    tried.name = one.at("name").get<std::string>();
    tried.chosen = one.at("chosen").get<bool>();
    tried.auc = NumberIn(one.at("auc"));
    tried.log_loss = NumberIn(one.at("log_loss"));
    for (const Json& fold : one.at("folds")) tried.folds.push_back(MetricsIn(fold));
  }
  record.later = MetricsIn(json.at("later"));
  record.single_column = json.value("single_column", "");  // older artefacts have none
  record.single_auc = json.value("single_auc", 0.0);
  record.notes = json.at("notes").get<std::vector<std::string>>();
  return record;
}

Failure NotWritten(const fs::path& path, int error) {
  const bool refused = error == EACCES || error == EPERM || error == EROFS;
  return Fail(refused ? ErrorCode::kPermissionDenied : ErrorCode::kUnavailable,
              "{} cannot be written: {}", path.string(), std::system_category().message(error));
}

// All of it or none: beside the file first.
Status Write(const fs::path& path, const std::string& text) {
  const fs::path next = path.string() + ".new";
  {
    std::ofstream file(next, std::ios::binary);
    file << text;
    file.close();
    if (!file) return NotWritten(path, errno == 0 ? EIO : errno);
  }
  std::error_code error;
  fs::rename(next, path, error);
  if (error) return NotWritten(path, error.value());
  return {};
}

Result<std::string> Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Fail(ErrorCode::kNotFound, "{}: {}; a model is a folder that `auspex train --out` made",
                path.string(), std::system_category().message(errno));
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

Failure Damaged(const std::string& folder, std::string_view what) {
  return Fail(ErrorCode::kInvalidArgument,
              "{}: the model is damaged or was changed by hand ({}); train it again, or restore "
              "the folder as it was made",
              folder, what);
}

Result<Artefact> Parse(const std::string& folder, const Json& json, const std::string& classifier,
                       const model::LearnerRegistry& learners) {
  ModelRecord record = RecordIn(json.at("record"));
  if (json.at("classifier_sha256") != HashOfText(classifier))
    return Damaged(folder, "classifier.json is not the one it was saved with");
  if (json.at("features_sha256") != HashOfText(json.at("features").dump()))
    return Damaged(folder, "its list of features does not match its hash");
  AUSPEX_TRY(const auto features, model::FeaturesFromJson(json.at("features")));
  const auto learner = learners.Create(record.learner);
  if (!learner.ok())
    return Fail(ErrorCode::kInvalidArgument, "{}: this version has no learner '{}'; {}", folder,
                record.learner, learner.error().message);
  auto loaded = (*learner)->Load(classifier);
  if (!loaded.ok()) return Damaged(folder, loaded.error().message);
  if ((*loaded)->features() != features)
    return Damaged(folder, "its classifier is of other features than its list");
  const model::Calibration calibration{json.at("calibration").at("slope").get<double>(),
                                       json.at("calibration").at("intercept").get<double>()};
  return Artefact{std::move(record),
                  std::make_shared<model::Model>(*std::move(loaded), calibration)};
}

}  // namespace

Status SaveArtefact(const Artefact& artefact, const std::string& folder) {
  const fs::path path(folder);
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path, error))
    return Fail(ErrorCode::kConflict, "{} is a file; a model is a folder", folder);
  if (fs::is_directory(path, error) && !fs::is_empty(path, error) &&
      !fs::exists(path / kModel, error))
    return Fail(ErrorCode::kConflict,
                "{} is there and holds no model; name a new folder, or empty this one", folder);
  fs::create_directories(path, error);
  if (error) return NotWritten(path, error.value());
  AUSPEX_TRY(const std::string classifier, artefact.model->classifier().Save());
  const Json features = model::ToJson(artefact.model->features());
  const model::Calibration& calibration = artefact.model->calibration();
  Json json = {
      {"format", kFormat},
      {"record", ToJson(artefact.record)},
      {"calibration", {{"slope", calibration.slope}, {"intercept", calibration.intercept}}},
      {"features", features},
      {"features_sha256", HashOfText(features.dump())},
      {"classifier_sha256", HashOfText(classifier)}};
  // Last, and of everything before it.
  json["sha256"] = HashOfText(json.dump());
  AUSPEX_TRY(Write(path / kClassifier, classifier));
  AUSPEX_TRY(Write(path / kCard, ModelCard(artefact)));
  return Write(path / kModel, json.dump(1) + "\n");
}

Result<Artefact> LoadArtefact(const std::string& folder, const model::LearnerRegistry& learners) {
  AUSPEX_TRY(const std::string text, Read(fs::path(folder) / kModel));
  AUSPEX_TRY(const std::string classifier, Read(fs::path(folder) / kClassifier));
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return Damaged(folder, "model.json is no JSON");
  try {
    const int format = json.at("format").get<int>();
    if (format != kFormat)
      return Fail(ErrorCode::kInvalidArgument,
                  "{}: a model of format {}; this version reads format {}", folder, format,
                  kFormat);
    const auto hash = json.at("sha256").get<std::string>();
    json.erase("sha256");
    if (hash != HashOfText(json.dump())) return Damaged(folder, "model.json");
    return Parse(folder, json, classifier, learners);
  } catch (const Json::exception& broken) {
    return Damaged(folder, broken.what());
  }
}

model::Table FeaturesFor(const ModelRecord& record, const Dataset& data) {
  if (!record.history) return data.table;
  const model::Table history = HistoryOf(data);
  model::Table both{data.table.columns, {}};
  both.columns.insert(both.columns.end(), history.columns.begin(), history.columns.end());
  both.values.reserve(data.rows() * both.width());
  for (std::size_t row = 0; row < data.rows(); ++row) {
    const auto own = data.table.Row(row);
    const auto past = history.Row(row);
    both.values.insert(both.values.end(), own.begin(), own.end());
    both.values.insert(both.values.end(), past.begin(), past.end());
  }
  return both;
}

}  // namespace auspex::training
