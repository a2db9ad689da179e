#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <thread>

#include "auspex/base/log.h"
#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"

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
  mutable Mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::string> lines_ AUSPEX_GUARDED_BY(mutex_);
  std::int64_t dropped_ AUSPEX_GUARDED_BY(mutex_) = 0;
  // Dropped, and no line has said so yet.
  std::int64_t untold_ AUSPEX_GUARDED_BY(mutex_) = 0;
  bool stopping_ AUSPEX_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace auspex
