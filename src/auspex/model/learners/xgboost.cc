#include "auspex/model/learners/xgboost.h"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "auspex/model/json_feature.h"

namespace auspex::model {
namespace {

using Json = nlohmann::ordered_json;

// Shallow trees that each see a third of the features, learned slowly: chosen on time-ordered folds
// inside the training parts of two public collections (docs/models.md has the table). At least
// twenty "rows at even odds" x 1/4 stand behind a leaf.
constexpr int kDepth = 3;
constexpr double kLearningRate = 0.05;
constexpr double kRowShare = 0.7;
constexpr double kFeatureShare = 0.3;
// Fewer would leave a tree nothing to combine.
constexpr double kFewestFeatures = 4.0;
constexpr double kLeastLeafWeight = 20.0;
constexpr double kLeafPenalty = 5.0;
constexpr int kMostRounds = 400;
constexpr int kPatience = 30;  // rounds without a gain
constexpr int kWithoutChoice = 100;
constexpr double kHeldBack = 0.2;
// Fewer held back tell nothing.
constexpr std::size_t kFewestHeldBack = 50;

// The first line of the library's complaint; the others are its own stack.
Failure Complaint(std::string_view doing) {
  const std::string_view text = XGBGetLastError();
  return Fail(ErrorCode::kInternal, "xgboost: {}: {}", doing, text.substr(0, text.find('\n')));
}

#define AUSPEX_XGBOOST(doing, call)           \
  do {                                        \
    if ((call) != 0) return Complaint(doing); \
  } while (false)

struct FreeMatrix {
  void operator()(void* handle) const { XGDMatrixFree(handle); }
};
struct FreeBooster {
  void operator()(void* handle) const { XGBoosterFree(handle); }
};
using Matrix = std::unique_ptr<void, FreeMatrix>;
using Booster = std::unique_ptr<void, FreeBooster>;

// Rows `begin` to `end` of `table`, as floats: the library knows no others.
Result<Matrix> MatrixOf(const Table& table, std::size_t begin, std::size_t end) {
  std::vector<float> values;
  values.reserve((end - begin) * table.width());
  constexpr double kLargest = std::numeric_limits<float>::max();
  for (std::size_t i = begin * table.width(); i < end * table.width(); ++i)
    values.push_back(static_cast<float>(std::clamp(table.values[i], -kLargest, kLargest)));
  DMatrixHandle handle = nullptr;
  AUSPEX_XGBOOST("rows",
                 XGDMatrixCreateFromMat_omp(values.data(), end - begin, table.width(),
                                            std::numeric_limits<float>::quiet_NaN(), &handle, 1));
  return Matrix(handle);
}

Result<Matrix> MatrixOf(const Examples& examples, std::size_t begin, std::size_t end) {
  AUSPEX_TRY(Matrix matrix, MatrixOf(examples.table, begin, end));
  const auto set = [&](const char* field, const std::vector<double>& values) {
    const std::vector<float> part(values.begin() + static_cast<std::ptrdiff_t>(begin),
                                  values.begin() + static_cast<std::ptrdiff_t>(end));
    return XGDMatrixSetFloatInfo(matrix.get(), field, part.data(), part.size());
  };
  AUSPEX_XGBOOST("outcomes", set("label", examples.failed));
  AUSPEX_XGBOOST("weights", set("weight", examples.weights));
  return matrix;
}

// "(1,0,-1)"; empty where no feature has a direction.
std::string Directions(const std::vector<Feature>& features) {
  const bool any = std::any_of(features.begin(), features.end(),
                               [](const Feature& feature) { return feature.monotone != 0; });
  if (!any) return "";
  std::string text = "(";
  for (const Feature& feature : features)
    text += fmt::format("{}{}", text.size() > 1 ? "," : "", feature.monotone);
  return text + ")";
}

// `watched` may be null: the matrices that a booster will evaluate must be named when it is made.
Result<Booster> NewBooster(const Examples& examples, void* matrix, void* watched,
                           std::uint64_t seed) {
  const DMatrixHandle matrices[] = {matrix, watched};
  const double features = std::max(static_cast<double>(examples.features.size()), 1.0);
  const double feature_share = std::min(std::max(kFeatureShare, kFewestFeatures / features), 1.0);
  BoosterHandle handle = nullptr;
  AUSPEX_XGBOOST("begin", XGBoosterCreate(matrices, watched == nullptr ? 1 : 2, &handle));
  Booster booster(handle);
  const std::pair<const char*, std::string> parameters[] = {
      {"objective", "binary:logistic"},
      {"eval_metric", "logloss"},
      {"tree_method", "hist"},
      {"nthread", "1"},
      {"verbosity", "0"},
      // The library takes 31 bits of seed.
      {"seed", fmt::format("{}", seed & 0x7fffffffU)},
      {"max_depth", fmt::format("{}", kDepth)},
      {"eta", fmt::format("{}", kLearningRate)},
      {"subsample", fmt::format("{}", kRowShare)},
      {"colsample_bytree", fmt::format("{}", feature_share)},
      {"min_child_weight", fmt::format("{}", kLeastLeafWeight)},
      {"lambda", fmt::format("{}", kLeafPenalty)},
      {"monotone_constraints", Directions(examples.features)}};
  for (const auto& [name, value] : parameters)
    if (!value.empty())
      AUSPEX_XGBOOST("parameters", XGBoosterSetParam(handle, name, value.c_str()));
  return booster;
}

// The loss out of "[3]\tlater-logloss:0.4123".
Result<double> LossIn(std::string_view text) {
  const auto colon = text.rfind(':');
  double loss = 0;
  const char* begin = text.data() + (colon == std::string_view::npos ? 0 : colon + 1);
  const auto [end, failed] = std::from_chars(begin, text.data() + text.size(), loss);
  if (failed != std::errc() || end == begin)
    return Fail(ErrorCode::kInternal, "xgboost: no loss in '{}'", text);
  return loss;
}

// How many rounds are best for the latest rows when learning from those before.
Result<int> ChooseRounds(const Examples& examples, std::uint64_t seed) {
  const std::size_t rows = examples.failed.size();
  const auto held = static_cast<std::size_t>(std::floor(kHeldBack * static_cast<double>(rows)));
  if (held < kFewestHeldBack) return kWithoutChoice;
  AUSPEX_TRY(const Matrix early, MatrixOf(examples, 0, rows - held));
  AUSPEX_TRY(const Matrix late, MatrixOf(examples, rows - held, rows));
  AUSPEX_TRY(const Booster booster, NewBooster(examples, early.get(), late.get(), seed));
  int best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kMostRounds && round - best < kPatience; ++round) {
    AUSPEX_XGBOOST("a round", XGBoosterUpdateOneIter(booster.get(), round, early.get()));
    DMatrixHandle watched[] = {late.get()};
    const char* names[] = {"later"};
    const char* text = nullptr;
    AUSPEX_XGBOOST("the loss",
                   XGBoosterEvalOneIter(booster.get(), round, watched, names, 1, &text));
    AUSPEX_TRY(const double loss, LossIn(text));
    if (loss < least) {
      least = loss;
      best = round;
    }
  }
  return best + 1;
}

class Xgboost final : public Classifier {
 public:
  Xgboost(std::vector<Feature> features, Booster booster)
      : features_(std::move(features)), booster_(std::move(booster)) {}

  [[nodiscard]] const std::vector<Feature>& features() const override { return features_; }

  [[nodiscard]] Result<std::vector<double>> Margins(const Table& table) const override {
    AUSPEX_TRY(CheckColumns(table, features_));
    return Predict(table, 1, 1);
  }

  [[nodiscard]] Result<Contributions> Contribute(const Table& table) const override {
    AUSPEX_TRY(CheckColumns(table, features_));
    AUSPEX_TRY(std::vector<double> values, Predict(table, 2, features_.size() + 1));
    return Contributions{features_.size(), std::move(values)};
  }

  [[nodiscard]] Result<std::string> Save() const override {
    bst_ulong length = 0;
    const char* bytes = nullptr;
    AUSPEX_XGBOOST("save", XGBoosterSaveModelToBuffer(booster_.get(), R"({"format":"json"})",
                                                      &length, &bytes));
    const Json model = Json::parse(std::string_view(bytes, length), nullptr, false);
    if (model.is_discarded()) return Fail(ErrorCode::kInternal, "xgboost: saved no JSON");
    return Json{{"features", ToJson(features_)}, {"model", model}}.dump();
  }

 private:
  // `type` as the library counts: 1 margins, 2 contributions (TreeSHAP).
  [[nodiscard]] Result<std::vector<double>> Predict(const Table& table, int type,
                                                    std::size_t width) const {
    if (table.rows() == 0) return std::vector<double>();
    AUSPEX_TRY(const Matrix matrix, MatrixOf(table, 0, table.rows()));
    const std::string config = fmt::format(
        R"({{"type":{},"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false}})",
        type);
    const bst_ulong* shape = nullptr;
    bst_ulong dimensions = 0;
    const float* values = nullptr;
    AUSPEX_XGBOOST("predict",
                   XGBoosterPredictFromDMatrix(booster_.get(), matrix.get(), config.c_str(), &shape,
                                               &dimensions, &values));
    return std::vector<double>(values, values + table.rows() * width);
  }

  std::vector<Feature> features_;
  Booster booster_;
};

class XgboostLearner final : public Learner {
 public:
  [[nodiscard]] Result<std::unique_ptr<Classifier>> Train(const Examples& examples,
                                                          std::uint64_t seed) const override {
    AUSPEX_TRY(CheckExamples(examples));
    AUSPEX_TRY(const int rounds, ChooseRounds(examples, seed));
    AUSPEX_TRY(const Matrix matrix, MatrixOf(examples, 0, examples.failed.size()));
    AUSPEX_TRY(Booster booster, NewBooster(examples, matrix.get(), nullptr, seed));
    for (int round = 0; round < rounds; ++round)
      AUSPEX_XGBOOST("a round", XGBoosterUpdateOneIter(booster.get(), round, matrix.get()));
    std::vector<const char*> names;
    for (const Feature& feature : examples.features) names.push_back(feature.name.c_str());
    AUSPEX_XGBOOST("names", XGBoosterSetStrFeatureInfo(booster.get(), "feature_name", names.data(),
                                                       names.size()));
    return std::unique_ptr<Classifier>(
        std::make_unique<Xgboost>(examples.features, std::move(booster)));
  }

  [[nodiscard]] Result<std::unique_ptr<Classifier>> Load(std::string_view bytes) const override {
    AUSPEX_TRY(const Json json, ParseStored(bytes, "the xgboost model"));
    if (!json.contains("features") || !json.contains("model"))
      return Fail(ErrorCode::kDataLoss, "the xgboost model is damaged: no trees in it");
    AUSPEX_TRY(std::vector<Feature> features, FeaturesFromJson(json["features"]));
    const std::string model = json["model"].dump();
    BoosterHandle handle = nullptr;
    AUSPEX_XGBOOST("begin", XGBoosterCreate(nullptr, 0, &handle));
    Booster booster(handle);
    if (XGBoosterLoadModelFromBuffer(handle, model.data(), model.size()) != 0)
      return Fail(ErrorCode::kDataLoss, "the xgboost model is damaged: {}",
                  Complaint("load").error.message);
    AUSPEX_XGBOOST("threads", XGBoosterSetParam(handle, "nthread", "1"));
    bst_ulong width = 0;
    AUSPEX_XGBOOST("width", XGBoosterGetNumFeature(handle, &width));
    if (width != features.size())
      return Fail(ErrorCode::kDataLoss, "the xgboost model is damaged: {} features, not {}", width,
                  features.size());
    return std::unique_ptr<Classifier>(
        std::make_unique<Xgboost>(std::move(features), std::move(booster)));
  }

  [[nodiscard]] std::string Describe() const override {
    return fmt::format(
        "trees of depth {} at a rate of {}, {} of rows and {} of features (at least {}) each, leaf "
        "weight >= {}, "
        "L2 {}; up to {} of them, by loss on the latest {:.0f} % of rows",
        kDepth, kLearningRate, kRowShare, kFeatureShare, kFewestFeatures, kLeastLeafWeight,
        kLeafPenalty, kMostRounds, 100 * kHeldBack);
  }
};

#undef AUSPEX_XGBOOST

}  // namespace

Status RegisterXgboost(LearnerRegistry& registry) {
  return registry.Add("xgboost", []() -> Result<std::unique_ptr<Learner>> {
    return std::unique_ptr<Learner>(std::make_unique<XgboostLearner>());
  });
}

}  // namespace auspex::model
