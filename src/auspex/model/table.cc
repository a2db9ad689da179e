#include "auspex/model/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "auspex/base/nearest.h"

namespace auspex::model {

Table Rows(const Table& table, std::span<const std::size_t> rows) {
  Table out{table.columns, {}};
  out.values.reserve(rows.size() * table.width());
  for (const std::size_t row : rows) {
    const auto values = table.Row(row);
    out.values.insert(out.values.end(), values.begin(), values.end());
  }
  return out;
}

Result<Table> Columns(const Table& table, const std::vector<std::string>& wanted) {
  if (table.columns == wanted) return table;
  std::vector<std::size_t> at;
  for (const std::string& name : wanted) {
    const auto found = std::find(table.columns.begin(), table.columns.end(), name);
    if (found == table.columns.end()) {
      const auto near = Nearest(name, table.columns);
      return Fail(ErrorCode::kInvalidArgument, "no column '{}', which the model was trained on{}",
                  name, near ? fmt::format("; is it the column '{}'?", *near) : "");
    }
    at.push_back(static_cast<std::size_t>(found - table.columns.begin()));
  }
  Table out{wanted, {}};
  const std::size_t rows = table.rows();
  out.values.reserve(rows * at.size());
  for (std::size_t row = 0; row < rows; ++row)
    for (const std::size_t column : at) out.values.push_back(table.At(row, column));
  return out;
}

}  // namespace auspex::model
