#include "auspex/change/change_table.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace auspex::change {

std::string CsvHeader() {
  std::string line = "commit,author_date";
  for (const FeatureSpec& feature : kChangeFeatures) {
    line += ',';
    line += feature.name;
  }
  line += ",label_bug,label_known_at\n";
  return line;
}

std::string CsvRow(const Commit& commit, const FeatureRow& row, const Label* label) {
  std::string line = fmt::format("{},{}", commit.id.text(), commit.author_time_s);
  for (const double value : row) {
    line += ',';
    if (std::isfinite(value)) fmt::format_to(std::back_inserter(line), "{}", value);
  }
  line += label == nullptr ? std::string(",,\n")
                           : fmt::format(",{},{}\n", label->bug ? 1 : 0, label->known_at_s);
  return line;
}

std::string JsonRow(const Commit& commit, const FeatureRow& row, const Label* label) {
  std::string line =
      fmt::format(R"({{"commit":"{}","author_date":{})", commit.id.text(), commit.author_time_s);
  for (std::size_t i = 0; i < row.size(); ++i) {
    fmt::format_to(std::back_inserter(line), R"(,"{}":)", kChangeFeatures[i].name);
    if (std::isfinite(row[i])) {
      fmt::format_to(std::back_inserter(line), "{}", row[i]);
    } else {
      line += "null";
    }
  }
  line += label == nullptr ? std::string(R"(,"label_bug":null,"label_known_at":null})")
                           : fmt::format(R"(,"label_bug":{},"label_known_at":{}}})",
                                         label->bug ? 1 : 0, label->known_at_s);
  line += '\n';
  return line;
}

}  // namespace auspex::change
