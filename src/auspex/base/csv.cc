#include "auspex/base/csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "auspex/base/clock.h"
#include "auspex/base/nearest.h"

namespace auspex {
namespace {

constexpr std::size_t kChunk = 128 << 10;
constexpr std::size_t kLongestRow = 64 << 10;
constexpr std::size_t kMostFields = 256;
// Later than this (the year 5138) is no time in seconds but one in milliseconds.
constexpr double kLatest = 1e11;

// Part of an unquoted field.
bool IsPlain(int byte) {
  return byte != ',' && byte != '"' && (byte >= 0x20 || byte == '\t') && byte != 0x7f;
}

bool IsNameByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte != 0x7f;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool SaysNan(std::string_view text) {
  return text.size() == 3 && (text[0] | 0x20) == 'n' && (text[1] | 0x20) == 'a' &&
         (text[2] | 0x20) == 'n';
}

}  // namespace

std::string Shown(std::string_view text) {
  std::string shown = "'";
  for (const char c : text.substr(0, 40)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown.push_back(c);
    }
  }
  return shown + (text.size() > 40 ? "…'" : "'");
}

CsvTable::CsvTable(std::unique_ptr<Input> input, std::string name)
    : input_(std::move(input)), name_(std::move(name)), buffer_(kChunk) {}

Result<CsvTable> CsvTable::Open(std::unique_ptr<Input> input, std::string name,
                                const std::vector<std::string>& wanted,
                                const std::vector<std::string>& optional) {
  CsvTable table(std::move(input), std::move(name));
  AUSPEX_TRY(table.ReadHeader(wanted, optional));
  return table;
}

Result<CsvTable> CsvTable::OpenAll(std::unique_ptr<Input> input, std::string name) {
  CsvTable table(std::move(input), std::move(name));
  AUSPEX_TRY(table.TakeHeader());
  return table;
}

std::string CsvTable::Here() const { return fmt::format("{}:{}:{}", name_, line_, column_); }

Result<int> CsvTable::Peek() {
  if (begin_ == end_ && !over_) {
    AUSPEX_TRY(end_, input_->Read(buffer_.data(), buffer_.size()));
    begin_ = 0;
    over_ = end_ == 0;
  }
  return begin_ == end_ ? -1 : static_cast<int>(static_cast<unsigned char>(buffer_[begin_]));
}

void CsvTable::Take() {
  if (buffer_[begin_] == '\n') {
    ++line_;
    column_ = 1;
  } else {
    ++column_;
  }
  ++begin_;
  ++row_bytes_;
}

// Behind the opening quote, to behind the closing one.
Status CsvTable::ReadQuoted(Field* field) {
  for (;;) {
    AUSPEX_TRY(const int byte, Peek());
    if (byte < 0)
      return Fail(ErrorCode::kInvalidArgument,
                  "{}:{}:{}: the quote that opens here is never closed; the file is cut short, or "
                  "a quote in it is not doubled",
                  name_, field->line, field->column);
    if (byte == 0 || row_bytes_ > kLongestRow) break;
    Take();
    if (byte == '"') {
      AUSPEX_TRY(const int after, Peek());
      if (after != '"') return {};
      Take();
    }
    field->text.push_back(static_cast<char>(byte));
  }
  return Fail(ErrorCode::kInvalidArgument,
              "{}:{}:{}: the quoted text that begins here is longer than {} bytes or no text; is a "
              "quote left open?",
              name_, field->line, field->column, kLongestRow);
}

Status CsvTable::ReadField(Field* field, bool* row_ends) {
  field->text.clear();
  field->line = line_;
  field->column = column_;
  AUSPEX_TRY(const int first, Peek());
  const bool quoted = first == '"';
  if (quoted) {
    Take();
    AUSPEX_TRY(ReadQuoted(field));
  }
  for (;;) {
    AUSPEX_TRY(const int byte, Peek());
    if (row_bytes_ > kLongestRow)
      return Fail(ErrorCode::kInvalidArgument,
                  "{}: the line is longer than {} bytes; is this a CSV file?", Here(), kLongestRow);
    *row_ends = byte < 0 || byte == '\n';
    if (*row_ends || byte == ',') {
      if (byte >= 0) Take();
      return {};
    }
    if (quoted && byte != '\r')
      return Fail(ErrorCode::kInvalidArgument,
                  "{}: text behind a closing quote; write a quote inside a text twice", Here());
    if (IsPlain(byte)) {
      TakePlain(&field->text);
      continue;
    }
    AUSPEX_TRY(TakeLineEnd(byte));
  }
}

// As many bytes of a field as are in the buffer.
void CsvTable::TakePlain(std::string* text) {
  std::size_t end = begin_;
  while (end < end_ && IsPlain(static_cast<unsigned char>(buffer_[end]))) ++end;
  const std::size_t size = end - begin_;
  text->append(&buffer_[begin_], size);
  begin_ = end;
  column_ += size;
  row_bytes_ += size;
}

// A carriage return before a line feed; nothing else has a place outside of quotes.
Status CsvTable::TakeLineEnd(int byte) {
  const std::string here = Here();
  if (byte == '"')
    return Fail(ErrorCode::kInvalidArgument,
                "{}: a quote inside a field that does not begin with one; quote the whole field",
                here);
  if (byte != '\r')
    return Fail(ErrorCode::kInvalidArgument, "{}: byte 0x{:02x} is no text; is this a CSV file?",
                here, byte);
  Take();
  AUSPEX_TRY(const int next, Peek());
  if (next == '\n' || next < 0) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "{}: a carriage return that no line feed follows; end lines with LF or CRLF", here);
}

// An empty line gives one empty field, unquoted.
Result<bool> CsvTable::ReadRow() {
  AUSPEX_TRY(const int first, Peek());
  if (first < 0) return false;
  row_line_ = line_;
  row_bytes_ = 0;
  count_ = 0;
  for (bool row_ends = false; !row_ends;) {
    if (count_ == kMostFields)
      return Fail(ErrorCode::kInvalidArgument, "{}: more than {} fields in a line", Here(),
                  kMostFields);
    if (count_ == fields_.size()) fields_.emplace_back();
    AUSPEX_TRY(ReadField(&fields_[count_], &row_ends));
    ++count_;
  }
  return true;
}

Status CsvTable::ReadHeader(const std::vector<std::string>& wanted,
                            const std::vector<std::string>& optional) {
  const std::string header =
      fmt::format("{}{}", fmt::join(wanted, ","),
                  optional.empty() ? "" : fmt::format("[,{}]", fmt::join(optional, ",")));
  AUSPEX_TRY(SkipByteOrderMark());
  AUSPEX_TRY(const bool row, ReadRow());
  if (!row)
    return Fail(ErrorCode::kInvalidArgument, "{}:1:1: the file is empty; it begins with {}", name_,
                header);
  width_ = count_;
  columns_ = wanted;
  columns_.insert(columns_.end(), optional.begin(), optional.end());
  at_.assign(columns_.size(), std::nullopt);
  AUSPEX_TRY(FindColumns());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!at_[i])
      return Fail(ErrorCode::kInvalidArgument,
                  "{}:{}:1: no column '{}'; the first line names the columns: {}", name_, row_line_,
                  wanted[i], header);
  }
  return {};
}

Status CsvTable::SkipByteOrderMark() {
  AUSPEX_TRY(Peek());
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (std::string_view(buffer_.data(), end_).starts_with(kByteOrderMark))
    begin_ += kByteOrderMark.size();
  return {};
}

Status CsvTable::TakeHeader() {
  AUSPEX_TRY(SkipByteOrderMark());
  AUSPEX_TRY(const bool row, ReadRow());
  if (!row)
    return Fail(ErrorCode::kInvalidArgument,
                "{}:1:1: the file is empty; its first line names the columns", name_);
  width_ = count_;
  for (std::size_t i = 0; i < width_; ++i) {
    columns_.emplace_back(Trimmed(fields_[i].text));
    if (columns_.back().empty())
      return Fail(ErrorCode::kInvalidArgument, "{}:{}:{}: a column without a name", name_,
                  fields_[i].line, fields_[i].column);
    // Names are shown to people, and a terminal obeys such bytes.
    if (!std::all_of(columns_.back().begin(), columns_.back().end(), IsNameByte))
      return Fail(ErrorCode::kInvalidArgument,
                  "{}:{}:{}: the column name {} has a control character in it", name_,
                  fields_[i].line, fields_[i].column, Shown(columns_.back()));
    if (std::find(columns_.begin(), columns_.end() - 1, columns_.back()) != columns_.end() - 1)
      return Fail(ErrorCode::kInvalidArgument, "{}:{}:{}: column {} stands twice", name_,
                  fields_[i].line, fields_[i].column, Shown(columns_.back()));
    at_.emplace_back(i);
  }
  return {};
}

Status CsvTable::FindColumns() {
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < width_; ++i) {
    const auto found =
        std::find(columns_.begin(), columns_.end(), std::string(Trimmed(fields_[i].text)));
    if (found == columns_.end()) {
      unknown.push_back(i);
      continue;
    }
    auto& at = at_[static_cast<std::size_t>(found - columns_.begin())];
    if (at)
      return Fail(ErrorCode::kInvalidArgument, "{}:{}:{}: column {} stands twice", name_,
                  fields_[i].line, fields_[i].column, Shown(*found));
    at = i;
  }
  std::vector<std::string> absent;
  for (std::size_t c = 0; c < columns_.size(); ++c)
    if (!at_[c]) absent.push_back(columns_[c]);
  for (const std::size_t i : unknown) {
    const std::string text(Trimmed(fields_[i].text));
    // A slip of a name, or the name without its unit.
    auto near = Nearest(text, absent);
    for (const std::string& column : absent)
      if (column.starts_with(text + "_")) near = column;
    if (near)
      return Fail(ErrorCode::kInvalidArgument, "{}:{}:{}: unknown column {}; did you mean {}?",
                  name_, fields_[i].line, fields_[i].column, Shown(text), *near);
    ignored_.push_back(text);
  }
  return {};
}

Result<bool> CsvTable::Next() {
  for (;;) {
    AUSPEX_TRY(const bool row, ReadRow());
    if (!row) return false;
    if (count_ == 1 && width_ > 1 && fields_[0].text.empty()) continue;
    break;
  }
  if (count_ != width_)
    return Fail(ErrorCode::kInvalidArgument, "{}:{}:1: {} fields where the header has {}", name_,
                row_line_, count_, width_);
  return true;
}

std::string_view CsvTable::Text(std::size_t column) const {
  return at_[column] ? Trimmed(fields_[*at_[column]].text) : std::string_view();
}

Failure CsvTable::Refuse(std::size_t column, std::string_view message) const {
  const Field& field = fields_[at_[column].value_or(0)];
  return Fail(ErrorCode::kInvalidArgument, "{}:{}:{}: {}: {}", name_, field.line, field.column,
              columns_[column], message);
}

Result<std::optional<double>> CsvTable::Number(std::size_t column) const {
  const std::string_view text = Text(column);
  if (text.empty() || SaysNan(text)) return std::optional<double>();
  double value = 0.0;
  const char* end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, value);
  if (failed != std::errc() || stop != end || !std::isfinite(value)) {
    const bool unit = failed == std::errc() && stop != end;
    return Refuse(column, fmt::format("{} is not a finite number{}", Shown(text),
                                      unit ? "; write it without a unit, with a point" : ""));
  }
  return std::optional<double>(value);
}

Result<double> CsvTable::Time(std::size_t column) const {
  const std::string_view text = Text(column);
  double number = 0.0;
  const char* end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, number);
  if (failed == std::errc() && stop == end && std::abs(number) > kLatest)
    return Refuse(column, fmt::format("{} looks like milliseconds or finer; write seconds since "
                                      "1970",
                                      Shown(text)));
  const Result<WallTime> time = ParseTime(text);
  if (!time.ok())
    return Refuse(column, fmt::format("{} is not a time; write RFC 3339, as 2026-11-24T11:13:27Z, "
                                      "or seconds since 1970",
                                      Shown(text)));
  return static_cast<double>(MicrosSinceEpoch(*time)) * 1e-6;
}

}  // namespace auspex
