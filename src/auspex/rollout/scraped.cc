#include "auspex/rollout/scraped.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace auspex::rollout {
namespace {

using telemetry::Edges;
using telemetry::Histogram;
using telemetry::RateCounts;
using telemetry::ServerTick;

// Slower than the last edge, for want of anything better.
constexpr double kBeyondLast = 2.0;
// The least baseline of a behaviour that makes a rate.
constexpr double kLeastAll = 100.0;

template <typename Reading, typename Counts>
void Grow(const std::map<std::string, BothArms<Reading>>& now,
          std::map<std::string, BothArms<Reading>>* before,
          std::map<std::string, BothArms<Counts>>* counts) {
  for (const auto& [name, reading] : now) {
    const auto found = before->find(name);
    if (found != before->end()) {
      const auto canary = Grown(found->second.canary, reading.canary);
      const auto baseline = Grown(found->second.baseline, reading.baseline);
      if (canary && baseline) counts->emplace(name, BothArms<Counts>{*canary, *baseline});
    }
    before->insert_or_assign(name, reading);
  }
}

// Within what a stored edge may be: buckets of hours all lie beyond any request.
std::int64_t Micros(double seconds) {
  constexpr double kLeast = 1.0, kMost = 1e12;
  return std::llround(std::clamp(seconds * 1e6, kLeast, kMost));
}
std::int64_t Whole(double count) { return std::llround(count); }

// Slower than an edge that is one of the histogram's; nullopt: it has other buckets by now.
std::optional<double> SlowerThan(const Histogram& histogram, std::int64_t edge_us) {
  for (std::size_t i = 0; i < histogram.edges_s.size(); ++i) {
    if (Micros(histogram.edges_s[i]) == edge_us) return histogram.Above(i);
  }
  return std::nullopt;
}

void AddLatency(const Histogram& histogram, const std::optional<Edges>& edges, ServerTick* tick) {
  double below = 0.0;
  for (std::size_t i = 0; i < histogram.edges_s.size(); ++i) {
    tick->latency_us.Add(static_cast<double>(Micros(histogram.edges_s[i])),
                         Whole(histogram.at_or_below[i] - below));
    below = histogram.at_or_below[i];
  }
  tick->latency_us.Add(kBeyondLast * static_cast<double>(Micros(histogram.edges_s.back())),
                       Whole(histogram.total - below));
  if (!edges) return;
  tick->has_edges = true;
  const auto slower_than = [&](std::int64_t edge_us) {
    const std::optional<double> slower = SlowerThan(histogram, edge_us);
    if (!slower) tick->has_edges = false;
    return std::min(Whole(slower.value_or(0.0)), tick->requests);
  };
  for (std::size_t i = 0; i < tick->slower.size(); ++i)
    tick->slower[i] = slower_than(edges->slower_us[i]);
  tick->harmed = std::min(tick->errors + slower_than(edges->harm_us), tick->requests);
}

// As a histogram's labels say them.
std::string EdgesInWords(const Edges& edges) {
  std::vector<std::string> texts;
  for (const std::int64_t edge : edges.slower_us)
    texts.push_back(fmt::format("{:g}", static_cast<double>(edge) / 1e6));
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return fmt::format("{}", fmt::join(texts, ", "));
}

ServerTick TickOf(const RateCounts& counts) {
  ServerTick tick;
  tick.requests = Whole(counts.all);
  tick.errors = tick.harmed = std::min(Whole(counts.events), tick.requests);
  return tick;
}

// What the sketch has, by the edges at which it was put there.
Histogram HistogramOf(const telemetry::Sketch& latency_us,
                      const std::vector<std::int64_t>& edges_us) {
  Histogram histogram{
      .edges_s = {}, .at_or_below = {}, .total = static_cast<double>(latency_us.count())};
  for (const std::int64_t edge : edges_us) {
    histogram.edges_s.push_back(static_cast<double>(edge) / 1e6);
    histogram.at_or_below.push_back(
        static_cast<double>(latency_us.AtOrBelow(static_cast<double>(edge))));
  }
  return histogram;
}

}  // namespace

ScrapedCounts ScrapeMemory::Take(const SignalReading& reading) {
  ScrapedCounts counts;
  Grow(reading.rates, &rates_, &counts.rates);
  Grow(reading.histograms, &histograms_, &counts.histograms);
  return counts;
}

void AddBehaviour(const ScrapedCounts& counts, const RolloutSpec& spec, telemetry::Window* window) {
  for (const auto& behaviour : spec.history.behaviour) {
    const auto found = counts.rates.find(behaviour.name);
    const BothArms<RateCounts> arms =
        found == counts.rates.end() ? BothArms<RateCounts>{} : found->second;
    window->canary.behaviour.push_back({arms.canary.events, arms.canary.all});
    window->baseline.behaviour.push_back({arms.baseline.events, arms.baseline.all});
  }
}

ScrapedTicks TicksOf(const ScrapedCounts& counts, const std::vector<SignalConfig>& signals,
                     const std::optional<Edges>& edges) {
  ScrapedTicks ticks;
  for (const SignalConfig& signal : signals) {
    const auto found = counts.rates.find(signal.name);
    if (signal.role != "errors" || found == counts.rates.end()) continue;
    ticks.canary = TickOf(found->second.canary);
    ticks.baseline = TickOf(found->second.baseline);
  }
  for (const SignalConfig& signal : signals) {
    const auto found = counts.histograms.find(signal.name);
    if (found == counts.histograms.end()) continue;
    // An arm with nothing but le="+Inf" tells no latency.
    if (found->second.baseline.edges_s.empty() || found->second.canary.edges_s.empty()) continue;
    for (const double edge : found->second.baseline.edges_s)
      ticks.bucket_edges_us.push_back(Micros(edge));
    AddLatency(found->second.canary, edges, &ticks.canary);
    AddLatency(found->second.baseline, edges, &ticks.baseline);
    for (const ServerTick* arm : {&ticks.canary, &ticks.baseline}) {
      if (!edges || arm->has_edges) continue;
      ticks.unseen.push_back(fmt::format(
          "{} (the {}: its buckets are not those that the history was counted in, with `le` {}; a "
          "deployment after this one can judge them)",
          signal.name, arm == &ticks.canary ? "canary" : "baseline", EdgesInWords(*edges)));
    }
  }
  return ticks;
}

void ApplyBuckets(const telemetry::Sketch& latency_us,
                  const std::vector<std::int64_t>& bucket_edges_us, RolloutSpec* spec) {
  if (bucket_edges_us.empty() || latency_us.count() == 0 || !spec->edges) return;
  static constexpr std::array<double, 4> kQuantiles = {.5, .9, .99, .999};
  constexpr double kSlower = 1.05;
  const Histogram histogram = HistogramOf(latency_us, bucket_edges_us);
  for (std::size_t i = 0; i < spec->edges->slower_us.size(); ++i) {
    const std::size_t edge = telemetry::EdgeForQuantile(histogram, kQuantiles[i]);
    spec->edges->slower_us[i] = bucket_edges_us[edge];
    spec->history.latency_rate[i] = (histogram.Above(edge) + .5) / (histogram.total + 1.0);
    spec->history.latency_tolerated[i] =
        evidence::kToleratedRatio * telemetry::SlownessAllowance(histogram, edge, kSlower);
  }
  spec->edges->harm_us = spec->edges->slower_us[2];
}

void ApplyBehaviour(const std::vector<std::string>& names,
                    const std::map<std::string, RateCounts>& baseline, double requests,
                    RolloutSpec* spec) {
  const std::vector<evidence::History::Behaviour> before =
      std::exchange(spec->history.behaviour, {});
  for (const std::string& name : names) {
    evidence::History::Behaviour behaviour{.name = name};
    for (const evidence::History::Behaviour& one : before) {
      if (one.name == name) behaviour.s2 = one.s2;
    }
    const auto found = baseline.find(name);
    if (found != baseline.end() && found->second.all >= kLeastAll) {
      behaviour.rate = (found->second.events + .5) / (found->second.all + 1.0);
      if (requests > 0.0) behaviour.share = std::min(1.0, found->second.all / requests);
    } else {
      behaviour.tolerated = kUnknownTolerated;
    }
    spec->history.behaviour.push_back(std::move(behaviour));
  }
}

}  // namespace auspex::rollout
