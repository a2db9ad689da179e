#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/input.h"
#include "auspex/base/result.h"

namespace auspex {

// Reads a table in CSV: RFC 4180 with a header line, strictly, so that a damaged file is refused
// with its place and not half understood. Lines end in LF or CRLF, the last one also in nothing;
// fields may be quoted; a byte order mark and empty lines are skipped. Memory is bounded: a line of
// at most 64 KiB and 256 fields. Debian's CSV libraries tell no line and column, or round numbers
// (docs/decisions/0019).
//
//   AUSPEX_TRY(auto input, OpenInput("requests.csv.gz"));
//   AUSPEX_TRY(auto table, CsvTable::Open(std::move(input), "requests.csv.gz", {"arm", "ok"}, {}));
//   for (;;) { AUSPEX_TRY(const bool row, table.Next()); if (!row) break; table.Text(0); … }
//
// Every error is kInvalidArgument (or the input's own) and begins with `name:line:column: `.
// Not thread-safe.
class CsvTable {
 public:
  // Reads the header. Columns may stand in any order; others than `wanted` and `optional` are
  // ignored, but one that is nearly the name of one that is not there is refused as a slip.
  static Result<CsvTable> Open(std::unique_ptr<Input> input, std::string name,
                               const std::vector<std::string>& wanted,
                               const std::vector<std::string>& optional);
  // The same for a table whose columns nobody knows before: all of the header, in its order, are
  // wanted. Errors also: a column without a name, or with a control character in it.
  static Result<CsvTable> OpenAll(std::unique_ptr<Input> input, std::string name);

  // The next row; false at the end. A row has as many fields as the header.
  Result<bool> Next();

  // Columns count through `wanted`, then `optional`. Below: of the row that Next gave.
  [[nodiscard]] bool Has(std::size_t column) const { return at_[column].has_value(); }
  // Empty where the file lacks the column.
  [[nodiscard]] std::string_view Text(std::size_t column) const;
  // nullopt: the cell is empty or the column not there. Error: no finite number ("nan" counts as
  // missing).
  [[nodiscard]] Result<std::optional<double>> Number(std::size_t column) const;
  // Seconds since 1970 from such a number or RFC 3339. Error: neither, or the cell is empty.
  [[nodiscard]] Result<double> Time(std::size_t column) const;
  // An error at this cell.
  [[nodiscard]] Failure Refuse(std::size_t column, std::string_view message) const;
  [[nodiscard]] std::int64_t line() const { return row_line_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // As `wanted`, then `optional`.
  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }
  // Of the header, those that nobody asked for.
  [[nodiscard]] const std::vector<std::string>& ignored() const { return ignored_; }

 private:
  CsvTable(std::unique_ptr<Input> input, std::string name);

  struct Field {
    std::string text;
    std::int64_t line = 0;
    std::size_t column = 0;  // in bytes, from 1
  };
  Result<bool> ReadRow();
  Status ReadField(Field* field, bool* row_ends);
  Status ReadQuoted(Field* field);
  void TakePlain(std::string* text);
  Status TakeLineEnd(int byte);
  Status ReadHeader(const std::vector<std::string>& wanted,
                    const std::vector<std::string>& optional);
  Status FindColumns();
  Status TakeHeader();
  Status SkipByteOrderMark();
  // -1 at the end of the input.
  Result<int> Peek();
  void Take();
  [[nodiscard]] std::string Here() const;

  std::unique_ptr<Input> input_;
  std::string name_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool over_ = false;
  std::int64_t line_ = 1;
  std::size_t column_ = 1;
  std::int64_t row_line_ = 0;
  std::size_t row_bytes_ = 0;
  std::vector<Field> fields_;
  std::size_t count_ = 0;  // fields of the row; fields_ keeps more, to use their memory again
  std::size_t width_ = 0;  // fields of the header
  std::vector<std::string> columns_;            // wanted, then optional
  std::vector<std::optional<std::size_t>> at_;  // where in the file each of columns_ is
  std::vector<std::string> ignored_;
};

// Shown in a message: quoted, cut to 40 bytes, control characters as \x1b.
[[nodiscard]] std::string Shown(std::string_view text);

}  // namespace auspex
