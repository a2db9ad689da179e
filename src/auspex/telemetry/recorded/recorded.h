#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "auspex/base/input.h"
#include "auspex/base/result.h"

// Recorded canary data as CSV files: what happened, told later. Three shapes, known by their
// header:
//
//   arm,timestamp,latency_ms,ok[,route]        one request a row
//   metric,arm,timestamp,value[,count]         one value per interval
//   timestamp,value                            one series alone
//
//   AUSPEX_TRY(auto input, OpenInput(path));
//   AUSPEX_TRY(auto recording, ReadRecording(std::move(input), path));
//
// Rows may stand in any order and come back sorted by time, rows of one time as they stood. What
// cannot be understood is an error with file, line, column and mend; what can be mended without a
// guess is mended and counted in Notes. An empty cell is missing, never 0.
namespace auspex::telemetry {

struct Notes {
  std::int64_t rows = 0;
  std::int64_t unsorted = 0;    // rows earlier than the one before; sorted
  std::int64_t duplicates = 0;  // a series' rows that stood twice; dropped
  std::int64_t missing = 0;     // without latency or value
  std::vector<std::string> ignored_columns;
};

struct RecordedRequest {
  double at_s = 0.0;        // since 1970
  double latency_ms = 0.0;  // >= 0; NaN: not known
  std::uint32_t route = 0;  // index into RecordedRequests::routes
  bool canary = false;
  bool ok = true;
};

struct RecordedRequests {
  std::vector<RecordedRequest> rows;
  std::vector<std::string> routes;  // [0] is ""; at most kMostRoutes, the rest under "(other)"
  Notes notes;
};

struct RecordedPoint {
  double at_s = 0.0;
  double value = 0.0;   // NaN: missing
  double count = -1.0;  // requests behind it; below 0: not known
};

struct RecordedMetric {
  std::string name;
  std::vector<RecordedPoint> canary;
  std::vector<RecordedPoint> baseline;
};

struct RecordedMetrics {
  std::vector<RecordedMetric> metrics;  // in the order of their first rows
  Notes notes;
};

struct RecordedSeries {
  std::vector<RecordedPoint> points;
  Notes notes;
};

// 32 bytes of memory a row.
inline constexpr std::int64_t kMostRows = 10'000'000;
inline constexpr std::size_t kMostRoutes = 1000;
inline constexpr std::size_t kMostMetrics = 1000;

using Recording = std::variant<RecordedRequests, RecordedMetrics, RecordedSeries>;
// `name`: for messages. An arm that has no row at all is an error for requests; a metric may have
// one arm only, as long as the file has both.
Result<Recording> ReadRecording(std::unique_ptr<Input> input, const std::string& name);

}  // namespace auspex::telemetry
