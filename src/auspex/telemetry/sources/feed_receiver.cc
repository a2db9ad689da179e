#include "auspex/telemetry/sources/feed_receiver.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

namespace auspex::telemetry {

Status FeedReceiver::Prepare(int socket) {
  port_ = PortOf(socket);
  wake_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) {
    return Fail(ErrorCode::kInternal, "proxy log: no descriptor to wait on: {}",
                SystemReason(errno));
  }
  return {};
}

Status FeedReceiver::Start() {
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    return Fail(ErrorCode::kInternal, "proxy log: no thread: {}", error.what());
  }
  return {};
}

void FeedReceiver::Stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const std::uint64_t one = 1;
  static_cast<void>(
      ::write(wake_.get(), &one, sizeof one));  // cannot fail: the count is far from full
  thread_.join();
}

bool FeedReceiver::Count(std::string_view message, WallTime arrived) {
  const auto line = parser_.Parse(message);
  if (!line.ok()) {
    CountMalformed(1, line.error().message);
    return false;
  }
  counter_.Add(*line, arrived);
  return true;
}

void FeedReceiver::CountMalformed(std::int64_t count, std::string_view why) {
  counter_.AddMalformed(count);
  reporter_.Malformed(why, std::chrono::steady_clock::now());
}

void FeedReceiver::Report() {
  const MonotonicTime now = std::chrono::steady_clock::now();
  if (reporter_.IsDue(now)) reporter_.Look(counter_.Health(), now);
}

}  // namespace auspex::telemetry
