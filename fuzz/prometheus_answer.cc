// ParsePrometheusAnswer: the body that a metrics server sends. The first byte of an input chooses
// the status.

#include "auspex/telemetry/sources/prometheus_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fuzz/check.h"

namespace {

using auspex::FromMicros;
using auspex::MicrosSinceEpoch;
using auspex::telemetry::ParsePrometheusAnswer;
using auspex::telemetry::Point;
using auspex::telemetry::Series;

constexpr std::array kStatuses = {200, 400, 422, 429, 503};

// A WallTime has more digits than the seconds of the API, which are a double.
bool IsNear(const Point& a, const Point& b) {
  const auto apart = std::abs(MicrosSinceEpoch(a.at) - MicrosSinceEpoch(b.at));
  return a.value == b.value && apart <= 64;
}

void CheckSeries(const Series& series, auspex::WallTime oldest) {
  AUSPEX_FUZZ_CHECK(!series.points.empty(), "a series without a point");
  AUSPEX_FUZZ_CHECK(std::is_sorted(series.labels.begin(), series.labels.end()), "labels");
  for (std::size_t i = 0; i < series.points.size(); ++i) {
    const Point& point = series.points[i];
    AUSPEX_FUZZ_CHECK(std::isfinite(point.value), "not finite");
    AUSPEX_FUZZ_CHECK(point.at >= oldest, "older than asked for");
    AUSPEX_FUZZ_CHECK(i == 0 || series.points[i - 1].at < point.at, "points do not ascend");
  }
}

std::string Print(const std::vector<Series>& all) {
  nlohmann::json result = nlohmann::json::array();
  for (const Series& series : all) {
    nlohmann::json item = {{"metric", nlohmann::json::object()},
                           {"values", nlohmann::json::array()}};
    for (const auto& [name, value] : series.labels) item["metric"][name] = value;
    for (const Point& point : series.points) {
      item["values"].push_back(
          {static_cast<double>(MicrosSinceEpoch(point.at)) / 1e6, fmt::format("{}", point.value)});
    }
    result.push_back(std::move(item));
  }
  const nlohmann::json answer = {{"status", "success"},
                                 {"data", {{"resultType", "matrix"}, {"result", result}}}};
  return answer.dump();
}

void CheckPrintsBack(const std::vector<Series>& all) {
  const std::string printed = Print(all);
  const auto again = ParsePrometheusAnswer(
      "server", {.status = 200, .headers = {}, .body = printed}, FromMicros(INT64_MIN));
  AUSPEX_FUZZ_CHECK(again.ok() && again->size() == all.size(), printed);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Series& a = all[i];
    const Series& b = (*again)[i];
    AUSPEX_FUZZ_CHECK(a.labels == b.labels, printed);
    AUSPEX_FUZZ_CHECK(
        std::equal(a.points.begin(), a.points.end(), b.points.begin(), b.points.end(), IsNear),
        printed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto oldest = FromMicros(1'000'000'000'000'000);  // 2001
  const auspex::HttpResponse response{.status = kStatuses.at(data[0] % kStatuses.size()),
                                      .headers = {},
                                      .body = std::string(data + 1, data + size)};
  const auto answer = ParsePrometheusAnswer("server", response, oldest);
  if (!answer.ok()) {
    const auto code = answer.error().code;
    AUSPEX_FUZZ_CHECK(code == auspex::ErrorCode::kNoData ||
                          code == auspex::ErrorCode::kInvalidArgument ||
                          code == auspex::ErrorCode::kUnavailable,
                      answer.error().message);
    AUSPEX_FUZZ_CHECK(answer.error().message.size() < 700, answer.error().message);
    return 0;
  }
  AUSPEX_FUZZ_CHECK(!answer->empty(), "no series and no error");
  for (const Series& series : *answer) CheckSeries(series, oldest);
  CheckPrintsBack(*answer);
  return 0;
}
