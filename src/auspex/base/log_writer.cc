#include "auspex/base/log_writer.h"

#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "auspex/base/clock.h"

namespace auspex {

LogWriter::LogWriter(int fd) : fd_(fd), thread_([this] { Run(); }) {}

LogWriter::~LogWriter() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void LogWriter::Write(std::string_view line) {
  {
    const MutexLock lock(mutex_);
    if (lines_.size() >= kMostLines) {
      ++dropped_, ++untold_;
      return;
    }
    if (untold_ > 0) {
      lines_.push_back(fmt::format(
          "{{\"time\":\"{}\",\"level\":\"warn\",\"event\":\"log_lines_dropped\",\"lines\":{}}}\n",
          ToRfc3339(RealClock().Wall()), untold_));
      untold_ = 0;
    }
    lines_.emplace_back(line);
  }
  wake_.notify_one();
}

Logger::Sink LogWriter::ToSink() {
  return [this](std::string_view line) { Write(line); };
}

std::int64_t LogWriter::dropped() const {
  const MutexLock lock(mutex_);
  return dropped_;
}

void LogWriter::Run() {
  while (true) {
    std::string line;
    {
      MutexLock lock(mutex_);
      wake_.wait(lock.native(),
                 [this]() AUSPEX_REQUIRES(mutex_) { return stopping_ || !lines_.empty(); });
      if (lines_.empty()) return;
      line = std::move(lines_.front());
      lines_.pop_front();
    }
    if (!WriteWhole(line)) return;
  }
}

// In pieces that a pipe takes whole once it says it takes any, so that no write waits. False: it
// takes no more and we are to stop, or it is gone.
bool LogWriter::WriteWhole(std::string_view line) {
  constexpr int kLookMs = 100;  // how often to look whether we are to stop
  while (!line.empty()) {
    pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
    const int count = ::poll(&ready, 1, kLookMs);
    if (count > 0 && (ready.revents & POLLOUT) != 0) {
      const ssize_t written =
          ::write(fd_, line.data(), std::min<std::size_t>(line.size(), PIPE_BUF));
      if (written < 0 && errno != EINTR && errno != EAGAIN) return true;  // this line is lost
      line.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
      continue;
    }
    if (count > 0) return true;  // an error on the descriptor: nobody reads
    const MutexLock lock(mutex_);
    if (stopping_) return false;
  }
  return true;
}

}  // namespace auspex
