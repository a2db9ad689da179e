#include "lab/service_metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>

namespace auspex::lab {
namespace {

double CpuSeconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0.0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

std::int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total_pages = 0;
  std::int64_t resident_pages = 0;
  if (!(statm >> total_pages >> resident_pages)) return 0;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

void ServiceMetrics::Count(std::size_t route, bool ok, Duration latency) {
  PerRoute& counts = routes_[route];
  ++counts.requests;
  if (!ok) ++counts.errors;
  counts.latency_ns += latency.count();
  const auto* const edge =
      std::lower_bound(kLatencyEdgesS.begin(), kLatencyEdgesS.end(), Seconds(latency));
  ++counts.buckets[static_cast<std::size_t>(edge - kLatencyEdgesS.begin())];
}

std::int64_t ServiceMetrics::requests() const {
  std::int64_t sum = 0;
  for (const PerRoute& route : routes_) sum += route.requests;
  return sum;
}

std::int64_t ServiceMetrics::errors() const {
  std::int64_t sum = 0;
  for (const PerRoute& route : routes_) sum += route.errors;
  return sum;
}

std::string ServiceMetrics::Text(std::string_view version) const {
  std::string text;
  auto out = std::back_inserter(text);
  const auto counter = [&](std::string_view name, std::int64_t PerRoute::*member) {
    fmt::format_to(out, "# TYPE {} counter\n", name);
    for (std::size_t i = 0; i < kRoutes.size(); ++i) {
      fmt::format_to(out, "{}{{version=\"{}\",route=\"{}\"}} {}\n", name, version, kRoutes[i].name,
                     routes_[i].*member);
    }
  };
  counter("http_requests_total", &PerRoute::requests);
  counter("http_errors_total", &PerRoute::errors);
  constexpr std::string_view kHistogram = "http_request_duration_seconds";
  fmt::format_to(out, "# TYPE {} histogram\n", kHistogram);
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    const std::string labels = fmt::format("version=\"{}\",route=\"{}\"", version, kRoutes[i].name);
    std::int64_t below = 0;
    for (std::size_t edge = 0; edge < kLatencyEdgesS.size(); ++edge) {
      below += routes_[i].buckets[edge];
      fmt::format_to(out, "{}_bucket{{{},le=\"{}\"}} {}\n", kHistogram, labels,
                     kLatencyEdgesS[edge], below);
    }
    fmt::format_to(out, "{}_bucket{{{},le=\"+Inf\"}} {}\n", kHistogram, labels,
                   routes_[i].requests);
    fmt::format_to(out, "{}_sum{{{}}} {:.9f}\n{}_count{{{}}} {}\n", kHistogram, labels,
                   Seconds(Duration(routes_[i].latency_ns)), kHistogram, labels,
                   routes_[i].requests);
  }
  fmt::format_to(out,
                 "# TYPE process_resident_memory_bytes gauge\n"
                 "process_resident_memory_bytes{{version=\"{0}\"}} {1}\n"
                 "# TYPE process_cpu_seconds_total counter\n"
                 "process_cpu_seconds_total{{version=\"{0}\"}} {2:.6f}\n",
                 version, ResidentBytes(), CpuSeconds());
  return text;
}

}  // namespace auspex::lab
