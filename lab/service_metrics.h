#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "auspex/base/clock.h"
#include "lab/faults.h"

namespace auspex::lab {

// Upper edges of the latency histogram, in seconds.
inline constexpr std::array<double, 14> kLatencyEdgesS = {
    0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.2, 0.4, 0.8, 1.6};

// What the sample service counts, and its page of the Prometheus text format. Not thread-safe.
class ServiceMetrics {
 public:
  // `route` is an index of kRoutes.
  void Count(std::size_t route, bool ok, Duration latency);
  [[nodiscard]] std::int64_t requests() const;
  [[nodiscard]] std::int64_t errors() const;

  // http_requests_total, http_errors_total and http_request_duration_seconds by route;
  // process_resident_memory_bytes and process_cpu_seconds_total of this process, all labelled
  // version="VERSION".
  [[nodiscard]] std::string Text(std::string_view version) const;

 private:
  struct PerRoute {
    std::int64_t requests = 0;
    std::int64_t errors = 0;
    std::int64_t latency_ns = 0;
    std::array<std::int64_t, kLatencyEdgesS.size() + 1> buckets{};  // the last: above all edges
  };
  std::array<PerRoute, kRoutes.size()> routes_{};
};

// Resident memory of this process, in bytes; 0 where the system does not say.
[[nodiscard]] std::int64_t ResidentBytes();

}  // namespace auspex::lab
