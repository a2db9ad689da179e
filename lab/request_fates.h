#pragma once

#include <cstddef>
#include <optional>

#include "auspex/base/clock.h"
#include "auspex/base/random.h"
#include "lab/faults.h"
#include "lab/sample_service.h"

namespace auspex::lab {

struct Fate {
  bool ok = true;
  Duration latency{};
};

// Draws how each request of the sample service fares. Deterministic in the seed, the times and the
// routes asked for. Not thread-safe.
class RequestFates {
 public:
  explicit RequestFates(const ServiceOptions& options);

  // `route` is an index of kRoutes; `now` never goes back.
  Fate Next(MonotonicTime now, std::size_t route);
  // The fault clock; a second start changes nothing.
  void StartClock(MonotonicTime now);
  // This version's share of all requests, over the last few seconds; 0 where the total is not
  // given.
  [[nodiscard]] double TrafficShare(MonotonicTime now) const;

 private:
  void CountArrival(MonotonicTime now);
  [[nodiscard]] double ColdFactor(MonotonicTime now) const;

  ServiceOptions options_;
  Random random_;
  std::optional<MonotonicTime> clock_start_;
  std::optional<MonotonicTime> first_request_;
  MonotonicTime last_request_{};
  double rate_per_s_ = 0.0;
};

}  // namespace auspex::lab
