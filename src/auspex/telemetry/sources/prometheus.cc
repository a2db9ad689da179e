#include "auspex/telemetry/sources/prometheus.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <thread>

#include "auspex/base/http_client.h"
#include "auspex/base/mutex.h"
#include "auspex/base/thread_annotations.h"
#include "auspex/telemetry/sources/prometheus_answer.h"

namespace auspex::telemetry {
namespace {

using Answer = Result<std::vector<Series>>;

constexpr int kAttempts = 50;  // the deadline comes first
constexpr std::size_t kRemembered = 256;
constexpr std::size_t kRememberedBytes = 4U << 20U;

std::string TimeText(WallTime at) {
  return fmt::format("{:.3f}", static_cast<double>(MicrosSinceEpoch(at)) / 1e6);
}

// What an answer occupies, roughly: labels count too, or a few series with labels of megabytes
// would be kept for each of the answers.
std::size_t BytesOf(const Answer& answer) {
  if (!answer.ok()) return answer.error().message.size();
  std::size_t bytes = 0;
  for (const Series& series : *answer) {
    bytes += sizeof(Series) + series.points.size() * sizeof(Point);
    for (const Label& label : series.labels)
      bytes += sizeof(Label) + label.name.size() + label.value.size();
  }
  return bytes;
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
    std::size_t bytes = 0;
  };

  // One request for all who ask the same at the same second.
  Answer Shared(const std::string& path, const std::string& form, WallTime oldest,
                MonotonicTime deadline) {
    const std::string key = path + "?" + form;
    MutexLock lock(mutex_);
    const auto found = std::find_if(asked_.begin(), asked_.end(),
                                    [&](const auto& asked) { return asked->key == key; });
    if (found != asked_.end()) {
      const std::shared_ptr<Asked> asked = *found;
      const auto answered = [&] { return asked->answer.has_value(); };
      if (!answered_.wait_for(lock.native(), deadline - clock_->Now(), answered)) {
        return Fail(ErrorCode::kUnavailable, "{}: no answer in time", config_.url);
      }
      return *asked->answer;
    }
    const auto mine = std::make_shared<Asked>(Asked{.key = key, .answer = {}});
    asked_.push_front(mine);
    lock.Unlock();
    Answer answer = Ask(path, form, oldest, deadline);
    lock.Lock();
    Keep(mine, answer);
    answered_.notify_all();
    return answer;
  }

  // Waiting callers hold their entry, so that it may leave the list.
  void Keep(const std::shared_ptr<Asked>& asked, const Answer& answer) AUSPEX_REQUIRES(mutex_) {
    asked->answer = answer;
    const auto place = std::find(asked_.begin(), asked_.end(), asked);
    if (place == asked_.end()) return;  // pushed out while it was under way
    if (!answer.ok() && answer.error().code == ErrorCode::kUnavailable) {
      asked_.erase(place);
      return;
    }
    asked->bytes = asked->key.size() + BytesOf(answer);
    bytes_ += asked->bytes;
    while (!asked_.empty() && (asked_.size() > kRemembered || bytes_ > kRememberedBytes)) {
      bytes_ -= asked_.back()->bytes;
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
    return ParsePrometheusAnswer(config_.url, *response, oldest);
  }

  Random NextRandom() {
    const MutexLock lock(mutex_);
    return Random(random_.Bits());
  }

  PrometheusConfig config_;
  const Clock* clock_;
  Mutex mutex_;  // guards the answers in `asked_` too
  std::condition_variable answered_;
  std::list<std::shared_ptr<Asked>> asked_ AUSPEX_GUARDED_BY(mutex_);  // newest first
  std::size_t bytes_ AUSPEX_GUARDED_BY(mutex_) = 0;
  // Of the pauses between tries: nothing is decided by it.
  Random random_ AUSPEX_GUARDED_BY(mutex_);
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
