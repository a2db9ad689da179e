#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "auspex/base/weight.h"

namespace auspex {

// Events with fields, one JSON object a line on standard error:
//
//   log.Info("weight_applied", {{"deployment", id}, {"weight_bp", w.bp()}});
//
// error: look now; warn: we coped; info: the story of a rollout; debug: the rest.
enum class LogLevel { kDebug, kInfo, kWarn, kError };

class LogField {
 public:
  using Value = std::variant<std::string, double, std::int64_t, bool>;
  LogField(std::string_view key, std::string_view value) : key_(key), value_(std::string(value)) {}
  LogField(std::string_view key, const char* value) : key_(key), value_(std::string(value)) {}
  LogField(std::string_view key, const std::string& value) : key_(key), value_(value) {}
  LogField(std::string_view key, double value) : key_(key), value_(value) {}
  LogField(std::string_view key, bool value) : key_(key), value_(value) {}
  template <std::integral T>
  LogField(std::string_view key, T value) : key_(key), value_(static_cast<std::int64_t>(value)) {}

  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] const Value& value() const { return value_; }

 private:
  std::string key_;
  Value value_;
};

// Thread-safe; a line is written whole.
class Logger {
 public:
  using Sink = std::function<void(std::string_view line)>;

  // Writes to standard error, and waits where its reader does not read; a daemon has a LogWriter
  // (log_writer.h).
  explicit Logger(LogLevel least = LogLevel::kInfo);
  Logger(LogLevel least, Sink sink);

  void Debug(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void Info(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void Warn(std::string_view event, std::initializer_list<LogField> fields = {}) const;
  void Error(std::string_view event, std::initializer_list<LogField> fields = {}) const;

 private:
  void Write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) const;
  LogLevel least_;
  Sink sink_;
};

}  // namespace auspex
