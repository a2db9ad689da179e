#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/telemetry/histogram.h"
#include "auspex/telemetry/telemetry.h"

// How much counters of a time-series server have grown between two looks. Pure.
namespace auspex::telemetry {

// What each series of a counter showed at one moment.
struct CounterReading {
  struct Value {
    double value = 0.0;
    // It is a counter as a process exposes it. Else it is an expression over several (`sum(…)`), of
    // which nobody knows why it falls.
    bool raw = false;
  };
  std::map<std::string, Value> series;  // by their labels
};
inline constexpr std::size_t kMostSeries = 1000;
// Error: kInvalidArgument for more than kMostSeries.
Result<CounterReading> ReadCounter(const std::vector<Series>& series);

// What was counted between `before` and `now`, summed over the series. A raw counter that is lower
// than before was restarted: what it has is what it counted since. nullopt, nothing can be said of
// this interval, where series have come or gone, or an expression fell: a first sight of a series
// tells how much it has, not how much of it is new.
[[nodiscard]] std::optional<double> Grown(const CounterReading& before, const CounterReading& now);

// Good ones and all: `all - good` are events of `all`. nullopt as Grown.
struct RateReading {
  CounterReading good;
  CounterReading all;
};
struct RateCounts {
  double events = 0;
  double all = 0;  // >= events >= 0
};
[[nodiscard]] std::optional<RateCounts> Grown(const RateReading& before, const RateReading& now);

// The series of a Prometheus histogram (`…_bucket`), by `le`.
struct BucketReading {
  std::map<double, CounterReading> by_edge;  // +Inf included
};
// Errors: kInvalidArgument (a series without a number for `le`, no `le="+Inf"`, too many).
Result<BucketReading> ReadBuckets(const std::vector<Series>& series);
[[nodiscard]] std::optional<Histogram> Grown(const BucketReading& before, const BucketReading& now);

}  // namespace auspex::telemetry
