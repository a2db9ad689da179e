#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "lab/faults.h"

namespace auspex::lab {

// Open-loop load: requests are due at the times of a Poisson process, whatever becomes of the
// earlier ones, and a latency counts from when its request was due. A server that stalls therefore
// shows in the figures (a closed loop would wait with it: "coordinated omission").
struct LoadOptions {
  std::uint16_t port = 0;              // on 127.0.0.1
  double rps = 500.0;                  // mean requests a second, (0, 1e6]
  Duration duration{};                 // of the arrivals; 0: until stopped
  std::uint64_t seed = 1;              // of arrival times and routes
  Duration timeout = 5s;               // from when a request was due
  std::size_t max_connections = 2000;  // with all of them busy a request is dropped, and counted
};

struct LoadSummary {
  std::int64_t due = 0;     // = sent + dropped
  std::int64_t sent = 0;    // = ok + errors + failed + timeouts + unfinished
  std::int64_t ok = 0;      // answers below 400
  std::int64_t errors = 0;  // the other answers
  std::int64_t failed = 0;  // no answer: refused or broken off
  std::int64_t timeouts = 0;
  std::int64_t dropped = 0;
  std::int64_t unfinished = 0;  // still open when it was stopped
  std::size_t connections_max = 0;
  Duration elapsed{};
  Duration p50{}, p90{}, p99{}, p999{}, max{};  // of all answers
  Duration late_max{};  // the most that this generator itself was behind its schedule
  std::array<std::int64_t, kRoutes.size()> sent_by_route{};
};

// One JSON object without a line end; times in seconds.
[[nodiscard]] std::string ToJson(const LoadSummary& summary);

class LoadGenerator {
 public:
  // Error: kInvalidArgument, kUnavailable (out of descriptors).
  static Result<std::unique_ptr<LoadGenerator>> Create(const LoadOptions& options);
  ~LoadGenerator();

  // Sends in this thread; after `duration` waits for the answers still due, at most `timeout`.
  // Error: kUnavailable.
  Status Run();
  // Run(), and SIGTERM and SIGINT stop it, from before `ready` is called. Error: kUnavailable.
  Status RunUntilSignal(const std::function<void()>& ready);
  // From any thread: no more arrivals, no more waiting.
  void Stop();
  // Call after Run().
  [[nodiscard]] LoadSummary Summary() const;

 private:
  class Impl;
  explicit LoadGenerator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Prints "sending to 127.0.0.1:PORT", runs until `duration`, SIGTERM or SIGINT, then prints the
// summary as a line of JSON. An exit status: 0, 2 for options that cannot be, 3 for a system that
// refuses.
int RunLoad(const LoadOptions& options);

}  // namespace auspex::lab
