#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "auspex/base/log.h"

namespace auspex {

// Writes log lines to a descriptor from a thread of its own, so that a reader that does not read (a
// full pipe) never stops who logs:
//
//   LogWriter writer(STDERR_FILENO);
//   Logger log(LogLevel::kInfo, writer.ToSink());
//
// At most kMostLines wait; what does not fit is dropped, and a line says how many were once there
// is room. Thread-safe.
class LogWriter {
 public:
  static constexpr std::size_t kMostLines = 10'000;

  // `fd` stays the caller's and open as long as this lives.
  explicit LogWriter(int fd);
  // Writes what waits, as long as the descriptor takes it.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Never waits for the descriptor.
  void Write(std::string_view line);
  [[nodiscard]] Logger::Sink ToSink();
  [[nodiscard]] std::int64_t dropped() const;

 private:
  void Run();
  bool WriteWhole(std::string_view line);

  const int fd_;
  mutable std::mutex mutex_;  // guards all below but the thread
  std::condition_variable wake_;
  std::deque<std::string> lines_;
  std::int64_t dropped_ = 0;
  std::int64_t untold_ = 0;  // dropped, and no line has said so yet
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace auspex
