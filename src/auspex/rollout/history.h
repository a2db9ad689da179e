#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/rollout/lesson.h"
#include "auspex/rollout/spec.h"
#include "auspex/telemetry/counters.h"
#include "auspex/telemetry/sketch.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::rollout {

// What the ledger keeps of a service for later rollouts, as one of its baseline rows (section 1,
// History): a baseline's traffic in some minutes, and, in the row that a rollout writes at its end,
// its lesson. Rows of the last days are merged by adding.
struct BaselineAggregate {
  telemetry::Sketch latency_us;
  std::map<std::string, telemetry::RouteCounts> routes;
  double requests = 0;  // of the baseline
  double errors = 0;
  double requests_both = 0;  // of both arms: the service's traffic
  double seconds = 0;
  Lesson lesson = {};
  std::vector<std::int64_t> bucket_edges_us = {};  // of latency_us, where it comes from buckets
  std::map<std::string, telemetry::RateCounts> behaviour = {};  // of the baseline, by signal
};
// Error rate, edges, busiest routes and traffic of the spec. Its noise is the lesson's:
// ApplyLesson.
void ApplyHistory(const BaselineAggregate& seen, RolloutSpec* spec);
// `other` is the newer: where the two counted latency in different buckets, whose counts cannot be
// added, only its latencies stay.
void Merge(const BaselineAggregate& other, BaselineAggregate* sum);

// All rows, oldest first, as one. Latencies are those of the rows that counted them as the newest
// does: in the same buckets, or request by request.
struct MergedRows {
  BaselineAggregate seen;
  std::int64_t latencies_left_out = 0;  // requests whose latency was counted otherwise
};
[[nodiscard]] MergedRows MergeRows(std::vector<BaselineAggregate> rows);
// Baseline requests from which on history is enough to start without observing.
inline constexpr double kLeastHistoryRequests = 2000.0;
[[nodiscard]] bool IsEnoughHistory(const MergedRows& rows);

// As JSON; reading takes what older programs stored, without lessons. Error: kDataLoss.
[[nodiscard]] std::string ToJson(const BaselineAggregate& seen);
Result<BaselineAggregate> AggregateFromJson(std::string_view text);

// The edges for the canary: 5 % wider, so that a tolerated slowness is no event.
[[nodiscard]] telemetry::Edges CanaryEdges(const telemetry::Edges& baseline);

}  // namespace auspex::rollout
