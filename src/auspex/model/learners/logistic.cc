#include "auspex/model/learners/logistic.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "auspex/model/json_feature.h"
#include "auspex/model/learners/linear_fit.h"
#include "auspex/model/metrics.h"
#include "auspex/model/scaling.h"

namespace auspex::model {
namespace {

using Json = nlohmann::ordered_json;

// Per unit of standardised coefficient, squared and halved. A decade apart: the loss on later time
// is flat between them (docs/models.md).
constexpr std::array kPenalties = {1.0, 10.0, 100.0, 1000.0};
constexpr double kWithoutChoice = 10.0;
// Share of the examples, the latest, that the penalty is chosen on.
constexpr double kHeldBack = 0.2;
// Fewer held back tell nothing.
constexpr std::size_t kFewestHeldBack = 20;

class Logistic final : public Classifier {
 public:
  Logistic(std::vector<Feature> features, std::vector<ScaledInput> inputs,
           std::vector<double> coefficients, double penalty)
      : features_(std::move(features)),
        inputs_(std::move(inputs)),
        coefficients_(std::move(coefficients)),
        penalty_(penalty) {}

  [[nodiscard]] const std::vector<Feature>& features() const override { return features_; }

  [[nodiscard]] Result<std::vector<double>> Margins(const Table& table) const override {
    AUSPEX_TRY(const Contributions parts, Contribute(table));
    std::vector<double> margins;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      double margin = 0;
      for (const double part : parts.Row(row)) margin += part;
      margins.push_back(margin);
    }
    return margins;
  }

  // Against the mean of the examples, where each scaled input is 0: in units of the feature, what
  // it adds compared with the usual row.
  [[nodiscard]] Result<Contributions> Contribute(const Table& table) const override {
    AUSPEX_TRY(CheckColumns(table, features_));
    Contributions out{features_.size(), {}};
    out.values.assign(table.rows() * (features_.size() + 1), 0.0);
    std::vector<double> scaled(inputs_.size());
    for (std::size_t row = 0; row < table.rows(); ++row) {
      Scale(inputs_, features_, table.Row(row), scaled);
      double* parts = out.values.data() + row * (features_.size() + 1);
      for (std::size_t i = 0; i < inputs_.size(); ++i)
        parts[inputs_[i].feature] += coefficients_[i + 1] * scaled[i];
      parts[features_.size()] = coefficients_[0];
    }
    return out;
  }

  [[nodiscard]] Result<std::string> Save() const override {
    Json inputs = Json::array();
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const ScaledInput& in = inputs_[i];
      inputs.push_back({{"feature", in.feature},
                        {"kind", static_cast<int>(in.kind)},
                        {"fill", in.fill},
                        {"low", in.low},
                        {"high", in.high},
                        {"mean", in.mean},
                        {"sd", in.sd},
                        {"coefficient", coefficients_[i + 1]}});
    }
    const Json json = {{"features", ToJson(features_)},
                       {"penalty", penalty_},
                       {"bias", coefficients_[0]},
                       {"inputs", inputs}};
    return json.dump();
  }

 private:
  std::vector<Feature> features_;
  std::vector<ScaledInput> inputs_;
  std::vector<double> coefficients_;  // the bias, then one an input
  double penalty_;
};

// The rows of `table` from `begin` to `end`, scaled.
std::vector<double> ScaledRows(std::span<const ScaledInput> inputs, const Examples& examples,
                               std::size_t begin, std::size_t end) {
  std::vector<double> scaled((end - begin) * inputs.size());
  for (std::size_t row = begin; row < end; ++row)
    Scale(inputs, examples.features, examples.table.Row(row),
          std::span(scaled).subspan((row - begin) * inputs.size(), inputs.size()));
  return scaled;
}

// The penalty with the least weighted loss on the latest rows. Scaling is fitted on all rows: it
// knows no outcomes.
double ChoosePenalty(std::span<const double> scaled, std::size_t width, const Examples& examples) {
  const std::size_t rows = examples.failed.size();
  const auto held = static_cast<std::size_t>(std::floor(kHeldBack * static_cast<double>(rows)));
  const std::size_t from = rows - held;
  const std::span failed(examples.failed);
  const auto early = failed.first(from);
  const bool both = std::any_of(early.begin(), early.end(), [](double y) { return y > 0.5; }) &&
                    std::any_of(early.begin(), early.end(), [](double y) { return y < 0.5; });
  if (held < kFewestHeldBack || !both) return kWithoutChoice;
  double best = kWithoutChoice, least = std::numeric_limits<double>::infinity();
  for (const double penalty : kPenalties) {
    const LinearFit fit = FitLogistic(scaled.first(from * width), width, early,
                                      std::span(examples.weights).first(from), penalty);
    double loss = 0;
    for (std::size_t row = from; row < rows; ++row) {
      double margin = fit.coefficients[0];
      for (std::size_t j = 0; j < width; ++j)
        margin += fit.coefficients[j + 1] * scaled[row * width + j];
      const double chance = Sigmoid(margin);
      loss += examples.weights[row] * LogLoss(std::span(&chance, 1), failed.subspan(row, 1));
    }
    if (loss < least) {
      least = loss;
      best = penalty;
    }
  }
  return best;
}

class LogisticLearner final : public Learner {
 public:
  [[nodiscard]] Result<std::unique_ptr<Classifier>> Train(const Examples& examples,
                                                          std::uint64_t /*seed*/) const override {
    AUSPEX_TRY(CheckExamples(examples));
    std::vector<ScaledInput> inputs = FitScaling(examples);
    const std::vector<double> scaled = ScaledRows(inputs, examples, 0, examples.table.rows());
    const double penalty = ChoosePenalty(scaled, inputs.size(), examples);
    LinearFit fit = FitLogistic(scaled, inputs.size(), examples.failed, examples.weights, penalty);
    if (!fit.converged)
      return Fail(ErrorCode::kInternal, "logistic regression did not settle at penalty {}",
                  penalty);
    return std::unique_ptr<Classifier>(std::make_unique<Logistic>(
        examples.features, std::move(inputs), std::move(fit.coefficients), penalty));
  }

  [[nodiscard]] Result<std::unique_ptr<Classifier>> Load(std::string_view bytes) const override {
    AUSPEX_TRY(const Json json, ParseStored(bytes, "the logistic model"));
    try {
      AUSPEX_TRY(std::vector<Feature> features, FeaturesFromJson(json.at("features")));
      std::vector<ScaledInput> inputs;
      std::vector<double> coefficients = {json.at("bias").get<double>()};
      for (const Json& one : json.at("inputs")) {
        ScaledInput input;
        input.feature = one.at("feature").get<std::size_t>();
        const int kind = one.at("kind").get<int>();
        if (input.feature >= features.size() || kind < 0 || kind > 3)
          return Fail(ErrorCode::kDataLoss, "the logistic model is damaged: no such input");
        input.kind = static_cast<ScaledInput::Kind>(kind);
        input.fill = one.at("fill").get<double>();
        input.low = one.at("low").get<double>();
        input.high = one.at("high").get<double>();
        input.mean = one.at("mean").get<double>();
        input.sd = one.at("sd").get<double>();
        if (!(input.sd > 0) || !(input.low <= input.high))
          return Fail(ErrorCode::kDataLoss, "the logistic model is damaged: an empty range");
        inputs.push_back(input);
        coefficients.push_back(one.at("coefficient").get<double>());
      }
      return std::unique_ptr<Classifier>(
          std::make_unique<Logistic>(std::move(features), std::move(inputs),
                                     std::move(coefficients), json.at("penalty").get<double>()));
    } catch (const Json::exception& error) {
      return Fail(ErrorCode::kDataLoss, "the logistic model is damaged: {}", error.what());
    }
  }

  [[nodiscard]] std::string Describe() const override {
    return fmt::format("L2 penalty of {}, by loss on the latest {:.0f} % of rows",
                       fmt::join(kPenalties, ", "), 100 * kHeldBack);
  }
};

}  // namespace

Status RegisterLogistic(LearnerRegistry& registry) {
  return registry.Add("logistic", []() -> Result<std::unique_ptr<Learner>> {
    return std::unique_ptr<Learner>(std::make_unique<LogisticLearner>());
  });
}

}  // namespace auspex::model
