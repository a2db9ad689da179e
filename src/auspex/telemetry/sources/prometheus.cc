#include "auspex/telemetry/sources/prometheus.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <list>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "auspex/base/http_client.h"

namespace auspex::telemetry {
namespace {

using nlohmann::json;
using Answer = Result<std::vector<Series>>;

constexpr int kAttempts = 50;  // the deadline comes first
constexpr std::size_t kRemembered = 256;
constexpr std::size_t kRememberedPoints = 200'000;
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

std::string TimeText(WallTime at) {
  return fmt::format("{:.3f}", static_cast<double>(MicrosSinceEpoch(at)) / 1e6);
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

class Prometheus final : public MetricSource {
 public:
  Prometheus(PrometheusConfig config, const Clock* clock)
      : config_(std::move(config)), clock_(clock), random_(1) {
    while (config_.url.ends_with('/')) config_.url.pop_back();
  }

  Answer Instant(std::string_view query, WallTime at, MonotonicTime deadline) override {
    const WallTime second = std::chrono::floor<std::chrono::seconds>(at);
    return Shared("/api/v1/query",
                  fmt::format("query={}&time={}&lookback_delta={}s", PercentEncode(query),
                              TimeText(second), Seconds(config_.staleness)),
                  second - std::chrono::floor<std::chrono::microseconds>(config_.staleness),
                  deadline);
  }

  Answer Over(std::string_view query, const Range& range, MonotonicTime deadline) override {
    if (range.step <= Duration(0) || range.to < range.from)
      return Fail(ErrorCode::kInvalidArgument, "a range goes forward, in steps above 0");
    return Shared("/api/v1/query_range",
                  fmt::format("query={}&start={}&end={}&step={}", PercentEncode(query),
                              TimeText(range.from), TimeText(range.to), Seconds(range.step)),
                  std::chrono::floor<std::chrono::milliseconds>(range.from), deadline);
  }

 private:
  struct Asked {
    std::string key;
    std::optional<Answer> answer;  // none: somebody is asking
    std::size_t points = 0;
  };

  // One request for all who ask the same at the same second.
  Answer Shared(const std::string& path, const std::string& form, WallTime oldest,
                MonotonicTime deadline) {
    const std::string key = path + "?" + form;
    std::unique_lock lock(mutex_);
    const auto found = std::find_if(asked_.begin(), asked_.end(),
                                    [&](const auto& asked) { return asked->key == key; });
    if (found != asked_.end()) {
      const std::shared_ptr<Asked> asked = *found;
      const auto answered = [&] { return asked->answer.has_value(); };
      if (!answered_.wait_for(lock, deadline - clock_->Now(), answered)) {
        return Fail(ErrorCode::kUnavailable, "{}: no answer in time", config_.url);
      }
      return *asked->answer;
    }
    const auto mine = std::make_shared<Asked>(Asked{.key = key, .answer = {}});
    asked_.push_front(mine);
    lock.unlock();
    Answer answer = Ask(path, form, oldest, deadline);
    lock.lock();
    Keep(mine, answer);
    answered_.notify_all();
    return answer;
  }

  // Under mutex_. Waiting callers hold their entry, so that it may leave the list.
  void Keep(const std::shared_ptr<Asked>& asked, const Answer& answer) {
    asked->answer = answer;
    const auto place = std::find(asked_.begin(), asked_.end(), asked);
    if (place == asked_.end()) return;  // pushed out while it was under way
    if (!answer.ok() && answer.error().code == ErrorCode::kUnavailable) {
      asked_.erase(place);
      return;
    }
    if (answer.ok()) {
      for (const Series& series : *answer) asked->points += 1 + series.points.size();
    }
    points_ += asked->points;
    while (!asked_.empty() && (asked_.size() > kRemembered || points_ > kRememberedPoints)) {
      points_ -= asked_.back()->points;
      asked_.pop_back();
    }
  }

  Answer Ask(const std::string& path, const std::string& form, WallTime oldest,
             MonotonicTime deadline) {
    const HttpRequest request{.method = "POST",
                              .url = config_.url + path,
                              .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                              .body = form,
                              .timeout = config_.request_timeout,
                              .bearer = config_.bearer,
                              .ca_file = config_.ca_file,
                              .verify_peer = config_.verify_peer};
    Random random = NextRandom();
    const RetryPlan plan{.deadline = deadline,
                         .attempts = kAttempts,
                         .clock = clock_,
                         .random = &random,
                         .sleep = [](Duration pause) { std::this_thread::sleep_for(pause); }};
    const Result<HttpResponse> response = SendWithRetry(SendHttp, request, plan);
    // An answer that is too long is the server's, not the query's: the port has kInvalidArgument
    // for queries alone.
    if (!response.ok()) return Fail(ErrorCode::kUnavailable, "{}", response.error().message);
    const bool busy = response->status == 429 || response->status >= 500;
    if (busy)
      return Fail(ErrorCode::kUnavailable, "{}: status {}: {}", config_.url, response->status,
                  Begin(response->body));
    return Understand(*response, oldest);
  }

  Random NextRandom() {
    const std::lock_guard lock(mutex_);
    return Random(random_.Bits());
  }

  Answer Understand(const HttpResponse& response, WallTime oldest) const {
    const json answer = json::parse(response.body, nullptr, false);
    if (!answer.is_object() || !answer.contains("status")) {
      return Fail(ErrorCode::kUnavailable, "{} answers {} with {}, which is not Prometheus' API",
                  config_.url, response.status, Begin(response.body));
    }
    try {
      if (answer.at("status") != "success") {
        // VictoriaMetrics gives the status as the type.
        const std::string type = answer.value("errorType", "");
        const bool ours = type == "bad_data" || type == "400" || type == "422";
        return Fail(ours ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable, "{}: {}",
                    config_.url, ShortWords(answer.value("error", "an error without a text")));
      }
      const json& data = answer.at("data");
      std::vector<Series> all;
      if (data.at("resultType") == "scalar") {
        if (const auto point = PointFrom(data.at("result")))
          all.push_back({.labels = {}, .points = {*point}});
      } else {
        for (const json& item : data.at("result")) {
          Series series = SeriesFrom(item);
          std::erase_if(series.points, [&](const Point& point) { return point.at < oldest; });
          if (!series.points.empty()) all.push_back(std::move(series));
        }
      }
      if (all.empty()) return Fail(ErrorCode::kNoData, "no series with a finite, recent value");
      return all;
    } catch (const json::exception& error) {
      return Fail(ErrorCode::kUnavailable, "{}: an answer that is not Prometheus' API: {}",
                  config_.url, error.what());
    }
  }

  PrometheusConfig config_;
  const Clock* clock_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::list<std::shared_ptr<Asked>> asked_;  // newest first
  std::size_t points_ = 0;
  Random random_;  // of the pauses between tries: nothing is decided by it
};

}  // namespace

Result<std::unique_ptr<MetricSource>> MakePrometheus(const PrometheusConfig& config,
                                                     const Clock* clock) {
  if (!config.url.starts_with("http://") && !config.url.starts_with("https://")) {
    return Fail(ErrorCode::kInvalidArgument,
                "metrics.prometheus.url '{}' is not an http or https address", config.url);
  }
  return std::unique_ptr<MetricSource>(std::make_unique<Prometheus>(config, clock));
}

}  // namespace auspex::telemetry
