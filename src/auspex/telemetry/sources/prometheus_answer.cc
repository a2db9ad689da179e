#include "auspex/telemetry/sources/prometheus_answer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace auspex::telemetry {
namespace {

using nlohmann::json;

constexpr double kLatestSecond = 253'402'300'800.0;  // the year 10000

std::string Begin(const std::string& body) {
  std::string text = body.substr(0, 80);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, ' ');
  return text.empty() ? "nothing" : "'" + text + "'";
}

// The server's own words, short enough for a log and without what moves a terminal's cursor.
std::string ShortWords(std::string words) {
  std::size_t end = std::min<std::size_t>(words.size(), 500);
  // Not in the midst of a character.
  while (end < words.size() && (static_cast<unsigned char>(words[end]) & 0xc0U) == 0x80U) --end;
  words.resize(end);
  std::replace_if(
      words.begin(), words.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return words;
}

// [seconds, "value"]; nullopt for NaN and infinities.
std::optional<Point> PointFrom(const json& pair) {
  const auto& text = pair.at(1).get_ref<const std::string&>();
  double value = 0.0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  const double seconds = pair.at(0).get<double>();
  if (!(std::abs(seconds) < kLatestSecond)) return std::nullopt;
  return Point{.at = FromMicros(std::llround(seconds * 1e6)), .value = value};
}

Series SeriesFrom(const json& item) {
  Series series;
  for (const auto& [name, value] : item.at("metric").items())
    series.labels.push_back({name, value.get<std::string>()});
  std::sort(series.labels.begin(), series.labels.end());
  const auto add = [&](const json& pair) {
    if (const auto point = PointFrom(pair)) series.points.push_back(*point);
  };
  if (item.contains("value")) add(item["value"]);
  if (item.contains("values")) std::for_each(item["values"].begin(), item["values"].end(), add);
  return series;
}

// The port promises times that ascend; of two values for one time the later in the answer stays.
void PutInOrder(std::vector<Point>* points) {
  std::stable_sort(points->begin(), points->end(),
                   [](const Point& a, const Point& b) { return a.at < b.at; });
  const auto repeated = std::unique(points->rbegin(), points->rend(),
                                    [](const Point& a, const Point& b) { return a.at == b.at; });
  points->erase(points->begin(), repeated.base());
}

// Throws json::exception where the answer is not of this API.
Result<std::vector<Series>> Understand(std::string_view server, const json& answer,
                                       WallTime oldest) {
  if (answer.at("status") != "success") {
    // VictoriaMetrics gives the status as the type.
    const std::string type = answer.value("errorType", "");
    const bool ours = type == "bad_data" || type == "400" || type == "422";
    return Fail(ours ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable, "{}: {}", server,
                ShortWords(answer.value("error", "an error without a text")));
  }
  const json& data = answer.at("data");
  std::vector<Series> all;
  const auto keep = [&](Series series) {
    std::erase_if(series.points, [&](const Point& point) { return point.at < oldest; });
    PutInOrder(&series.points);
    if (!series.points.empty()) all.push_back(std::move(series));
  };
  if (data.at("resultType") == "scalar") {
    if (const auto point = PointFrom(data.at("result"))) keep({.labels = {}, .points = {*point}});
  } else {
    for (const json& item : data.at("result")) keep(SeriesFrom(item));
  }
  if (all.empty()) return Fail(ErrorCode::kNoData, "no series with a finite, recent value");
  return all;
}

}  // namespace

Result<std::vector<Series>> ParsePrometheusAnswer(std::string_view server,
                                                  const HttpResponse& response, WallTime oldest) {
  const bool busy = response.status == 429 || response.status >= 500;
  if (busy)
    return Fail(ErrorCode::kUnavailable, "{}: status {}: {}", server, response.status,
                Begin(response.body));
  const json answer = json::parse(response.body, nullptr, false);
  if (!answer.is_object() || !answer.contains("status")) {
    return Fail(ErrorCode::kUnavailable, "{} answers {} with {}, which is not Prometheus' API",
                server, response.status, Begin(response.body));
  }
  try {
    return Understand(server, answer, oldest);
  } catch (const json::exception& error) {
    return Fail(ErrorCode::kUnavailable, "{}: an answer that is not Prometheus' API: {}", server,
                error.what());
  }
}

}  // namespace auspex::telemetry
