#pragma once

#include <string>
#include <vector>

namespace auspex::lab::simulator {

// Columns of ASCII cells, the first to the left and the others to the right, two spaces apart, with
// a rule below the first row.
class TextTable {
 public:
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string ToText() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace auspex::lab::simulator
