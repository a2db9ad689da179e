// ReadRecording: files of requests and series for `auspex judge`, any bytes; and what is read is
// judged.

#include "auspex/telemetry/recorded/recorded.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "auspex/evidence/judge/change.h"
#include "auspex/evidence/judge/requests.h"
#include "auspex/evidence/judge/series.h"
#include "fuzz/check.h"

namespace {

using auspex::evidence::Judgement;

void CheckJudgement(const Judgement& judgement) {
  AUSPEX_FUZZ_CHECK(!judgement.reason.empty(), judgement.reason);
  AUSPEX_FUZZ_CHECK(judgement.p_fail && *judgement.p_fail >= 0.0 && *judgement.p_fail <= 1.0,
                    judgement.reason);
  AUSPEX_FUZZ_CHECK(judgement.log_e && !std::isnan(*judgement.log_e), judgement.reason);
}

void Check(const auspex::telemetry::RecordedRequests& recorded) {
  std::vector<auspex::evidence::JudgedRequest> requests;
  for (const auto& row : recorded.rows) {
    AUSPEX_FUZZ_CHECK(row.route < recorded.routes.size(), "route");
    AUSPEX_FUZZ_CHECK(requests.empty() || requests.back().at_s <= row.at_s, "order");
    requests.push_back({row.at_s, row.latency_ms, row.route, row.canary, row.ok});
  }
  CheckJudgement(JudgeRequests(requests, recorded.routes, {}));
}

std::vector<auspex::evidence::JudgedPoint> Judged(
    const std::vector<auspex::telemetry::RecordedPoint>& points) {
  std::vector<auspex::evidence::JudgedPoint> judged;
  for (const auto& point : points) {
    AUSPEX_FUZZ_CHECK(judged.empty() || judged.back().at_s < point.at_s, "order");
    judged.push_back({point.at_s, point.value, point.count});
  }
  return judged;
}

void Check(const auspex::telemetry::RecordedMetrics& recorded) {
  std::vector<auspex::evidence::JudgedMetric> metrics;
  for (const auto& metric : recorded.metrics) {
    auto& one = metrics.emplace_back();
    one.name = metric.name;
    one.canary = Judged(metric.canary);
    one.baseline = Judged(metric.baseline);
    one.kind = GuessKind(one);
    one.direction = auspex::evidence::GuessDirection(one.name);
  }
  CheckJudgement(JudgeSeries(metrics, {}));
}

void Check(const auspex::telemetry::RecordedSeries& recorded) {
  std::vector<auspex::evidence::SeriesPoint> points;
  for (const auto& point : recorded.points) points.push_back({point.at_s, point.value});
  const double middle = (points.front().at_s + points.back().at_s) / 2.0;
  const auto judgement = JudgeChange(points, {.change_at_s = middle});
  if (judgement.ok()) CheckJudgement(*judgement);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the bytes as text
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto recording = auspex::telemetry::ReadRecording(auspex::TextInput(text), "fuzz.csv");
  if (!recording.ok()) {
    AUSPEX_FUZZ_CHECK(recording.error().message.starts_with("fuzz.csv:"),
                      recording.error().message);
    return 0;
  }
  std::visit([](const auto& read) { Check(read); }, *recording);
  return 0;
}
