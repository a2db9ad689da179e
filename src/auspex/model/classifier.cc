#include "auspex/model/classifier.h"

#include <algorithm>

namespace auspex::model {

Status CheckColumns(const Table& table, std::span<const Feature> features) {
  for (std::size_t i = 0; i < std::max(table.width(), features.size()); ++i) {
    const std::string is = i < table.width() ? table.columns[i] : std::string();
    const std::string wanted = i < features.size() ? features[i].name : std::string();
    if (is != wanted)
      return Fail(ErrorCode::kInvalidArgument,
                  "column {} is '{}' where the model's feature is '{}'; give the columns in the "
                  "model's order",
                  i + 1, is, wanted);
  }
  return {};
}

Status CheckExamples(const Examples& examples) {
  AUSPEX_TRY(CheckColumns(examples.table, examples.features));
  const std::size_t rows = examples.table.rows();
  if (examples.failed.size() != rows || examples.weights.size() != rows)
    return Fail(ErrorCode::kInvalidArgument, "{} rows with {} outcomes and {} weights", rows,
                examples.failed.size(), examples.weights.size());
  const auto failures = std::count_if(examples.failed.begin(), examples.failed.end(),
                                      [](double failed) { return failed > 0.5; });
  if (failures == 0 || static_cast<std::size_t>(failures) == rows)
    return Fail(ErrorCode::kNoData,
                "of {} rows with a known outcome {} failed; a model needs both outcomes", rows,
                failures);
  return {};
}

}  // namespace auspex::model
