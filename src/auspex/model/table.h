#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "auspex/base/result.h"

namespace auspex::model {

// Rows of named numbers. NaN is a value that is not known; nothing is ever infinite.
struct Table {
  std::vector<std::string> columns;
  std::vector<double> values;  // row after row, each as wide as `columns`

  [[nodiscard]] std::size_t width() const { return columns.size(); }
  [[nodiscard]] std::size_t rows() const { return columns.empty() ? 0 : values.size() / width(); }
  [[nodiscard]] std::span<const double> Row(std::size_t row) const {
    return std::span(values).subspan(row * width(), width());
  }
  [[nodiscard]] double At(std::size_t row, std::size_t column) const {
    return values[row * width() + column];
  }
};

// These rows, in this order.
[[nodiscard]] Table Rows(const Table& table, std::span<const std::size_t> rows);

// `table` with the columns `wanted` alone, in that order. Error: kInvalidArgument naming the first
// that it lacks, and what may have been meant.
Result<Table> Columns(const Table& table, const std::vector<std::string>& wanted);

}  // namespace auspex::model
