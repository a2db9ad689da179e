#include "auspex/base/log.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "auspex/base/clock.h"

namespace auspex {
namespace {

void WriteToStandardError(std::string_view line) {
  // One write of one line: lines of several threads do not mix.
  const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  static_cast<void>(written);
}

std::string_view Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

}  // namespace

Logger::Logger(LogLevel least) : Logger(least, WriteToStandardError) {}

Logger::Logger(LogLevel least, Sink sink) : least_(least), sink_(std::move(sink)) {}

void Logger::Debug(std::string_view event, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kDebug, event, fields);
}

void Logger::Info(std::string_view event, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kInfo, event, fields);
}

void Logger::Warn(std::string_view event, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kWarn, event, fields);
}

void Logger::Error(std::string_view event, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kError, event, fields);
}

void Logger::Write(LogLevel level, std::string_view event,
                   std::initializer_list<LogField> fields) const {
  if (level < least_) return;
  nlohmann::ordered_json line{
      {"time", ToRfc3339(RealClock().Wall())}, {"level", Name(level)}, {"event", event}};
  for (const LogField& field : fields) {
    std::visit([&](const auto& value) { line[field.key()] = value; }, field.value());
  }
  sink_(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace auspex
