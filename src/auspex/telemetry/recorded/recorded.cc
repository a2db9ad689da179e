#include "auspex/telemetry/recorded/recorded.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "auspex/base/csv.h"

namespace auspex::telemetry {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// The columns of all three shapes; the header tells which it is.
enum Column : std::size_t { kTimestamp, kArm, kLatency, kOk, kRoute, kMetric, kValue, kCount };
const std::vector<std::string>& WantedColumns() {
  static const std::vector<std::string> kColumns = {"timestamp"};
  return kColumns;
}
const std::vector<std::string>& OptionalColumns() {
  static const std::vector<std::string> kColumns = {"arm",    "latency_ms", "ok",   "route",
                                                    "metric", "value",      "count"};
  return kColumns;
}

Status CheckRows(const CsvTable& table, Notes* notes) {
  if (++notes->rows <= kMostRows) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "{}:{}:1: more than {} rows; judge a part of the time, or every tenth request of "
              "both arms",
              table.name(), table.line(), kMostRows);
}

// Keeps squares and sums finite; no metric is so large.
constexpr double kLargestValue = 1e100;
constexpr double kLargestCount = 1e9;

Result<std::optional<double>> ReadValue(const CsvTable& table, Column column) {
  AUSPEX_TRY(const auto value, table.Number(column));
  if (value && std::abs(*value) > kLargestValue)
    return table.Refuse(
        column, fmt::format("{} is too large for a measurement", Shown(table.Text(column))));
  return value;
}

Result<bool> ReadArm(const CsvTable& table) {
  const std::string_view arm = table.Text(kArm);
  if (arm == "canary") return true;
  if (arm == "baseline") return false;
  return table.Refuse(kArm, fmt::format("{} is neither canary nor baseline", Shown(arm)));
}

Result<bool> ReadOk(const CsvTable& table) {
  const std::string_view ok = table.Text(kOk);
  for (const std::string_view yes : {"1", "true", "True", "TRUE"})
    if (ok == yes) return true;
  for (const std::string_view no : {"0", "false", "False", "FALSE"})
    if (ok == no) return false;
  return table.Refuse(kOk, fmt::format("{} is neither 1 (true) nor 0 (false)", Shown(ok)));
}

// Stable, so that rows of one time stay as they stood.
template <typename Row>
void SortByTime(std::vector<Row>* rows, Notes* notes) {
  std::int64_t unsorted = 0;
  for (std::size_t i = 1; i < rows->size(); ++i)
    if ((*rows)[i].at_s < (*rows)[i - 1].at_s) ++unsorted;
  notes->unsorted += unsorted;
  if (unsorted > 0)
    std::stable_sort(rows->begin(), rows->end(),
                     [](const Row& a, const Row& b) { return a.at_s < b.at_s; });
}

class RouteNames {
 public:
  explicit RouteNames(std::vector<std::string>* names) : names_(names) { Index(""); }
  std::uint32_t Index(std::string_view name) {
    const auto found = index_.find(name);
    if (found != index_.end()) return found->second;
    if (names_->size() >= kMostRoutes && name != kOther) return Index(kOther);
    const auto at = static_cast<std::uint32_t>(names_->size());
    names_->emplace_back(name);
    index_.emplace(std::string(name), at);
    return at;
  }

 private:
  static constexpr std::string_view kOther = "(other)";
  std::vector<std::string>* names_;
  std::map<std::string, std::uint32_t, std::less<>> index_;
};

// A file whose arms differ by 1000 or 1'000'000 at every quantile holds two units: no fault
// multiplies the fastest and the slowest request alike to one part in ten.
Status CheckUnits(const std::string& name, const std::vector<RecordedRequest>& rows) {
  std::vector<double> canary, baseline;
  for (const RecordedRequest& row : rows)
    if (!std::isnan(row.latency_ms)) (row.canary ? canary : baseline).push_back(row.latency_ms);
  if (canary.size() < 10 || baseline.size() < 10) return {};
  std::optional<double> unit;
  for (const double share : {0.1, 0.5, 0.9}) {
    const auto at = [share](std::vector<double>& values) {
      const auto i = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
      std::nth_element(values.begin(), values.begin() + i, values.end());
      return values[static_cast<std::size_t>(i)];
    };
    const double c = at(canary);
    const double b = at(baseline);
    if (c <= 0.0 || b <= 0.0) return {};
    const double digits = std::log10(c / b);
    const double whole = std::round(digits / 3.0) * 3.0;
    if (whole == 0.0 || std::abs(digits - whole) > std::log10(1.1) || (unit && *unit != whole))
      return {};
    unit = whole;
  }
  return Fail(ErrorCode::kInvalidArgument,
              "{}: latency_ms: the canary's are 1e{:.0f} times the baseline's at every quantile: "
              "the arms are in different units; write both in milliseconds",
              name, *unit);
}

Result<RecordedRequests> ReadRequests(CsvTable& table) {
  RecordedRequests read;
  RouteNames routes(&read.routes);
  std::int64_t canaries = 0;
  for (;;) {
    AUSPEX_TRY(const bool row, table.Next());
    if (!row) break;
    AUSPEX_TRY(CheckRows(table, &read.notes));
    RecordedRequest request;
    AUSPEX_TRY(request.canary, ReadArm(table));
    AUSPEX_TRY(request.at_s, table.Time(kTimestamp));
    AUSPEX_TRY(request.ok, ReadOk(table));
    AUSPEX_TRY(const auto latency, ReadValue(table, kLatency));
    if (latency && *latency < 0.0) return table.Refuse(kLatency, "a latency is not negative");
    request.latency_ms = latency.value_or(kMissing);
    read.notes.missing += latency ? 0 : 1;
    request.route = routes.Index(table.Text(kRoute));
    canaries += request.canary ? 1 : 0;
    read.rows.push_back(request);
  }
  const auto all = static_cast<std::int64_t>(read.rows.size());
  if (canaries == 0 || canaries == all)
    return Fail(ErrorCode::kInvalidArgument,
                "{}: {}; both arms are wanted, `canary` and `baseline` in column arm", table.name(),
                all == 0        ? "no row below the header"
                : canaries == 0 ? fmt::format("none of {} rows is of the canary", all)
                                : fmt::format("none of {} rows is of the baseline", all));
  SortByTime(&read.rows, &read.notes);
  AUSPEX_TRY(CheckUnits(table.name(), read.rows));
  return read;
}

struct Place {
  double at_s;
  double value;
  double count;
  std::int64_t line;
};

// Sorted, each time once.
Result<std::vector<RecordedPoint>> Ordered(std::vector<Place> rows, const std::string& name,
                                           const std::string& what, Notes* notes) {
  SortByTime(&rows, notes);
  std::vector<RecordedPoint> points;
  points.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Place& row = rows[i];
    if (i > 0 && rows[i - 1].at_s == row.at_s) {
      const Place& before = rows[i - 1];
      const bool same =
          before.value == row.value || (std::isnan(before.value) && std::isnan(row.value));
      if (!same || before.count != row.count)
        return Fail(ErrorCode::kInvalidArgument,
                    "{}:{}:1: {} has another value at this time in line {}; one value per "
                    "interval is wanted: average or add them up first",
                    name, std::max(row.line, before.line), what, std::min(row.line, before.line));
      ++notes->duplicates;
      continue;
    }
    points.push_back({row.at_s, row.value, row.count});
  }
  return points;
}

Result<Place> ReadPoint(const CsvTable& table, Notes* notes) {
  Place point{0.0, kMissing, -1.0, table.line()};
  AUSPEX_TRY(point.at_s, table.Time(kTimestamp));
  AUSPEX_TRY(const auto value, ReadValue(table, kValue));
  AUSPEX_TRY(const auto count, table.Number(kCount));
  if (count && (*count < 0.0 || *count != std::floor(*count) || *count > kLargestCount))
    return table.Refuse(kCount, fmt::format("{} is not a whole number of requests up to a billion",
                                            Shown(table.Text(kCount))));
  if (count) point.count = *count;
  // The mean of no request is no value.
  if (value && point.count != 0.0) point.value = *value;
  notes->missing += std::isnan(point.value) ? 1 : 0;
  return point;
}

Result<RecordedMetrics> ReadMetrics(CsvTable& table) {
  struct Arms {
    std::string name;
    std::vector<Place> rows[2];
  };
  RecordedMetrics read;
  std::vector<Arms> metrics;
  std::map<std::string, std::size_t, std::less<>> index;
  std::int64_t rows[2] = {0, 0};
  for (;;) {
    AUSPEX_TRY(const bool row, table.Next());
    if (!row) break;
    AUSPEX_TRY(CheckRows(table, &read.notes));
    const std::string_view name = table.Text(kMetric);
    if (name.empty()) return table.Refuse(kMetric, "the metric has no name");
    AUSPEX_TRY(const bool canary, ReadArm(table));
    AUSPEX_TRY(const Place point, ReadPoint(table, &read.notes));
    auto found = index.find(name);
    if (found == index.end()) {
      if (metrics.size() == kMostMetrics)
        return table.Refuse(kMetric, fmt::format("more than {} metrics", kMostMetrics));
      found = index.emplace(std::string(name), metrics.size()).first;
      metrics.push_back({std::string(name), {}});
    }
    metrics[found->second].rows[canary ? 1 : 0].push_back(point);
    ++rows[canary ? 1 : 0];
  }
  if (rows[0] == 0 || rows[1] == 0)
    return Fail(ErrorCode::kInvalidArgument,
                "{}: no row of the {}; both arms are wanted, `canary` and `baseline` in column arm",
                table.name(), rows[1] == 0 ? "canary" : "baseline");
  for (Arms& arms : metrics) {
    RecordedMetric metric{arms.name, {}, {}};
    AUSPEX_TRY(metric.baseline, Ordered(std::move(arms.rows[0]), table.name(),
                                        arms.name + " of the baseline", &read.notes));
    AUSPEX_TRY(metric.canary, Ordered(std::move(arms.rows[1]), table.name(),
                                      arms.name + " of the canary", &read.notes));
    read.metrics.push_back(std::move(metric));
  }
  return read;
}

Result<RecordedSeries> ReadSeries(CsvTable& table) {
  RecordedSeries read;
  std::vector<Place> rows;
  for (;;) {
    AUSPEX_TRY(const bool row, table.Next());
    if (!row) break;
    AUSPEX_TRY(CheckRows(table, &read.notes));
    AUSPEX_TRY(const Place point, ReadPoint(table, &read.notes));
    rows.push_back(point);
  }
  if (rows.empty())
    return Fail(ErrorCode::kInvalidArgument, "{}: no row below the header", table.name());
  AUSPEX_TRY(read.points, Ordered(std::move(rows), table.name(), "the series", &read.notes));
  return read;
}

}  // namespace

Result<Recording> ReadRecording(std::unique_ptr<Input> input, const std::string& name) {
  AUSPEX_TRY(CsvTable table,
             CsvTable::Open(std::move(input), name, WantedColumns(), OptionalColumns()));
  const auto ignored = [&table](auto read) -> Recording {
    read.notes.ignored_columns = table.ignored();
    return Recording(std::move(read));
  };
  if (table.Has(kArm) && table.Has(kLatency) && table.Has(kOk) && !table.Has(kMetric) &&
      !table.Has(kValue)) {
    AUSPEX_TRY(auto requests, ReadRequests(table));
    return ignored(std::move(requests));
  }
  if (table.Has(kMetric) && table.Has(kArm) && table.Has(kValue) && !table.Has(kLatency)) {
    AUSPEX_TRY(auto metrics, ReadMetrics(table));
    return ignored(std::move(metrics));
  }
  if (table.Has(kValue) && !table.Has(kArm) && !table.Has(kMetric) && !table.Has(kLatency)) {
    AUSPEX_TRY(auto series, ReadSeries(table));
    return ignored(std::move(series));
  }
  return Fail(ErrorCode::kInvalidArgument,
              "{}:1:1: the columns are none of the three: arm,timestamp,latency_ms,ok[,route] "
              "(requests), metric,arm,timestamp,value[,count] (series of two arms), "
              "timestamp,value (one series)",
              name);
}

}  // namespace auspex::telemetry
