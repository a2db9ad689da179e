#include "auspex/rollout/json_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "auspex/rollout/json_codec.h"

namespace auspex::rollout {
namespace {

// Whole numbers below it are written plainly, "12.0"; above, with an exponent.
constexpr double kPlainBelow = 1e15;

bool IsPlain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

}  // namespace

void JsonWriter::BeforeValue() {
  if (comma_) text_ += ',';
  comma_ = true;
}

JsonWriter& JsonWriter::Open(char bracket) {
  BeforeValue();
  text_ += bracket;
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::Close(char bracket) {
  text_ += bracket;
  comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  BeforeValue();
  Quote(key);
  text_ += ':';
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::Number(double value) {
  BeforeValue();
  // Counts are most of what is written. (-0 is written with its sign.)
  if (value == std::trunc(value) && std::abs(value) < kPlainBelow && !std::signbit(value)) {
    fmt::format_to(std::back_inserter(text_), "{}.0", static_cast<std::int64_t>(value));
  } else {
    text_ += Json(value).dump();
  }
  return *this;
}

JsonWriter& JsonWriter::Whole(std::int64_t value) {
  BeforeValue();
  fmt::format_to(std::back_inserter(text_), "{}", value);
  return *this;
}

JsonWriter& JsonWriter::Text(std::string_view value) {
  BeforeValue();
  Quote(value);
  return *this;
}

JsonWriter& JsonWriter::Flag(bool value) { return Raw(value ? "true" : "false"); }

JsonWriter& JsonWriter::Null() { return Raw("null"); }

JsonWriter& JsonWriter::Raw(std::string_view json) {
  BeforeValue();
  text_ += json;
  return *this;
}

void JsonWriter::Quote(std::string_view value) {
  if (!std::all_of(value.begin(), value.end(), IsPlain)) {
    text_ += Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  text_ += '"';
  text_ += value;
  text_ += '"';
}

}  // namespace auspex::rollout
