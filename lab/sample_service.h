#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"
#include "lab/faults.h"

namespace auspex::lab {

// One version of a sample web shop that can be made to fail in known ways (faults.h). HTTP/1.1 with
// keep-alive on 127.0.0.1. Paths: /cart /search /pay /img /account (anything below them too);
// GET /healthz, GET /metrics (service_metrics.h); POST /lab/start-clock starts the fault clock that
// the timed faults go by (again: nothing changes).
struct ServiceOptions {
  std::uint16_t port = 0;  // 0: a free one
  std::filesystem::path port_file =
      {};                      // where the port is written once it listens; empty: nowhere
  std::string version = "v1";  // letters, digits, '.', '_', '-'
  Fault fault = Fault::kNone;
  std::uint64_t seed = 1;
  double base_error_rate = 0.01;   // share of requests that answer 500
  Duration latency_median = 20ms;  // log-normal, times the route's factor; 0: answers at once
  double latency_sigma = 0.5;
  // From the first request to a shop path on, it is this much slower for so long.
  Duration cold_for = 3s;
  double cold_factor = 1.3;
  double total_rps = 0.0;                  // of all versions together; the fault `load` needs it
  std::size_t memory_bytes = 32U << 20U;   // really held, as a service would hold its caches
  std::size_t leak_max_bytes = 1U << 30U;  // a leak ends there
  std::size_t max_connections = 4096;      // above: accepted and closed
  Duration request_limit = 5s;  // for a request's bytes to arrive, an answer's to be taken
  Duration idle_limit = 60s;    // between requests; above the proxy's, so that it closes first
};

class SampleService {
 public:
  // Listens already. Errors: kInvalidArgument (options), kUnavailable (the port is taken).
  static Result<std::unique_ptr<SampleService>> Create(const ServiceOptions& options);
  ~SampleService();

  [[nodiscard]] std::uint16_t port() const;
  // Serves in this thread until Stop(). Error: kUnavailable.
  Status Run();
  // Run(), and SIGTERM and SIGINT stop it. Error: kUnavailable.
  Status RunUntilSignal();
  // From any thread. Connections are closed; requests in progress get no answer.
  void Stop();

 private:
  class Impl;
  explicit SampleService(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Prints "listening on 127.0.0.1:PORT" and serves until SIGTERM or SIGINT. An exit status: 0, 2 for
// options that cannot be, 3 for a port that cannot be had.
int RunSampleService(const ServiceOptions& options);

}  // namespace auspex::lab
