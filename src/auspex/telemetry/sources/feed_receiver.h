#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "auspex/base/fd.h"
#include "auspex/base/log.h"
#include "auspex/base/result.h"
#include "auspex/telemetry/sources/feed_reporter.h"
#include "auspex/telemetry/sources/feed_socket.h"
#include "auspex/telemetry/sources/proxy_log_parser.h"
#include "auspex/telemetry/sources/request_counter.h"

namespace auspex::telemetry {

// The receiving half of a ProxyLog: one thread that reads lines from a socket into a counter. The
// counter is the part that others share; the rest belongs to the thread.
class FeedReceiver {
 public:
  virtual ~FeedReceiver() = default;  // an adapter's calls Stop
  FeedReceiver(const FeedReceiver&) = delete;
  FeedReceiver& operator=(const FeedReceiver&) = delete;

  // As ProxyLog has them.
  Status Start();
  void Stop();
  RequestCounter& counter() { return counter_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 protected:
  explicit FeedReceiver(const Logger& log) : log_(log), reporter_(log) {}
  // Error: kInternal when the system gives no descriptor.
  Status Prepare(int socket);
  // Reads until `stopping`, then counts what had been sent and returns.
  virtual void Run() = 0;

  // One line without its frame, that came at `arrived`. False, and said why: it is not one.
  bool Count(std::string_view message, WallTime arrived);
  // Frames or datagrams that are none.
  void CountMalformed(std::int64_t count, std::string_view why);
  // Says what has changed for the worse, every now and then.
  void Report();

  [[nodiscard]] bool stopping() const { return stopping_; }
  [[nodiscard]] int wake() const { return wake_.get(); }  // readable when stopping
  [[nodiscard]] const Logger& log() const { return log_; }
  FeedReporter& reporter() { return reporter_; }

 private:
  const Logger log_;
  FeedReporter reporter_;
  RequestCounter counter_;
  ProxyLogParser parser_;
  Fd wake_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace auspex::telemetry
