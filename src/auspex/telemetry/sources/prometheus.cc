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

constexpr Duration kFirstPause = 50ms, kLongestPause = 2s;
constexpr std::size_t kRemembered = 256;

std::string Begin(const std::string& body) {
  std::string text = body.substr(0, 80);
  std::replace_if(text.begin(), text.end(), [](char c) { return c < ' '; }, ' ');
  return text.empty() ? "nothing" : "'" + text + "'";
}

std::string UrlEncoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
    if (plain) out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string TimeText(WallTime at) { return fmt::format("{:.3f}", static_cast<double>(MicrosSinceEpoch(at)) / 1e6); }

// [seconds, "value"]; nullopt for NaN and infinities.
std::optional<Point> PointFrom(const json& pair) {
  const auto& text = pair.at(1).get_ref<const std::string&>();
  double value = 0.0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return Point{.at = FromMicros(std::llround(pair.at(0).get<double>() * 1e6)), .value = value};
}

Series SeriesFrom(const json& item) {
  Series series;
  for (const auto& [name, value] : item.at("metric").items()) series.labels.push_back({name, value.get<std::string>()});
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
  Prometheus(PrometheusConfig config, const Clock* clock) : config_(std::move(config)), clock_(clock) {
    while (config_.url.ends_with('/')) config_.url.pop_back();
  }

  Answer Instant(std::string_view query, WallTime at, MonotonicTime deadline) override {
    return Shared("/api/v1/query", fmt::format("query={}&time={}", UrlEncoded(query), TimeText(std::chrono::floor<std::chrono::seconds>(at))), at, deadline);
  }

  Answer Over(std::string_view query, const Range& range, MonotonicTime deadline) override {
    if (range.step <= Duration(0) || range.to < range.from) return Fail(ErrorCode::kInvalidArgument, "a range goes forward, in steps above 0");
    return Shared("/api/v1/query_range",
                  fmt::format("query={}&start={}&end={}&step={}", UrlEncoded(query), TimeText(range.from), TimeText(range.to), Seconds(range.step)),
                  range.to, deadline);
  }

 private:
  struct Asked {
    std::string key;
    std::optional<Answer> answer;  // none: somebody is asking
  };

  // One request for all who ask the same at the same second.
  Answer Shared(const std::string& path, const std::string& form, WallTime newest, MonotonicTime deadline) {
    const std::string key = path + "?" + form;
    std::unique_lock lock(mutex_);
    while (true) {
      const auto found = std::find_if(asked_.begin(), asked_.end(), [&](const Asked& asked) { return asked.key == key; });
      if (found == asked_.end()) break;
      if (found->answer) return *found->answer;
      if (answered_.wait_for(lock, deadline - clock_->Now()) == std::cv_status::timeout) {
        return Fail(ErrorCode::kUnavailable, "the metrics server did not answer in time");
      }
    }
    asked_.push_front({.key = key, .answer = {}});
    const auto mine = asked_.begin();
    lock.unlock();
    Answer answer = Ask(path, form, newest, deadline);
    lock.lock();
    if (answer.ok()) {
      mine->answer = answer;
    } else {
      asked_.erase(mine);  // the next one asks again
    }
    while (asked_.size() > kRemembered && asked_.back().answer) asked_.pop_back();
    answered_.notify_all();
    return answer;
  }

  Answer Ask(const std::string& path, const std::string& form, WallTime newest, MonotonicTime deadline) {
    Duration pause = kFirstPause;
    while (true) {
      const Duration left = deadline - clock_->Now();
      if (left <= Duration(0)) return Fail(ErrorCode::kUnavailable, "{}: no answer in time", config_.url);
      HttpRequest request{.method = "POST", .url = config_.url + path,
                          .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                          .body = form, .timeout = left, .bearer = config_.bearer, .ca_file = config_.ca_file};
      Result<HttpResponse> response = SendHttp(request);
      if (!response.ok()) return Failure{{response.error().code == ErrorCode::kInvalidArgument ? ErrorCode::kUnavailable : response.error().code, response.error().message}};
      if (response->status != 429 && response->status < 500) return Understand(*response, newest);
      Duration wait = pause;
      double seconds = 0.0;
      const std::string after = response->Header("retry-after");
      if (std::from_chars(after.data(), after.data() + after.size(), seconds).ec == std::errc() && seconds >= 0.0 && seconds < 3600.0) {
        wait = std::max(wait, FromSeconds(seconds));
      }
      if (clock_->Now() + wait >= deadline) {
        return Fail(ErrorCode::kUnavailable, "{}: status {}: {}", config_.url, response->status, Begin(response->body));
      }
      std::this_thread::sleep_for(wait);
      pause = std::min(2 * pause, kLongestPause);
    }
  }

  Answer Understand(const HttpResponse& response, WallTime newest) const {
    const json answer = json::parse(response.body, nullptr, false);
    if (!answer.is_object() || !answer.contains("status")) {
      return Fail(ErrorCode::kUnavailable, "{} answers {} with {}, which is not Prometheus' API", config_.url, response.status, Begin(response.body));
    }
    try {
      if (answer.at("status") != "success") {
        const bool ours = answer.value("errorType", "") == "bad_data";
        return Fail(ours ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable, "{}: {}", config_.url, answer.value("error", "an error without a text"));
      }
      const json& data = answer.at("data");
      std::vector<Series> all;
      if (data.at("resultType") == "scalar") {
        if (const auto point = PointFrom(data.at("result"))) all.push_back({.labels = {}, .points = {*point}});
      } else {
        for (const json& item : data.at("result")) {
          Series series = SeriesFrom(item);
          std::erase_if(series.points, [&](const Point& point) { return point.at < newest - config_.staleness && !item.contains("values"); });
          if (!series.points.empty()) all.push_back(std::move(series));
        }
      }
      if (all.empty()) return Fail(ErrorCode::kNoData, "no series with a finite, recent value");
      return all;
    } catch (const json::exception& error) {
      return Fail(ErrorCode::kUnavailable, "{}: an answer that is not Prometheus' API: {}", config_.url, error.what());
    }
  }

  PrometheusConfig config_;
  const Clock* clock_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::list<Asked> asked_;
};

}  // namespace

Result<std::unique_ptr<MetricSource>> MakePrometheus(const PrometheusConfig& config, const Clock* clock) {
  if (!config.url.starts_with("http://") && !config.url.starts_with("https://")) {
    return Fail(ErrorCode::kInvalidArgument, "metrics.prometheus.url '{}' is not an http or https address", config.url);
  }
  return std::unique_ptr<MetricSource>(std::make_unique<Prometheus>(config, clock));
}

}  // namespace auspex::telemetry
