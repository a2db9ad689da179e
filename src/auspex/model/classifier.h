#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/registry.h"
#include "auspex/base/result.h"
#include "auspex/model/feature.h"
#include "auspex/model/table.h"

namespace auspex::model {

// What each feature adds to the margin of each row.
struct Contributions {
  std::size_t features = 0;
  std::vector<double> values;  // row after row, each `features` wide and one more: the bias

  [[nodiscard]] std::span<const double> Row(std::size_t row) const {
    return std::span(values).subspan(row * (features + 1), features + 1);
  }
};

// Says how likely rows are to fail, in log-odds: the margin. Immutable and thread-safe.
class Classifier {
 public:
  virtual ~Classifier() = default;
  [[nodiscard]] virtual const std::vector<Feature>& features() const = 0;
  // One margin a row. Error: kInvalidArgument where the columns are not the features, in order.
  [[nodiscard]] virtual Result<std::vector<double>> Margins(const Table& table) const = 0;
  // They sum to the margin, to 1e-4. Errors as Margins.
  [[nodiscard]] virtual Result<Contributions> Contribute(const Table& table) const = 0;
  // Everything of it, as JSON text; equal classifiers give equal bytes.
  [[nodiscard]] virtual Result<std::string> Save() const = 0;
};

// Rows whose outcome is known, oldest first: what is later may be held back to choose how much to
// learn.
struct Examples {
  Table table;
  std::vector<Feature> features;  // of the columns
  std::vector<double> failed;     // 0 or 1
  std::vector<double> weights;    // > 0, mean about 1
};

// Trains classifiers of one kind. Training is a function of the examples, the learner's constants
// and the seed: equal ones give equal bytes. Thread-safe.
class Learner {
 public:
  virtual ~Learner() = default;
  // Error: kNoData where all the examples ended alike.
  [[nodiscard]] virtual Result<std::unique_ptr<Classifier>> Train(const Examples& examples,
                                                                  std::uint64_t seed) const = 0;
  // What Save gave. Error: kDataLoss (damaged).
  [[nodiscard]] virtual Result<std::unique_ptr<Classifier>> Load(std::string_view bytes) const = 0;
  // Its constants in a line, for the model card.
  [[nodiscard]] virtual std::string Describe() const = 0;
};
using LearnerRegistry = Registry<Learner>;

// Error: kInvalidArgument where the columns of `table` are not `features`, in order.
Status CheckColumns(const Table& table, std::span<const Feature> features);
// The same for what is learned from; also that all is of one length, and kNoData where one outcome
// has no row.
Status CheckExamples(const Examples& examples);

}  // namespace auspex::model
