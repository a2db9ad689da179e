#include "lab/simulator/text_table.h"

#include <algorithm>
#include <cstddef>

namespace auspex::lab::simulator {

std::string TextTable::ToText() const {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  std::size_t whole = 0;
  for (const std::size_t width : widths) whole += width + 2;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows_[r].size(); ++i) {
      const std::string& cell = rows_[r][i];
      const std::string space(widths[i] - cell.size(), ' ');
      if (i > 0) line.append("  ");
      line.append(i == 0 ? cell : space).append(i == 0 ? space : cell);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text.append(line).append("\n");
    if (r == 0) text.append(whole - 2, '-').append("\n");
  }
  return text;
}

}  // namespace auspex::lab::simulator
