#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "lab/simulator/deployment.h"

namespace auspex::lab::simulator {

// Who gets what while a tick lasts, shares of all requests.
struct Split {
  double canary = 0.0;
  // Of those that are counted as the baseline's: all that the canary does not get, unless a policy
  // compares with a group of its own.
  std::optional<double> baseline = {};
  // The canary's error in this tick at which the router stops it until the next one, > 0.
  std::optional<std::int64_t> fuse = {};
};

// Latencies, ms, ascending, over which requests are counted.
struct LatencyEdges {
  std::vector<double> canary;
  std::vector<double> baseline;
};

struct ArmCounts {
  struct Route {
    std::int64_t requests = 0;
    std::int64_t errors = 0;
  };
  std::int64_t requests = 0;
  std::int64_t errors = 0;
  std::array<Route, kRouteShares.size()> routes{};
  std::vector<std::int64_t> slower;  // over each edge
};

struct Tick {
  ArmCounts canary;
  ArmCounts baseline;
  // Expected requests of the canary that its fault made fail or slower than the baseline's p99.
  double harmed = 0.0;
  // Where the fuse stopped the canary: how long after the tick's begin. Both arms' counts are of
  // the requests before it.
  std::optional<double> stopped_after_s = {};
};

// What the requests of a deployment showed, tick by tick. The chance of a tick is keyed by the
// deployment, the tick's begin and its length: policies that see the same tick at the same weight
// see the same events, whatever they did before. Arrivals are Poisson; which arm gets a request is
// drawn for each. Not thread-safe.
class Traffic {
 public:
  // `deployment` outlives it.
  explicit Traffic(const Deployment& deployment) : deployment_(&deployment) {}

  // `begin_s` and `seconds` on the grid of the noise: whole cells, or within one.
  [[nodiscard]] Tick Draw(double begin_s, double seconds, const Split& split,
                          const LatencyEdges& edges);
  // Only the harm: of traffic that nobody watches any more.
  [[nodiscard]] double Harm(double begin_s, double end_s, double canary_share);
  // A sample quantile of the canary's (or the baseline's) `requests` latencies around `at_s`, ms.
  struct Sample {
    double at_s = 0.0;
    double weight = 0.0;
    bool canary = false;
    std::int64_t requests = 0;  // > 0
    double q = .5;
  };
  [[nodiscard]] double DrawLatencyQuantile(const Sample& sample) const;

 private:
  // Tail probabilities of one state of an arm; they stay the same for many ticks.
  struct Tails {
    std::optional<ArmState> arm;
    std::vector<double> edges;
    std::vector<double> beyond;
  };
  struct ArmMeans {
    double requests = 0.0;
    std::array<double, kRouteShares.size()> errors{};
    std::vector<double> slower;  // share of the requests beyond each edge
  };
  const std::vector<double>& Beyond(const ArmState& arm, const std::vector<double>& edges,
                                    Tails* tails) const;
  static void DrawRoutes(const ArmMeans& means, double part, Random* random, ArmCounts* counts);
  static double ApplyFuse(std::int64_t fuse, Random* random, ArmCounts* counts);
  static void DrawLatencies(const ArmMeans& means, Random* random, ArmCounts* counts);
  [[nodiscard]] double HarmShare(double at_s, double weight);
  void AddCell(const ArmState& arm, double requests, const std::vector<double>& beyond,
               ArmMeans* means) const;

  const Deployment* deployment_;
  Tails canary_tails_, baseline_tails_;
  std::optional<ArmState> faulty_, healthy_;  // of harm_share_
  double harm_share_ = 0.0;
};

}  // namespace auspex::lab::simulator
