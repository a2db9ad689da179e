#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auspex/rollout/rollout.h"
#include "auspex/rollout/signals.h"
#include "auspex/telemetry/counters.h"
#include "auspex/telemetry/window.h"

// What counters of a metrics server say of one tick: behaviour beside a per-request feed, and all
// there is of a service without one.
namespace auspex::rollout {

// Between two readings.
struct ScrapedCounts {
  std::map<std::string, BothArms<telemetry::RateCounts>> rates;  // by signal
  std::map<std::string, BothArms<telemetry::Histogram>> histograms;
};

// Remembers the last reading of each signal. Belongs to the engine's thread. Lost with the daemon:
// what was counted while it was away is in no tick.
class ScrapeMemory {
 public:
  // An arm whose series changed makes no interval, and then there is none for the other either:
  // both arms are counted over the same time.
  ScrapedCounts Take(const SignalReading& reading);

 private:
  std::map<std::string, BothArms<telemetry::RateReading>> rates_;
  std::map<std::string, BothArms<telemetry::BucketReading>> histograms_;
};

// Into the windows of both arms, in the order of the spec's behaviour.
void AddBehaviour(const ScrapedCounts& counts, const RolloutSpec& spec, telemetry::Window* window);

// The tick of a scraped service as a feed would have given it: requests and errors from the signal
// with role errors; slower ones at the edges, which are bucket edges (ApplyBuckets), the same for
// both arms; latencies at their bucket's upper edge, for history. No routes. A request that failed
// and was slow counts twice as harmed, for buckets do not tell.
struct ScrapedTicks {
  telemetry::ServerTick canary;
  telemetry::ServerTick baseline;
  std::vector<std::int64_t> bucket_edges_us;  // of the latency histogram; empty: none
  // Signals whose buckets are not those of the edges, so that they say nothing; each with why.
  std::vector<std::string> unseen;
};
[[nodiscard]] ScrapedTicks TicksOf(const ScrapedCounts& counts,
                                   const std::vector<SignalConfig>& signals,
                                   const std::optional<telemetry::Edges>& edges);

// After ApplyHistory, where latencies were counted in buckets: the edges become bucket edges, at
// which counts are exact; the tolerance of 5 % in latency, which would lie between them, becomes a
// wider ratio (SlownessAllowance of telemetry/histogram.h).
void ApplyBuckets(const telemetry::Sketch& latency_us,
                  const std::vector<std::int64_t>& bucket_edges_us, RolloutSpec* spec);

// The spec's behaviour, of signals in their order; `baseline` as counted so far, by name. One that
// was not counted yet gets a rate of 5 % and a tolerance of kUnknownTolerated. The noise of the
// arms that the spec already has of a signal stays: it comes from ApplyLesson.
inline constexpr double kUnknownTolerated = 1.5;
void ApplyBehaviour(const std::vector<std::string>& names,
                    const std::map<std::string, telemetry::RateCounts>& baseline, double requests,
                    RolloutSpec* spec);

}  // namespace auspex::rollout
