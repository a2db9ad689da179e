#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "auspex/base/input.h"
#include "auspex/base/result.h"
#include "auspex/model/table.h"

namespace auspex::training {

// The column that says when a row's outcome could first be known, where there is one.
inline constexpr const char* kKnownAt = "label_known_at";

// What the columns of a file are.
struct ColumnRoles {
  std::string label;              // outcome: 0, 1, true or false; empty where not known yet. Empty
                                  // name: no outcomes are read
  std::string time;               // seconds since 1970, RFC 3339, or without a zone: UTC. Empty
                                  // name: rows stand in the order of time
  std::string group;              // what belongs together; empty name: all rows
  std::vector<std::string> drop;  // not looked at
  std::vector<std::string> features;  // these alone; empty: all others
  bool keep_lines = false;            // for writing the rows again
  // Time and group are used where the file has them: nothing depends on them. Without a time an
  // outcome counts as known.
  bool time_and_group_if_there = false;
};

// Rows in the order of the file. Error-free by construction: see ReadDataset.
struct Dataset {
  model::Table table;              // the features
  std::vector<double> failed;      // 0 or 1; NaN where not known
  std::vector<double> time;        // s since 1970; without a time column the number of the row
  std::vector<double> known_at;    // s: the outcome is used from then on; never before `time`
  std::vector<std::size_t> group;  // of `group_names`
  std::vector<std::string> group_names;  // in the order in which they appear
  std::vector<std::size_t> order;        // rows by time; equal times keep the order of the file
  std::vector<std::string> header;       // keep_lines: all columns of the file
  std::vector<std::string> lines;        // keep_lines: the rows, as CSV without line ends
  std::vector<std::string> left_out;     // columns that nobody named and that are no features

  [[nodiscard]] std::size_t rows() const { return time.size(); }
};

// Reads a table, plain or gzipped. Never features, even if nobody drops them: `commit`, and what is
// called `label` or begins with `label_`, which tells an outcome. An empty cell is missing; an
// empty `label_known_at` means known at once. Errors: kInvalidArgument with file:line:column (a
// column that is not there, a text where a number belongs, an outcome that is none, no rows), and
// the input's own.
Result<Dataset> ReadDataset(std::unique_ptr<Input> input, const std::string& name,
                            const ColumnRoles& roles);

// The same rows, but an outcome is used only once those of either kind are known of rows as old:
// not before `time` and the longer of the two outcomes' median waits (of rows known by `now`). A
// failure is known when it shows, its absence only after a wait; without this the newest rows that
// may be learned from would all be failures. Nothing changes where both are known at once.
[[nodiscard]] Dataset WaitedAlike(Dataset data, double now);

// SHA-256 in hex of what a model learns from: names, numbers, outcomes, times and groups, not how
// the file wrote them.
[[nodiscard]] std::string HashOf(const Dataset& data);

// `text` as a field of a line of CSV.
[[nodiscard]] std::string CsvField(std::string_view text);

}  // namespace auspex::training
