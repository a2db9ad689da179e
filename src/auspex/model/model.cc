#include "auspex/model/model.h"

#include <utility>

#include "auspex/model/metrics.h"

namespace auspex::model {

Model::Model(std::unique_ptr<Classifier> classifier, Calibration calibration)
    : classifier_(std::move(classifier)), calibration_(calibration) {}

Result<std::vector<double>> Model::Chances(const Table& table) const {
  AUSPEX_TRY(const Table columns, Columns(table, NamesOf(features())));
  AUSPEX_TRY(std::vector<double> values, classifier_->Margins(columns));
  for (double& value : values) value = calibration_.ChanceOf(value);
  return values;
}

Result<std::vector<Explanation>> Model::Explain(const Table& table, std::size_t most) const {
  AUSPEX_TRY(const Table columns, Columns(table, NamesOf(features())));
  AUSPEX_TRY(Contributions parts, classifier_->Contribute(columns));
  std::vector<Explanation> out;
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    double margin = 0;
    std::vector<double> scaled;
    for (const double part : parts.Row(row)) {
      margin += part;
      scaled.push_back(part * calibration_.slope);
    }
    out.push_back({calibration_.ChanceOf(margin), calibration_.ChanceOf(parts.Row(row).back()),
                   ReasonsFor(features(), columns.Row(row), scaled, most)});
  }
  return out;
}

}  // namespace auspex::model
