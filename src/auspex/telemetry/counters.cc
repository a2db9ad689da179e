#include "auspex/telemetry/counters.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace auspex::telemetry {
namespace {

constexpr std::string_view kName = "__name__";  // of raw series only: any operator drops it
constexpr std::string_view kEdge = "le";

// One text for all labels but `without`; label values may hold anything, so lengths keep them
// apart.
std::string KeyOf(const std::vector<Label>& labels, std::string_view without) {
  std::string key;
  for (const Label& label : labels) {
    if (label.name == without) continue;
    key +=
        fmt::format("{}:{}={}:{};", label.name.size(), label.name, label.value.size(), label.value);
  }
  return key;
}

CounterReading::Value ValueOf(const Series& series) {
  const bool raw = std::any_of(series.labels.begin(), series.labels.end(),
                               [](const Label& label) { return label.name == kName; });
  return {.value = series.points.back().value, .raw = raw};
}

Failure TooMany(std::size_t series) {
  return Fail(ErrorCode::kInvalidArgument,
              "{} series, and at most {} are read; name the version, the server and the route in "
              "the selector",
              series, kMostSeries);
}

Result<double> EdgeOf(const Series& series) {
  const auto found = std::find_if(series.labels.begin(), series.labels.end(),
                                  [](const Label& label) { return label.name == kEdge; });
  if (found == series.labels.end()) {
    return Fail(ErrorCode::kInvalidArgument,
                "a series without the label le; a histogram's series end in _bucket");
  }
  const std::string& text = found->value;
  if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  double edge = 0.0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), edge);
  if (failed != std::errc() || end != text.data() + text.size() || !std::isfinite(edge))
    return Fail(ErrorCode::kInvalidArgument, "le=\"{}\" is no number of seconds", text);
  return edge;
}

}  // namespace

Result<CounterReading> ReadCounter(const std::vector<Series>& series) {
  if (series.size() > kMostSeries) return TooMany(series.size());
  CounterReading reading;
  for (const Series& one : series) {
    if (!one.points.empty()) reading.series[KeyOf(one.labels, {})] = ValueOf(one);
  }
  return reading;
}

std::optional<double> Grown(const CounterReading& before, const CounterReading& now) {
  if (before.series.size() != now.series.size()) return std::nullopt;
  double sum = 0.0;
  for (auto old = before.series.begin(), fresh = now.series.begin(); old != before.series.end();
       ++old, ++fresh) {
    if (old->first != fresh->first) return std::nullopt;
    const double grown = fresh->second.value - old->second.value;
    if (grown < 0.0 && !fresh->second.raw) return std::nullopt;
    sum += std::max(0.0, grown < 0.0 ? fresh->second.value : grown);
  }
  return sum;
}

std::optional<RateCounts> Grown(const RateReading& before, const RateReading& now) {
  const std::optional<double> good = Grown(before.good, now.good);
  const std::optional<double> all = Grown(before.all, now.all);
  if (!good || !all) return std::nullopt;
  // The two are read one after the other, so that good ones may be ahead of all.
  return RateCounts{.events = std::clamp(*all - *good, 0.0, *all), .all = *all};
}

Result<BucketReading> ReadBuckets(const std::vector<Series>& series) {
  if (series.size() > kMostSeries) return TooMany(series.size());
  BucketReading reading;
  for (const Series& one : series) {
    if (one.points.empty()) continue;
    AUSPEX_TRY(const double edge, EdgeOf(one));
    reading.by_edge[edge].series[KeyOf(one.labels, kEdge)] = ValueOf(one);
  }
  if (!reading.by_edge.empty() && std::isfinite(reading.by_edge.rbegin()->first))
    return Fail(ErrorCode::kInvalidArgument, "a histogram without le=\"+Inf\"");
  return reading;
}

std::optional<Histogram> Grown(const BucketReading& before, const BucketReading& now) {
  if (before.by_edge.size() != now.by_edge.size()) return std::nullopt;
  Histogram grown;
  double most = 0.0;
  for (auto old = before.by_edge.begin(), fresh = now.by_edge.begin(); old != before.by_edge.end();
       ++old, ++fresh) {
    if (old->first != fresh->first) return std::nullopt;
    const std::optional<double> count = Grown(old->second, fresh->second);
    if (!count) return std::nullopt;
    // Cumulative: a restart between two reads must not make a higher edge hold less.
    most = std::max(most, *count);
    if (std::isfinite(fresh->first)) {
      grown.edges_s.push_back(fresh->first);
      grown.at_or_below.push_back(most);
    }
  }
  grown.total = most;
  return grown;
}

}  // namespace auspex::telemetry
